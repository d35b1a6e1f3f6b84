/**
 * From the open socket to `ready`: which proof counts, what a bad one is told, what the first words are. A bad proof is
 * answered on the socket, because a browser can't read a refused handshake. Enter the tables first, look second.
 */
import type { Config } from '../config.ts';
import { AppError, invalid, issue } from '../errors.ts';
import { userTopic } from '../events.ts';
import { outsider } from '../lib/access.ts';
import { isUuid } from '../lib/check.ts';
import type { User } from '../users/model.ts';
import type { Bus } from './bus.ts';
import { close, refuse } from './closing.ts';
import type { Opening } from './busy.ts';
import type { Connection } from './connection.ts';
import * as frames from './frames.ts';
import type { Heartbeat } from './heartbeat.ts';
import { CLOSES, type CommandId, type ReadyRoom, type Wanted } from './model.ts';
import type { NewRooms } from './new-rooms.ts';
import type { Proven, RoomsPort, SessionsPort } from './ports.ts';
import type { Presence } from './presence.ts';
import type { RealtimeQueries } from './queries.ts';
import type { Roster } from './roster.ts';

export type OpeningPorts = {
  config: Pick<Config, 'wsPerUser' | 'wsAuthSeconds'>;
  sessions: SessionsPort;
  rooms: RoomsPort;
  queries: RealtimeQueries;
  roster: Roster;
  bus: Bus;
  presence: Presence;
  heartbeat: Heartbeat;
  newRooms: NewRooms;
  /** What was thrown, as the error that a client may see. */
  asAppError: (thrown: unknown) => AppError;
  /** Commands that came before `ready` and were kept. */
  resumeCommands: (connection: Connection) => void;
  /** The subscription that `/ws/chat/:roomId` asks for by itself. */
  subscribeOnly: (connection: Connection, wanted: Wanted) => void;
};

export type Enter = ReturnType<typeof createOpening>;

type Only = { wanted: Wanted; rooms: ReadyRoom[] } | undefined;

export function createOpening(ports: OpeningPorts) {
  const { config, sessions, rooms, queries, roster, bus, presence, heartbeat, newRooms, asAppError } = ports;

  /** The room of `/ws/chat/:roomId`, and what `ready` says of it. Throws not_found, forbidden, invalid. */
  async function onlyRoom({ only }: Opening, { caller }: Proven): Promise<Only> {
    if (!only) return undefined;
    if (!isUuid(only.roomId)) throw new AppError('not_found', 'There is no such room.');
    const wanted = wantedOf(only);
    const entry = await queries.entry(caller.userId, wanted.roomId);
    if (!entry?.role) throw outsider(entry, caller);
    const { roomId, epoch, lastSeq, readSeq } = entry;
    return { wanted, rooms: [{ roomId, epoch, lastSeq, readSeq: readSeq! }] };
  }

  /** The tables come first: from here on whatever ends the session or removes the person finds this socket. */
  function enter(connection: Connection, { caller, expiresAt }: Proven): void {
    const { userId, sessionId, role } = caller;
    // Several sockets of one session share what is known of it.
    const others = roster.of(userId);
    connection.caller = others.find((other) => other.caller!.sessionId === sessionId && other.caller!.role === role)?.caller ?? caller;
    connection.expiresAt = expiresAt;
    if (others.length === 0) presence.arriving(userId);
    roster.enter(userId, connection);
  }

  function begin(connection: Connection, user: User, listed: { rooms: ReadyRoom[]; next: string | null }, id: CommandId | undefined): void {
    const { userId, sessionId } = connection.caller!;
    connection.phase = 'ready';
    connection.send(frames.ready(user, sessionId, new Date(connection.expiresAt).toISOString(), listed.rooms, listed.next));
    if (id !== undefined) connection.send(frames.ok(id));
    heartbeat.begin(connection);
    newRooms.known(connection, listed.rooms);
    if (roster.of(userId).length > config.wsPerUser) {
      const sockets = roster.of(userId).filter((other) => other.phase === 'ready');
      for (const oldest of sockets.slice(0, Math.max(0, sockets.length - config.wsPerUser))) close(oldest, CLOSES.replaced);
    }
    const later = connection.busy?.later;
    if (!later) return;
    connection.errands.later = undefined;
    for (const tell of later) tell();
  }

  /** Proves who it is and brings the socket to `ready`; `id` is that of an `auth` frame. Never throws. */
  return async function enterWith(connection: Connection, proof: { ticket: string } | { token: string }, id?: CommandId): Promise<void> {
    const opening = connection.busy!.opening!;
    connection.phase = 'proving';
    try {
      const proven = 'ticket' in proof ? await sessions.redeem(proof.ticket) : await sessions.prove(proof.token);
      if (!connection.open) return;
      enter(connection, proven);
      const { userId } = proven.caller;
      await bus.listen([userTopic(userId)]);
      const only = await onlyRoom(opening, proven);
      const listed = only ? { rooms: only.rooms, next: null } : await rooms.readyRooms(userId);
      if (!connection.open) return;
      if (only) connection.errands.only = only.wanted.roomId;
      connection.errands.opening = undefined;
      begin(connection, proven.user, listed, id);
      if (!connection.open) return;
      if (only) ports.subscribeOnly(connection, only.wanted);
      ports.resumeCommands(connection);
      connection.rest();
    } catch (thrown) {
      refuse(connection, asAppError(thrown), id);
    }
  };
}

/** `?after=&epoch=` as a subscription. Throws invalid. */
function wantedOf({ roomId, after, epoch }: NonNullable<Opening['only']>): Wanted {
  const wanted: Wanted = { roomId: roomId.toLowerCase() };
  if (after === undefined) return wanted;
  if (!/^\d{1,16}$/.test(after) || !Number.isSafeInteger(Number(after))) throw invalid(issue('/after', 'type', 'must be an integer'));
  if (epoch === undefined) throw invalid(issue('/epoch', 'required', 'is required with after'));
  return { ...wanted, after: Number(after), epoch };
}

/**
 * Carries out what clients say, in the contract's order of checks: syntax, identity, rate, fields, then the verb that REST calls
 * as well. One user's writes on one socket take effect in the order sent; a command with an id gets exactly one answer.
 */
import type { Config } from '../config.ts';
import { AppError, forbidden } from '../errors.ts';
import { outsider } from '../lib/access.ts';
import { Mailbox } from '../lib/mailbox.ts';
import type { RateLimiter } from '../lib/rate-limit.ts';
import { UNANSWERED } from '../limits.ts';
import { close, refuse } from './closing.ts';
import type { Connection } from './connection.ts';
import type { Ephemeral } from './ephemeral.ts';
import * as frames from './frames.ts';
import { CLOSES, type CommandId, type CommandType, RATE_OF, type Wanted } from './model.ts';
import type { Enter } from './opening.ts';
import type { MessagesPort, SessionsPort } from './ports.ts';
import type { RealtimeQueries } from './queries.ts';
import { type Resume, checkWanted } from './resume.ts';

const MALFORMED_MOST = 3;
/** So many refusals for speed within this time end the socket. */
const LIMITED_MOST = 10;
const LIMITED_MS = 10_000;

export type CommandPorts = {
  config: Pick<Config, 'rateLimits'>;
  limiter: RateLimiter;
  sessions: SessionsPort;
  messages: MessagesPort;
  queries: RealtimeQueries;
  resume: Resume;
  ephemeral: Ephemeral;
  enter: () => Enter;
  asAppError: (thrown: unknown) => AppError;
  /** One command of this type came to this end. */
  count: (type: string, outcome: 'ok' | 'error') => void;
};

export type Commands = ReturnType<typeof createCommands>;

type Answer = frames.OkFields | undefined;

export function createCommands(ports: CommandPorts) {
  const { config, limiter, sessions, messages, queries, resume, ephemeral, enter, asAppError, count } = ports;

  /** The answer to one command, and whatever its failure means for the socket. `counted`: it was one of the 64. */
  function fail(connection: Connection, type: string, id: CommandId | undefined, error: AppError, counted: boolean): void {
    if (counted) settle(connection);
    count(type, 'error');
    connection.send(frames.error(id, error));
    leave(connection);
    if (error.code !== 'rate_limited') return;
    const now = performance.now();
    connection.limited = [...(connection.limited ?? []), now].slice(-LIMITED_MOST);
    if (connection.limited.length === LIMITED_MOST && now - connection.limited[0]! < LIMITED_MS) close(connection, CLOSES.tooMany);
  }

  function succeed(connection: Connection, type: string, id: CommandId | undefined, answer: Answer, counted: boolean): void {
    if (counted) settle(connection);
    count(type, 'ok');
    if (id !== undefined) connection.send(frames.ok(id, answer));
    leave(connection);
  }

  /** A draining node waits for nothing else. */
  function leave(connection: Connection): void {
    if (connection.leaving && connection.unanswered === 0) close(connection, CLOSES.restart);
  }

  function settle(connection: Connection): void {
    if (--connection.unanswered > 0) return;
    // Nothing waits, so the queues are empty: an idle socket keeps none.
    connection.writes = undefined;
    connection.subscriptions = undefined;
  }

  /** `/ws/chat/:roomId`: the room may be left out, and another one may not be named. Throws forbidden. */
  function inOnlyRoom(connection: Connection, type: CommandType, given: Record<string, unknown>): Record<string, unknown> {
    const { only } = connection;
    const isOther = (roomId: unknown): boolean => typeof roomId === 'string' && roomId.toLowerCase() !== only;
    const other = () => forbidden('This socket is for one room alone.');
    const fields = { ...given };
    if (type === 'subscribe' || type === 'unsubscribe') {
      fields.rooms ??= [type === 'subscribe' ? {} : only];
      if (!Array.isArray(fields.rooms)) return fields;
      fields.rooms = fields.rooms.map((room: unknown) => {
        const roomId = type === 'subscribe' ? (room as { roomId?: unknown } | null)?.roomId : room;
        if (isOther(roomId)) throw other();
        return type === 'subscribe' && room !== null && typeof room === 'object' ? { ...room, roomId: roomId ?? only } : room;
      });
    } else if (type === 'message.send' || type === 'room.read' || type === 'typing') {
      fields.roomId ??= only;
      if (isOther(fields.roomId)) throw other();
    }
    return fields;
  }

  /** Rights of admins are looked up again: a socket may be older than the role. */
  async function callerOf(connection: Connection) {
    const caller = connection.caller!;
    return caller.role === 'admin' ? { ...caller, role: await queries.roleOf(caller.userId) } : caller;
  }

  async function renew(connection: Connection, token: string): Promise<Answer> {
    const { sessionId } = connection.caller!;
    const proven = await sessions.prove(token).catch((thrown) => {
      const error = asAppError(thrown);
      throw error.status === 401 || error.code === 'account_disabled' ? new AppError('unauthenticated', 'A valid access token is required.') : error;
    });
    if (proven.caller.sessionId !== sessionId) throw forbidden('That token belongs to another session.');
    if (proven.expiresAt > connection.expiresAt) {
      connection.expiresAt = proven.expiresAt;
      connection.expiryTold = false;
      connection.caller = proven.caller;
    }
    return { expiresAt: new Date(connection.expiresAt).toISOString() };
  }

  async function tellTyping(connection: Connection, roomId: string, active: boolean): Promise<Answer> {
    const caller = connection.caller!;
    if (!connection.feeds.some((feed) => feed.roomId === roomId)) {
      const standing = await queries.standing(caller.userId, roomId);
      if (!standing?.role) throw outsider(standing, caller);
    }
    ephemeral.typing(caller.userId, roomId, active);
    return undefined;
  }

  /** What a command does, after its fields were checked. The synchronous part runs in the order sent. */
  async function carryOut(connection: Connection, type: CommandType, given: Record<string, unknown>): Promise<Answer> {
    const fields = connection.only === '' ? given : inOnlyRoom(connection, type, given);
    switch (type) {
      case 'message.send': {
        const { roomId, ...draft } = frames.fieldsOf(type, fields);
        const { message, duplicate } = await messages.send(connection.caller!, roomId, draft);
        return { seq: message.seq, message, duplicate: duplicate || undefined };
      }
      case 'message.edit': {
        const { messageId, content } = frames.fieldsOf(type, fields);
        const { message, seq } = await messages.edit(connection.caller!, messageId, content);
        return { seq: seq ?? undefined, message };
      }
      case 'message.delete': {
        const { messageId } = frames.fieldsOf(type, fields);
        const { message, seq } = await messages.remove(await callerOf(connection), messageId);
        return { seq: seq ?? undefined, message };
      }
      case 'room.read': {
        const { roomId, seq } = frames.fieldsOf(type, fields);
        const { readSeq, unread } = await messages.markRead(connection.caller!, roomId, seq);
        return { readSeq, unread };
      }
      case 'subscribe': {
        const { rooms } = frames.fieldsOf(type, fields);
        checkWanted(rooms);
        await resume.subscribe(connection, rooms);
        return undefined;
      }
      case 'unsubscribe': {
        const { rooms } = frames.fieldsOf(type, fields);
        for (const feed of [...connection.feeds]) if (rooms.includes(feed.roomId)) connection.leave(feed);
        return undefined;
      }
      case 'typing': {
        const { roomId, active } = frames.fieldsOf(type, fields);
        return tellTyping(connection, roomId, active);
      }
      case 'auth':
        return renew(connection, frames.fieldsOf(type, fields).token);
      case 'ping':
      case 'pong':
        return undefined;
    }
  }

  /** Waits for the rate's word, then does it and answers. Never rejects. */
  async function run(
    connection: Connection,
    type: CommandType,
    frame: frames.Read,
    gate: Promise<AppError | undefined> | undefined,
    counted: boolean,
  ): Promise<void> {
    try {
      if (gate) {
        const limited = await gate;
        if (limited) throw limited;
      }
      const answer = await carryOut(connection, type, frame.fields);
      succeed(connection, type, frame.id, answer, counted);
    } catch (thrown) {
      fail(connection, type, frame.id, asAppError(thrown), counted);
    }
  }

  function rateGate(connection: Connection, type: string): Promise<AppError | undefined> | undefined {
    if (!config.rateLimits) return undefined;
    const rate = frames.isCommand(type) ? RATE_OF[type] : 'write';
    if (!rate) return undefined;
    return limiter.take(rate, connection.caller!.userId).then(
      () => undefined,
      (thrown) => asAppError(thrown),
    );
  }

  /** Hands a command to the queue that keeps its order. Each queue is a mailbox of its own: subscriptions may overtake writes. */
  function dispatch(connection: Connection, frame: frames.Read, type: CommandType, gate: Promise<AppError | undefined> | undefined): void {
    const start = () => run(connection, type, frame, gate, type !== 'typing');
    if (type === 'typing' || type === 'auth') void start();
    else if (type === 'subscribe' || type === 'unsubscribe') {
      connection.subscriptions ??= new Mailbox();
      connection.subscriptions.post({ alone: true, gate, start });
    } else {
      connection.writes ??= new Mailbox();
      connection.writes.post({ alone: type !== 'message.send', gate, start });
    }
  }

  function malformed(connection: Connection): void {
    const error = new AppError('malformed', 'A frame is one JSON object with a text as its type.');
    count('malformed', 'error');
    connection.send(frames.error(undefined, error));
    if (++connection.malformed >= MALFORMED_MOST) close(connection, CLOSES.malformed);
  }

  /** The first proof, as a frame. */
  function authenticate(connection: Connection, frame: frames.Read): void {
    try {
      if (frame.badId) throw frames.badId();
      const { token } = frames.fieldsOf('auth', frame.fields);
      void enter()(connection, { token }, frame.id);
    } catch (thrown) {
      connection.send(frames.error(frame.id, asAppError(thrown)));
    }
  }

  function execute(connection: Connection, frame: frames.Read) {
    const { type } = frame;
    if (type === 'pong') return;
    if (connection.phase !== 'ready') {
      if (type === 'auth') return authenticate(connection, frame);
      return connection.send(frames.error(frame.id, new AppError('unauthenticated', 'Send auth first.')));
    }
    const free = type === 'ping' || type === 'typing';
    if (!free && connection.unanswered >= UNANSWERED) {
      const error = new AppError('overloaded', `At most ${UNANSWERED} commands may wait for an answer. This one was not carried out.`);
      return fail(connection, type, frame.id, error, false);
    }
    const bad = frame.badId ? frames.badId() : frames.isCommand(type) ? undefined : frames.unknownType();
    if (type === 'ping' && !bad) return connection.send(frames.pong(frame.id));
    if (!free) connection.unanswered++;
    const gate = rateGate(connection, type);
    if (!bad) return dispatch(connection, frame, type as CommandType, gate);
    if (!gate) return fail(connection, type, frame.id, bad, !free);
    void gate.then((limited) => fail(connection, type, frame.id, limited ?? bad, !free));
  }

  return {
    /** One text frame of an open socket. Never throws. */
    receive(connection: Connection, text: string) {
      if (connection.leaving) return;
      if (connection.phase === 'proving') {
        // What a client sends behind its proof waits for it, so that it need not wait itself.
        connection.early ??= [];
        if (connection.early.length < UNANSWERED) connection.early.push(text);
        else connection.send(frames.error(frames.readFrame(text)?.id, new AppError('overloaded', 'Too many commands before the proof was looked up.')));
        return;
      }
      if (connection.phase === 'ready') {
        const ping = frames.PING.exec(text);
        if (ping) return connection.send(ping[1] === undefined ? '{"type":"pong"}' : `{"type":"pong","id":${ping[1]}}`);
      }
      const frame = frames.readFrame(text);
      if (frame) execute(connection, frame);
      else malformed(connection);
    },

    /** Those that came while the proof was looked up. */
    resumeCommands(connection: Connection): void {
      const { early } = connection;
      connection.early = undefined;
      for (const text of early ?? []) if (connection.open) this.receive(connection, text);
    },

    /** The subscription of a socket for one room: asked for by the path, and fatal when refused. */
    subscribeOnly(connection: Connection, wanted: Wanted): void {
      connection.unanswered++;
      const start = async () => {
        try {
          await resume.subscribe(connection, [wanted]);
          if (connection.open && !connection.feeds.some((feed) => feed.roomId === wanted.roomId)) close(connection, CLOSES.room);
        } catch (thrown) {
          refuse(connection, asAppError(thrown));
        } finally {
          settle(connection);
        }
      };
      connection.subscriptions ??= new Mailbox();
      connection.subscriptions.post({ alone: true, start });
    },
  };
}

/**
 * The native handlers of Bun's sockets: open, message, drain, close; and how a node takes leave of its sockets. Elysia's own
 * `.ws()` makes a wrapper with 14 bound functions for every frame and keeps the request per socket (field notes), so it is not
 * used. Nothing thrown here reaches Bun.
 */
import type { Server, WebSocketHandler } from 'bun';
import { AppError } from '../errors.ts';
import { userTopic } from '../events.ts';
import { newRequestId } from '../http/headers.ts';
import { FRAME_BYTES, SOCKET_BUFFER_BYTES } from '../limits.ts';
import { close, refuse } from './closing.ts';
import { createCommands } from './commands.ts';
import type { Connection, Socket } from './connection.ts';
import * as frames from './frames.ts';
import { startHeartbeat } from './heartbeat.ts';
import { CLOSES, PROTOCOL } from './model.ts';
import type { Bus } from './bus.ts';
import type { Ephemeral } from './ephemeral.ts';
import type { Follow } from './follow.ts';
import type { Heal } from './heal.ts';
import type { NewRooms } from './new-rooms.ts';
import { type Enter, createOpening } from './opening.ts';
import type { NodePorts, SocketPorts } from './ports.ts';
import type { Presence } from './presence.ts';
import type { RealtimeQueries } from './queries.ts';
import type { Roster } from './roster.ts';
import { createResume } from './resume.ts';
import { createSnapshots } from './snapshots.ts';
import { createVerbs } from './verbs.ts';

/** Sockets of a draining node leave within this, each at a time of its own, so that they don't all arrive elsewhere at once. */
const LEAVE_MS = 3_000;

/**
 * A stalled reader must end instead of silently missing messages: so Bun closes above the buffer's limit. No protocol pings and
 * no idle timeout of Bun's: a socket that is sent to never idles out, so the inbound clock of heartbeat.ts decides.
 */
export const websocketOptions = {
  maxPayloadLength: FRAME_BYTES,
  idleTimeout: 0,
  backpressureLimit: SOCKET_BUFFER_BYTES,
  closeOnBackpressureLimit: true,
  perMessageDeflate: false,
  sendPings: false,
  publishToSelf: true,
} as const;

export type Gateway = ReturnType<typeof createGateway>;

/** The node that the sockets belong to (live.ts). */
export type Node = Pick<NodePorts, 'config' | 'log' | 'metrics' | 'readLogs'> & {
  queries: RealtimeQueries;
  roster: Roster;
  bus: Bus;
  follow: Follow;
  heal: Heal;
  presence: Presence;
  ephemeral: Ephemeral;
  newRooms: NewRooms;
};

/** `attach` is told the server whose topics are published to. */
export function createGateway(node: Node, ports: SocketPorts, attach: (server: Server<Connection>) => void) {
  const { config, log, metrics, queries, readLogs, roster, bus, follow, heal, presence, ephemeral, newRooms } = node;
  const [helloBefore, helloAfter] = frames.helloParts(config);
  const prefix = crypto.randomUUID().slice(0, 8);
  let opened = 0;
  let drainingUntil = 0;
  let emptied: (() => void) | undefined;

  /** Counted here and handed over once a second: a labelled counter costs more than answering a ping. */
  const tallies = new Map<string, number>();
  const count = (type: string, outcome: 'ok' | 'error') => {
    const key = `${frames.isCommand(type) ? type : 'unknown'} ${outcome}`;
    tallies.set(key, (tallies.get(key) ?? 0) + 1);
  };
  const tally = setInterval(() => {
    for (const [key, n] of tallies) {
      const [type = '', outcome = ''] = key.split(' ');
      metrics.commands.inc({ type, outcome }, n);
    }
    tallies.clear();
  }, 1_000);
  tally.unref();

  /** Unknown errors are ours: logged whole, and the client learns nothing about them. */
  function asAppError(thrown: unknown): AppError {
    if (thrown instanceof AppError) return thrown;
    log.error({ err: thrown, requestId: newRequestId() }, 'unexpected error on a socket');
    return new AppError('internal', 'Something went wrong on the server. It has been logged.');
  }

  const heartbeat = startHeartbeat({ config, roster, close });
  const resume = createResume({ follow, heal, presence, snapshots: createSnapshots(readLogs), roomsMost: config.wsRooms });
  const carryOut = createVerbs({ ...ports, queries, resume, ephemeral, asAppError });
  const commands = createCommands({ config, limiter: ports.limiter, carryOut, resume, enter: () => enter, asAppError, count });
  const enter: Enter = createOpening({
    config,
    ...ports,
    queries,
    roster,
    bus,
    presence,
    heartbeat,
    newRooms,
    asAppError,
    resumeCommands: (connection) => commands.resumeCommands(connection),
    subscribeOnly: (connection, wanted) => commands.subscribeOnly(connection, wanted),
  });

  function leaveSoon(connection: Connection): void {
    const afterMs = Math.round(Math.random() * Math.min(LEAVE_MS, Math.max(0, drainingUntil - performance.now()) / 2));
    connection.errands.leaveAt = performance.now() + afterMs;
    connection.send(frames.reconnect(afterMs));
  }

  function open(ws: Socket) {
    const connection = ws.data;
    connection.ws = ws;
    const opening = connection.busy!.opening!;
    const now = performance.now();
    connection.heardAt = now;
    connection.dueAt = now + config.wsAuthSeconds * 1_000;
    const isFull = roster.all.size >= config.wsMax;
    roster.all.add(connection);
    metrics.sockets.set(roster.all.size);
    if (isFull) return close(connection, CLOSES.full);
    connection.send(`${helloBefore}${prefix}-${(++opened).toString(36)}${helloAfter}`);
    if (opening.foreignProtocol) return close(connection, CLOSES.protocol);
    if (opening.refusal) return refuse(connection, opening.refusal);
    if (drainingUntil > 0) {
      // Clients whose only address this is come back at once: kept, they would hold up the leave to its very end.
      connection.send(frames.reconnect(0));
      return close(connection, CLOSES.restart);
    }
    const { bearer, ticket, token } = opening;
    if (bearer !== undefined) void enter(connection, { token: bearer });
    else if (ticket !== undefined) void enter(connection, { ticket });
    else if (token !== undefined) void enter(connection, { token });
  }

  /** Undoes whatever the socket was part of. */
  function closed(ws: Socket, code: number): void {
    const connection = ws.data;
    if (!connection.open) return;
    connection.phase = 'closed';
    const drained = connection.busy?.drained;
    connection.busy = undefined;
    for (const feed of connection.feeds) connection.leave(feed);
    newRooms.forget(connection);
    roster.all.delete(connection);
    metrics.sockets.set(roster.all.size);
    metrics.socketCloses.inc({ code: String(code) });
    drained?.();
    const { caller } = connection;
    if (caller && roster.leave(caller.userId, connection)) {
      presence.left(caller.userId);
      bus.leave([userTopic(caller.userId)]);
    }
    if (roster.all.size === 0) emptied?.();
  }

  const handlers: WebSocketHandler<Connection> = {
    ...websocketOptions,
    open,
    message(ws, data) {
      const connection = ws.data;
      connection.heardAt = performance.now();
      if (typeof data === 'string') commands.receive(connection, data);
      else close(connection, CLOSES.binary);
    },
    drain(ws) {
      const { busy } = ws.data;
      if (!busy?.drained) return;
      const { drained } = busy;
      busy.drained = undefined;
      drained();
    },
    close: closed,
    ping(ws) {
      ws.data.heardAt = performance.now();
    },
    pong(ws) {
      ws.data.heardAt = performance.now();
    },
  };

  return {
    config,
    limiter: ports.limiter,
    protocol: PROTOCOL,
    /** Bun's handlers and options: `listen({ port, websocket: gateway.handlers })`. */
    handlers,
    /** The server whose topics are published to; routes.ts says it with each upgrade. */
    attach,
    get draining(): boolean {
      return drainingUntil > 0;
    },
    /** The most that any socket owes its peer, in bytes. */
    get owed(): number {
      let most = 0;
      for (const { ws } of roster.all) most = Math.max(most, ws.getBufferedAmount());
      return most;
    },

    /** Open sockets. */
    get sockets(): number {
      return roster.all.size;
    },

    /**
     * Takes leave: every socket is told to reconnect, gets its answers and is closed with 1012 at its time. Resolves when the last
     * one is closed, or after `seconds`, when whoever is left is closed with 1012 as well.
     */
    async drain(seconds: number = config.drainSeconds): Promise<void> {
      drainingUntil = performance.now() + Math.max(1, seconds * 1_000);
      for (const connection of [...roster.all]) leaveSoon(connection);
      if (roster.all.size === 0) return;
      const empty = new Promise<void>((done) => {
        emptied = done;
      });
      await Promise.race([empty, Bun.sleep(Math.max(0, drainingUntil - performance.now()))]);
      for (const connection of [...roster.all]) close(connection, CLOSES.restart);
    },

    /** Ends everything at once: sockets with 1001, and the clock. */
    async [Symbol.asyncDispose](): Promise<void> {
      clearInterval(tally);
      heartbeat.stop();
      for (const connection of [...roster.all]) close(connection, CLOSES.going);
    },
  };
}

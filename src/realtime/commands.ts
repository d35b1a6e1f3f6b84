/**
 * Takes what clients say, in the contract's order of checks: syntax, identity, rate, fields, then the verb (verbs.ts). One user's
 * writes on one socket take effect in the order sent; a command with an id gets exactly one answer.
 */
import type { Config } from '../config.ts';
import { AppError } from '../errors.ts';
import { Mailbox } from '../lib/mailbox.ts';
import type { RateLimiter } from '../lib/rate-limit.ts';
import { UNANSWERED } from '../limits.ts';
import { close, refuse } from './closing.ts';
import type { Connection } from './connection.ts';
import * as frames from './frames.ts';
import { CLOSES, type CommandId, type CommandType, RATE_OF, type Wanted } from './model.ts';
import type { Enter } from './opening.ts';
import type { Resume } from './resume.ts';
import type { Answer, Verbs } from './verbs.ts';

const MALFORMED_MOST = 3;
/** So many refusals for speed within this time end the socket. */
const LIMITED_MOST = 10;
const LIMITED_MS = 10_000;

export type CommandPorts = {
  config: Pick<Config, 'rateLimits'>;
  limiter: RateLimiter;
  carryOut: Verbs;
  resume: Resume;
  enter: () => Enter;
  asAppError: (thrown: unknown) => AppError;
  /** One command of this type came to this end. */
  count: (type: string, outcome: 'ok' | 'error') => void;
};

export type Commands = ReturnType<typeof createCommands>;

export function createCommands(ports: CommandPorts) {
  const { config, limiter, carryOut, resume, enter, asAppError, count } = ports;

  /** The answer to one command, and whatever its failure means for the socket. `counted`: it was one of the 64. */
  function fail(connection: Connection, type: string, id: CommandId | undefined, error: AppError, counted: boolean): void {
    if (counted) settle(connection);
    count(type, 'error');
    connection.send(frames.error(id, error));
    leave(connection);
    if (error.code !== 'rate_limited') return;
    const now = performance.now();
    const { errands } = connection;
    errands.limited = [...(errands.limited ?? []), now].slice(-LIMITED_MOST);
    if (errands.limited.length === LIMITED_MOST && now - errands.limited[0]! < LIMITED_MS) close(connection, CLOSES.tooMany);
  }

  function succeed(connection: Connection, type: string, id: CommandId | undefined, answer: Answer, counted: boolean): void {
    if (counted) settle(connection);
    count(type, 'ok');
    if (id !== undefined) connection.send(frames.ok(id, answer));
    leave(connection);
  }

  /** A draining node waits for nothing else. */
  function leave(connection: Connection): void {
    if (connection.busy?.leaving && connection.busy.unanswered === 0) close(connection, CLOSES.restart);
  }

  function settle(connection: Connection): void {
    const { busy } = connection;
    if (!busy || --busy.unanswered > 0) return;
    // Nothing waits, so the queues are empty: an idle socket keeps none.
    busy.writes = undefined;
    busy.subscriptions = undefined;
    connection.rest();
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
    try {
      return limiter.take(rate, connection.caller!.userId)?.then(() => undefined, asAppError);
    } catch (thrown) {
      return Promise.resolve(asAppError(thrown));
    }
  }

  /** Hands a command to the queue that keeps its order. Each queue is a mailbox of its own: subscriptions may overtake writes. */
  function dispatch(connection: Connection, frame: frames.Read, type: CommandType, gate: Promise<AppError | undefined> | undefined): void {
    const { errands } = connection;
    const start = () => run(connection, type, frame, gate, type !== 'typing');
    if (type === 'typing' || type === 'auth') void start();
    else if (type === 'subscribe' || type === 'unsubscribe') {
      errands.subscriptions ??= new Mailbox();
      errands.subscriptions.post({ alone: true, gate, start });
    } else {
      errands.writes ??= new Mailbox();
      errands.writes.post({ alone: type !== 'message.send', gate, start });
    }
  }

  function malformed(connection: Connection): void {
    const error = new AppError('malformed', 'A frame is one JSON object with a text as its type.');
    count('malformed', 'error');
    connection.send(frames.error(undefined, error));
    if (++connection.errands.malformed >= MALFORMED_MOST) close(connection, CLOSES.malformed);
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
    if (!free && (connection.busy?.unanswered ?? 0) >= UNANSWERED) {
      const error = new AppError('overloaded', `At most ${UNANSWERED} commands may wait for an answer. This one was not carried out.`);
      return fail(connection, type, frame.id, error, false);
    }
    const bad = frame.badId ? frames.badId() : frames.isCommand(type) ? undefined : frames.unknownType();
    if (type === 'ping' && !bad) return connection.send(frames.pong(frame.id));
    if (!free) connection.errands.unanswered++;
    const gate = rateGate(connection, type);
    if (!bad) return dispatch(connection, frame, type as CommandType, gate);
    if (!gate) return fail(connection, type, frame.id, bad, !free);
    void gate.then((limited) => fail(connection, type, frame.id, limited ?? bad, !free));
  }

  return {
    /** One text frame of an open socket. Never throws. */
    receive(connection: Connection, text: string) {
      if (connection.busy?.leaving) return;
      if (connection.phase === 'proving') {
        // What a client sends behind its proof waits for it, so that it need not wait itself.
        const { errands } = connection;
        errands.early ??= [];
        if (errands.early.length < UNANSWERED) errands.early.push(text);
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
      const early = connection.busy?.early;
      if (!early) return;
      connection.errands.early = undefined;
      connection.rest();
      for (const text of early) if (connection.open) this.receive(connection, text);
    },

    /** The subscription of a socket for one room: asked for by the path, and fatal when refused. */
    subscribeOnly(connection: Connection, wanted: Wanted): void {
      const { errands } = connection;
      errands.unanswered++;
      const start = async () => {
        try {
          await resume.subscribe(connection, [wanted]);
          if (connection.open && !connection.hearsRoom(wanted.roomId)) close(connection, CLOSES.room);
        } catch (thrown) {
          refuse(connection, asAppError(thrown));
        } finally {
          settle(connection);
        }
      };
      errands.subscriptions ??= new Mailbox();
      errands.subscriptions.post({ alone: true, start });
    },
  };
}

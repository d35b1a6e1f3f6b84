/**
 * Gives every query of a postgres.js client a deadline, and the number of queries in flight a bound, by standing where
 * the driver hands a query over for execution. One sweep timer for all, so that a query costs two closures and a set entry.
 */
import { AppError } from '../errors.ts';
import { connectionLost, translate } from './failures.ts';
import { onlyReads } from './reads.ts';

/**
 * The parts of postgres.js's Query (a lazy promise) that are used here; not public, so the version is pinned and
 * tests/db/client.test.ts holds it. `handler` is called once, when the query is first awaited: fragments never get there.
 */
export type LazyQuery = {
  handler: (query: LazyQuery) => unknown;
  resolve: (rows: unknown) => void;
  reject: (error: unknown) => void;
  cancel: () => unknown;
  cancelled: unknown;
  /** The backend it was sent to; null while it waits for a connection. */
  state: object | null;
  strings: readonly string[];
  args: readonly unknown[];
  /** Made of a template; else `strings` is one text with $1, $2 … */
  tagged: boolean;
  expiresAt?: number;
  /** The same question once more, which answers for this one. */
  second?: LazyQuery;
};

export type Deadlines = {
  /** Arms a query and returns it; it is not started by this. */
  arm: <Q>(query: Q) => Q;
  stats: () => { inFlight: number; expired: number; refused: number; answered: number };
  stop: () => void;
};

const SWEEP_MS = 50;
const MUTE_AFTER = 5;
/** Until other connections that were lost in the same moment are known to be. */
const SECOND_MS = 20;

/**
 * `arm` makes a query fail with `unavailable` after `deadlineMs` (checked every 50 ms) and with `overloaded` when `bound` are
 * in flight; other failures are translated (failures.ts). `onMute` is told when a connection has let five queries in a row
 * expire without a word, though the server's own timeouts come earlier: it is dead without having been closed.
 * A read whose connection was lost after it was sent is asked once more within the same deadline: `remake` makes the second query.
 */
export function createDeadlines(deadlineMs: number, bound: number, onMute: () => void, remake: (query: LazyQuery) => LazyQuery): Deadlines {
  // Insertion order is expiry order, because every query gets the same time.
  const inFlight = new Set<LazyQuery>();
  /** Backends, and how many queries they let expire since they were last heard. */
  const mute = new Map<object, number>();
  let sweeping: ReturnType<typeof setInterval> | undefined;
  let expired = 0;
  let refused = 0;
  let answered = 0;

  const sweep = (): void => {
    const now = performance.now();
    for (const query of inFlight) {
      if (query.expiresAt! > now) return;
      expire(query);
    }
    if (inFlight.size === 0 && sweeping !== undefined) {
      clearInterval(sweeping);
      sweeping = undefined;
    }
  };

  const expire = (query: LazyQuery): void => {
    expired++;
    query.reject(new AppError('unavailable', `The database did not answer within ${deadlineMs} ms. If this was a write, it may or may not have happened.`));
    const sent = query.second ?? query;
    if (sent.state !== null) {
      const silent = (mute.get(sent.state) ?? 0) + 1;
      mute.set(sent.state, silent);
      if (silent < MUTE_AFTER) return;
      mute.clear();
      onMute();
      return;
    }
    // It was never sent. Take it out of the driver's queue; when it is the one that a new connection is being opened for, it
    // is in no queue, and marking it cancelled would leave that connection unused for ever: then it becomes a harmless one.
    Promise.resolve(sent.cancel()).catch(() => {});
    sent.cancelled = null;
    sent.strings = ['select 1'];
    sent.args = [];
  };

  /** Not on the same object: the driver may tell the first one twice that its connection was lost. */
  const askAgain = (query: LazyQuery, reject: (error: unknown) => void): void => {
    const second = remake(query);
    query.second = second;
    second.resolve = query.resolve;
    second.reject = (error) => {
      inFlight.delete(query);
      reject(translate(error));
    };
    setTimeout(() => inFlight.has(query) && second.handler(second), SECOND_MS);
  };

  const arm = <Q>(given: Q): Q => {
    const query = given as LazyQuery;
    const { handler, resolve, reject } = query;
    query.handler = () => {
      if (inFlight.size >= bound) {
        refused++;
        return reject(new AppError('overloaded', 'Too many queries are waiting for the database; nothing was done.'));
      }
      query.expiresAt = performance.now() + deadlineMs;
      inFlight.add(query);
      sweeping ??= setInterval(sweep, SWEEP_MS);
      handler(query);
    };
    query.resolve = (rows) => {
      inFlight.delete(query);
      answered++;
      // Also an answer that comes too late: the connection speaks.
      const { state } = query.second ?? query;
      if (mute.size > 0 && state !== null) mute.delete(state);
      resolve(rows);
    };
    query.reject = (error) => {
      if (query.second === undefined) {
        if (query.state !== null && inFlight.has(query) && connectionLost(error) && onlyReads(textOf(query))) return askAgain(query, reject);
      } else if (!(error instanceof AppError)) return;
      inFlight.delete(query);
      reject(translate(error));
    };
    return given;
  };

  return {
    arm,
    stats: () => ({ inFlight: inFlight.size, expired, refused, answered }),
    stop: () => {
      clearInterval(sweeping);
      sweeping = undefined;
    },
  };
}

/** The statement with its fragments, as far as its words matter. */
function textOf(query: LazyQuery): string {
  const fragments = query.args.filter((arg): arg is LazyQuery => arg instanceof query.constructor);
  return [...query.strings, ...fragments.map(textOf)].join(' ');
}

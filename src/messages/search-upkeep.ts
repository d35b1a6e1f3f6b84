/**
 * Keeps the pending lists of the search indexes short. They are too large to fill up (drizzle/0001_tables.sql), so that no send
 * ever waits for a merge; in return somebody has to merge, because a search reads the whole list. That happens here, behind the
 * writes, on a connection of its own, on one node at a time, and never while nothing is written.
 */
import type { Database } from '../db/client.ts';
import type { Log } from '../lib/log.ts';

/** Between two cleanings at least. A single message is merged together with those that follow it. */
export const PAUSE_MS = 200;
/**
 * A merge costs some 50 ms however few rows it has, and 40 us a row. So the pause is also this many times what the last merge took: the
 * more is written, the more rows share one, and merging takes no more than a fifth of a core from the sends (docs/decisions/0060).
 */
const REST = 4;
/** Longer lists cost every search more than their merging costs. */
const LONGEST_PAUSE_MS = 2_000;
/** Postgres is away, or refuses: asked again later, because a late merge costs time and never a result. */
const RETRY_MS = 2_000;
const LOCK_KEY = 7_275_687;
const END_SECONDS = 1;

export type SearchUpkeep = {
  /** Something was written that the search indexes hold: messages new, edited or deleted. Returns at once; costs nothing. */
  wrote: () => void;
  [Symbol.asyncDispose]: () => Promise<void>;
};

/** Begins with what an earlier process may have left. Disposing it does not wait for a Postgres that is silent. `rest`: benches compare others. */
export function startSearchUpkeep({ db, log, rest = REST }: { db: Pick<Database, 'alone'>; log: Log; rest?: number }): SearchUpkeep {
  const client = db.alone();
  let dirty = false;
  let closing = false;
  let failing = false;
  let working: Promise<void> | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let wake = (): void => {};

  const pause = (ms: number): Promise<void> =>
    new Promise((done) => {
      wake = () => {
        clearTimeout(timer);
        done();
      };
      timer = setTimeout(done, ms);
    });

  /** False when another node is at it. The lock ends with the statement, however that ends. */
  async function clean(): Promise<boolean> {
    const [row] = await client<{ cleaned: boolean }[]>`
      with mine as materialized (select pg_try_advisory_xact_lock(${LOCK_KEY}::bigint) as free)
      select free, case when free then gin_clean_pending_list('messages_search') + gin_clean_pending_list('messages_contains') >= 0 else false end as cleaned
      from mine`;
    return row?.cleaned === true;
  }

  let took = 0;
  async function work(): Promise<void> {
    while (dirty && !closing) {
      await pause(failing ? RETRY_MS : Math.min(LONGEST_PAUSE_MS, Math.max(PAUSE_MS, rest * took)));
      if (closing) break;
      dirty = false;
      const from = performance.now();
      try {
        if (!(await clean())) dirty = true;
        took = performance.now() - from;
        failing = false;
      } catch (error) {
        if (closing) break;
        dirty = true;
        if (!failing) log.warn({ err: error }, 'the search indexes are not being merged; searches slow down until they are');
        failing = true;
      }
    }
    working = undefined;
  }

  function wrote(): void {
    dirty = true;
    if (!closing) working ??= work();
  }

  wrote();

  return {
    wrote,
    async [Symbol.asyncDispose]() {
      closing = true;
      wake();
      const running = working;
      await client.end({ timeout: END_SECONDS });
      await running;
    },
  };
}

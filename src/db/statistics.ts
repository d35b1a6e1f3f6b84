/**
 * Has Postgres look at what has grown since it last did. Small tables that have doubled: autovacuum comes once a minute at most, and until
 * then plans that were made for a handful of rows are kept for thousands: one room was read from 970,000 index entries instead of 4
 * (tests/grown.test.ts). And the times of messages, after every tenth that is new: a search of the newest days goes by them, while a look at
 * all their columns takes a core for seconds, which is why autovacuum has it seldom (drizzle/0072_analyze_seldom.sql). It works on a
 * connection of its own, so that a long look keeps nobody waiting.
 */
import type { Log } from '../lib/log.ts';
import type { Database } from './client.ts';

/** Between two looks at the counters, which Postgres' processes report once a second. */
const PAUSE_MS = 2_000;
/** As many times the messages of the last look at their times ask for another, which takes 0.2 s, so no more often than this; fewer are a small table's. */
const GROWN = 1.1;
const REST_MS = 30_000;
const SMALL = 5_000;
const END_SECONDS = 1;

export type Statistics = { [Symbol.asyncDispose]: () => Promise<void> };

/** Looks at once and then every two seconds. Disposing it does not wait for a Postgres that is silent. */
export function startStatistics({ db, log }: { db: Pick<Database, 'alone'>; log: Log }): Statistics {
  const client = db.alone();
  let closing = false;
  let failing = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let working: Promise<void> | undefined;
  /** How many messages there were when somebody looked at their times; what an earlier process left is near enough. */
  let looked: number | undefined;
  let rested = Number.NEGATIVE_INFINITY;

  async function look(): Promise<void> {
    try {
      const [row] = await client<{ analyzed: string[]; messages: number }[]>`
        select freshen_statistics() as analyzed, coalesce(pg_stat_get_live_tuples('messages'::regclass), 0)::float8 as messages`;
      const { analyzed, messages } = row!;
      if (analyzed.length > 0) log.debug({ analyzed }, 'analyzed tables that have doubled');
      looked = Math.min(looked ?? messages, messages);
      if (messages >= SMALL && messages >= GROWN * looked && performance.now() >= rested) {
        await client`analyze (skip_locked) messages (created_at)`;
        looked = messages;
        rested = performance.now() + REST_MS;
        log.debug({ messages }, 'analyzed the times of messages');
      }
      failing = false;
    } catch (error) {
      // Postgres is away, or refuses: asked again, because autovacuum does the same, only later.
      if (!failing && !closing) log.warn({ err: error }, 'tables that grow are not being analyzed; statements slow down until autovacuum does it');
      failing = true;
    }
    if (!closing) timer = setTimeout(begin, PAUSE_MS);
  }
  function begin(): void {
    working = look();
  }
  begin();

  return {
    async [Symbol.asyncDispose]() {
      closing = true;
      clearTimeout(timer);
      await client.end({ timeout: END_SECONDS });
      await working;
    },
  };
}

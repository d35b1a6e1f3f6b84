/**
 * Has Postgres look at small tables that have doubled since it last did. Autovacuum comes once a minute at most; until then plans that
 * were made for a handful of rows are kept for thousands: one room was read from 970,000 index entries instead of 4
 * (tests/grown.test.ts). It works on a connection of its own, so that a long look keeps nobody waiting.
 */
import type { Log } from '../lib/log.ts';
import type { Database } from './client.ts';

/** Between two looks at the counters, which Postgres' processes report once a second. */
const PAUSE_MS = 2_000;
const END_SECONDS = 1;

export type Statistics = { [Symbol.asyncDispose]: () => Promise<void> };

/** Looks at once and then every two seconds. Disposing it does not wait for a Postgres that is silent. */
export function startStatistics({ db, log }: { db: Pick<Database, 'alone'>; log: Log }): Statistics {
  const client = db.alone();
  let closing = false;
  let failing = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let working: Promise<void> | undefined;

  async function look(): Promise<void> {
    try {
      const [row] = await client<{ analyzed: string[] }[]>`select freshen_statistics() as analyzed`;
      if (row!.analyzed.length > 0) log.debug({ analyzed: row!.analyzed }, 'analyzed tables that have doubled');
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

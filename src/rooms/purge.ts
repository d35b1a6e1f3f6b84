/**
 * The upkeep of rooms: removes what was in rooms that are gone, in steps small enough that nobody who sends waits for one, and
 * finishes departures that another process left. It never decides that something goes: `purges` says so, since the deletion.
 */
import type { Database } from '../db/client.ts';
import type { Log } from '../lib/log.ts';

/** Rows a step; each takes some milliseconds, most of them for the indexes. */
const STEP_ROWS = 500;
/** Between steps Postgres belongs to those who wait for an answer. */
const PAUSE_MS = 25;
/** How long what another node left behind may lie. */
const IDLE_MS = 60_000;

export type Purge = {
  /** There is something to remove. Returns at once. */
  wake: () => void;
  [Symbol.asyncDispose]: () => Promise<void>;
};

/** Begins at once and looks again every minute. `resumeDepartures` may come later than the purge is made: it is asked for each time. */
export function startPurge({ db, log, resumeDepartures }: { db: Pick<Database, 'sql'>; log: Log; resumeDepartures?: () => Promise<void> }): Purge {
  let closing = false;
  let working: Promise<void> | undefined;
  let again = false;

  async function work(): Promise<void> {
    try {
      await resumeDepartures?.();
      do {
        again = false;
        while (!closing && (await step(db)) === 'removed') await Bun.sleep(PAUSE_MS);
      } while (again && !closing);
    } catch (error) {
      // Postgres is away: nothing is lost, the next minute finds the same rows.
      log.warn({ err: error }, 'upkeep of rooms was interrupted');
    }
    working = undefined;
  }

  function wake(): void {
    again = true;
    if (!closing) working ??= work();
  }

  const timer = setInterval(wake, IDLE_MS);
  timer.unref();
  wake();

  return {
    wake,
    async [Symbol.asyncDispose]() {
      closing = true;
      clearInterval(timer);
      await working;
    },
  };
}

/** removed: perhaps there is more. busy: another node is at it. idle: nothing is left. */
export async function step({ sql }: Pick<Database, 'sql'>, rows = STEP_ROWS): Promise<'removed' | 'busy' | 'idle'> {
  const [row] = await sql<{ outcome: 'removed' | 'busy' | 'idle' }>`select purge_step(${rows}::int) as outcome`;
  return row!.outcome;
}

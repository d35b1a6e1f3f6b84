/** Requests at a steady rate, whatever the answers take, and how long they took. Knows nothing of what is asked. */
import { quantile } from './statistics.ts';

/** Milliseconds at the 50th, 95th and 99th of a hundred, the longest, and how many were taken. */
export type Spread = { n: number; p50: number; p95: number; p99: number; max: number };

export function spreadOf(taken: readonly number[]): Spread {
  const at = (share: number) => Math.round(quantile(taken, share) * 100) / 100;
  return { n: taken.length, p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
}

/**
 * Runs jobs at `rate` a second, each at its intended time whether the earlier ones are done or not; returns the milliseconds of each
 * from that time on, so that a stalled server is not asked less.
 */
export async function paced(jobs: readonly (() => Promise<unknown>)[], rate: number): Promise<number[]> {
  const from = performance.now() + 10;
  const running = jobs.map(async (job, at) => {
    const due = from + (at * 1_000) / rate;
    await Bun.sleep(Math.max(0, due - performance.now()));
    const started = Math.min(performance.now(), due + 2); // a timer's own lateness is not the server's
    await job();
    return performance.now() - started;
  });
  return Promise.all(running);
}

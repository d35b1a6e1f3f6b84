/**
 * Which core does what: with two cores the measured server has one for itself, so that a driver next to it doesn't decide the
 * figure. Needs taskset (util-linux); elsewhere nothing is pinned, and the results say so.
 */
import { availableParallelism } from 'node:os';

export type Share = 'server' | 'driver' | 'all';

export const pinning = availableParallelism() >= 2 && Bun.which('taskset') !== null;

/** What to put in front of a command. */
export function on(share: Share): string[] {
  if (!pinning || share === 'all') return [];
  return ['taskset', '-c', share === 'server' ? '0' : `1-${availableParallelism() - 1}`];
}

/** Moves a running process and all of its threads. */
export function move(pid: number, share: Share): void {
  if (!pinning) return;
  const cores = share === 'server' ? '0' : share === 'driver' ? `1-${availableParallelism() - 1}` : `0-${availableParallelism() - 1}`;
  Bun.spawnSync(['taskset', '-a', '-c', '-p', cores, String(pid)], { stdout: 'ignore', stderr: 'ignore' });
}

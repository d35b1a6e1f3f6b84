/** Lets few things of one kind run at once, so that they never hold all connections; the others wait, first come first served. Knows nothing of what runs. */
import { AppError } from '../errors.ts';

export type Turns = <Result>(work: () => Promise<Result>) => Promise<Result>;

/** `waiting`: how many may wait before `overloaded` is thrown (nothing done). A failure is only its own caller's. */
export function createTurns({ atOnce, waiting }: { atOnce: number; waiting: number }): Turns {
  const queue: (() => void)[] = [];
  let running = 0;
  return async (work) => {
    if (running < atOnce) running++;
    else {
      if (queue.length >= waiting) throw new AppError('overloaded', 'Too many of these are waiting. This one was not carried out.', { retryAfterMs: 1_000 });
      await new Promise<void>((turn) => queue.push(turn));
    }
    try {
      return await work();
    } finally {
      // The turn goes to the next one without being given back in between, or a newcomer could take it.
      const next = queue.shift();
      if (next) next();
      else running--;
    }
  };
}

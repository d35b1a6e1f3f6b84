/** Few at once, in the order in which they came, and the turn goes on whatever becomes of the work. */
import { expect, test } from 'bun:test';
import { createTurns } from '../../src/lib/turns.ts';

test('no more than so many run at once, in their order; a failure gives the turn on', async () => {
  const turn = createTurns({ atOnce: 2, waiting: 100 });
  const began: number[] = [];
  let running = 0;
  let most = 0;
  const ended = await Promise.allSettled(
    Array.from({ length: 20 }, (_, at) =>
      turn(async () => {
        began.push(at);
        most = Math.max(most, ++running);
        await Bun.sleep(1);
        running--;
        if (at % 3 === 0) throw new Error('no');
        return at;
      }),
    ),
  );
  expect(most).toBe(2);
  expect(began).toEqual([...began].sort((a, b) => a - b));
  expect(ended.map((each, at) => each.status === (at % 3 === 0 ? 'rejected' : 'fulfilled'))).toEqual(Array(20).fill(true));
  expect(await turn(async () => 'free again')).toBe('free again');
});

test('who would wait behind too many is refused, and nothing of it is done', async () => {
  const turn = createTurns({ atOnce: 1, waiting: 1 });
  const { promise, resolve } = Promise.withResolvers<void>();
  const first = turn(() => promise);
  const second = turn(async () => 'second');
  let done = false;
  await expect(
    turn(async () => {
      done = true;
    }),
  ).rejects.toMatchObject({ code: 'overloaded' });
  resolve();
  await first;
  expect(await second).toBe('second');
  expect(done).toBe(false);
});

/** Who guesses names must not learn from the clock which ones exist. Runs alone, because it measures. */
import { expect, test } from 'bun:test';
import { start } from '../support/people.ts';

test('an unknown name takes as long as a wrong password', async () => {
  await using server = await start();
  await server.person('timed');
  const time = async (login: string) => {
    const from = performance.now();
    await server.anyone.post('/auth/login', { login, password: 'not this one' });
    return performance.now() - from;
  };
  const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1]!;
  const measure = async () => {
    const known: number[] = [];
    const unknown: number[] = [];
    // In pairs of both orders, so that whatever else this machine does falls on both.
    for (let round = 0; round < 60; round++) {
      if (round % 2) known.push(await time('timed'));
      unknown.push(await time('untimed'));
      if (round % 2 === 0) known.push(await time('timed'));
    }
    return median(known) / median(unknown);
  };
  await measure();
  // A difference in the work is there every time; one that other processes make is not.
  const ratios = [await measure(), await measure(), await measure()];
  const [, middle] = ratios.sort((a, b) => a - b);
  expect(middle).toBeGreaterThan(0.9);
  expect(middle).toBeLessThan(1.1);
});

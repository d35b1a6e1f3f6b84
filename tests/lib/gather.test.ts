/** Questions that are asked at once travel together, within their bounds, and each gets its own answer. */
import { expect, test } from 'bun:test';
import { createGather } from '../../src/lib/gather.ts';

/** Lists that were asked, each answered when it is told to. */
function stage(options: { most: number; inFlight: number; weigh?: (question: number) => number }) {
  const lists: { questions: number[]; answer: () => void; fail: () => void }[] = [];
  const ask = createGather<number, number>(
    (questions) =>
      new Promise((done, fail) => {
        lists.push({ questions, answer: () => done(questions.map((question) => question * 2)), fail: () => fail(new Error('away')) });
      }),
    options,
  );
  return { lists, ask, settle: () => new Promise<void>((done) => setImmediate(done)) };
}

test('what is asked in one tick is one list, and what is asked meanwhile is the next', async () => {
  const { lists, ask, settle } = stage({ most: 10, inFlight: 1 });
  const first = [ask(1), ask(2)];
  await settle();
  const second = [ask(3), ask(4), ask(5)];
  await settle();
  expect(lists.map(({ questions }) => questions)).toEqual([[1, 2]]);
  lists[0]!.answer();
  expect(await Promise.all(first)).toEqual([2, 4]);
  await settle();
  lists[1]!.answer();
  expect(await Promise.all(second)).toEqual([6, 8, 10]);
  expect(lists).toHaveLength(2);
});

test('a list is no heavier than allowed, a heavy question goes alone, and no more lists than allowed are on their way', async () => {
  const { lists, ask, settle } = stage({ most: 5, inFlight: 2, weigh: (question) => question });
  const answers = Promise.all([2, 3, 9, 1, 1].map((question) => ask(question)));
  await settle();
  expect(lists.map(({ questions }) => questions)).toEqual([[2, 3], [9]]);
  lists[1]!.answer();
  await settle();
  expect(lists.map(({ questions }) => questions)).toEqual([[2, 3], [9], [1, 1]]);
  for (const { answer } of lists) answer();
  expect(await answers).toEqual([4, 6, 18, 2, 2]);
});

test('a failure is that of its list alone', async () => {
  const { lists, ask, settle } = stage({ most: 10, inFlight: 1 });
  const first = ask(1);
  await settle();
  const second = ask(2);
  lists[0]!.fail();
  expect(first).rejects.toThrow('away');
  await settle();
  lists[1]!.answer();
  expect(await second).toBe(4);
});

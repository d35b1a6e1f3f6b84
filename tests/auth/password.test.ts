/** Hashing: how it is kept, that it waits in a bounded queue, and that the loop and the chat go on meanwhile. */
import { expect, test } from 'bun:test';
import { readFileSync, readdirSync } from 'node:fs';
import { lowerPoolPriority } from '../../src/auth/background.ts';
import { createPasswords } from '../../src/auth/password.ts';

const code = (work: Promise<unknown>) =>
  work.then(
    () => 'ok',
    (error: { code: string }) => error.code,
  );

test('a password is kept as argon2id with the parameters of the contract and a salt of its own', async () => {
  const passwords = createPasswords({ atOnce: 2 });
  const [one, two] = await Promise.all([passwords.hash('correct horse'), passwords.hash('correct horse')]);
  expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  expect(one).not.toBe(two);
  expect([await passwords.matches(one, 'correct horse'), await passwords.matches(two, 'correct horse')]).toEqual([true, true]);
  expect([await passwords.matches(one, 'correct horsE'), await passwords.matches(null, 'correct horse'), await passwords.matches(undefined, '')]).toEqual([
    false,
    false,
    false,
  ]);
});

test('beyond the queue it says so at once, and afterwards all is as before', async () => {
  const passwords = createPasswords({ atOnce: 1, queue: 3 });
  const kept = await passwords.hash('correct horse');
  const outcomes = await Promise.all(Array.from({ length: 9 }, () => code(passwords.matches(kept, 'x'))));
  expect(outcomes).toEqual([...Array(4).fill('ok'), ...Array(5).fill('overloaded')]);
  expect(await passwords.matches(kept, 'correct horse')).toBe(true);
});

test('the loop goes on while many hashes wait', async () => {
  const passwords = createPasswords({ atOnce: 2 });
  const kept = await passwords.hash('correct horse');
  let ticks = 0;
  const timer = setInterval(() => ticks++, 1);
  await Promise.all(Array.from({ length: 60 }, () => passwords.matches(kept, 'x')));
  clearInterval(timer);
  // 60 hashes of some 8 ms on two threads: were they computed on the loop, it would not turn once.
  expect(ticks).toBeGreaterThan(20);
});

test('the threads that hash give way to the one that serves, where threads have priorities', async () => {
  if (process.platform !== 'linux') return expect(lowerPoolPriority()).toBe(0);
  const passwords = createPasswords({ atOnce: 2 });
  await Promise.all(Array.from({ length: 12 }, () => passwords.hash('correct horse')));
  const niceness = new Map<string, number[]>();
  for (const thread of readdirSync('/proc/self/task')) {
    const name = readFileSync(`/proc/self/task/${thread}/comm`, 'utf8').trim();
    const stat = readFileSync(`/proc/self/task/${thread}/stat`, 'utf8');
    const kind = thread === String(process.pid) ? 'main' : name.startsWith('Bun Pool') ? 'pool' : 'other';
    niceness.set(kind, [...(niceness.get(kind) ?? []), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16])]);
  }
  const [main] = niceness.get('main')!;
  expect(niceness.get('pool')!.length).toBeGreaterThan(0);
  for (const nice of niceness.get('pool')!) expect(nice).toBeGreaterThan(main!);
});

/** Counts in Redis: one computation for many who ask, right within a second of a write, and no error while Redis is dead, frozen or new. */
import { expect, test } from 'bun:test';
import { createCounts } from '../src/cache.ts';
import { createLog } from '../src/lib/log.ts';
import { openRedis, type Redis } from '../src/redis.ts';
import { done, start } from './support/people.ts';
import { ownRedis } from './support/redis.ts';
import { until } from './support/wait.ts';

const log = createLog({ level: 'silent' });

async function connected(url: string): Promise<Redis> {
  const redis = openRedis({ url, prefix: 'parlour:' });
  expect(await redis.waitUntilReady(5_000)).toBe(true);
  return redis;
}

test('200 clients at two nodes with a cold cache cost one count a key', async () => {
  await using server = await ownRedis();
  await using one = await connected(server.url);
  await using two = await connected(server.url);
  const nodes = [one, two].map((redis) => createCounts({ redis, seconds: 60, log }));
  const counted = { users: 0, rooms: 0 };
  const count = (key: keyof typeof counted) => async () => {
    counted[key]++;
    await Bun.sleep(200);
    return 7;
  };
  const answers = await Promise.all(
    Array.from({ length: 200 }, (_, at) => (['users', 'rooms'] as const).map((key) => nodes[at % 2]!.get(key, count(key)))).flat(),
  );
  expect(counted).toEqual({ users: 1, rooms: 1 });
  expect(new Set(answers.map(({ value }) => value))).toEqual(new Set([7]));

  // And once more after the write that made them stale.
  nodes[0]!.drop('users');
  await until('the drop reached Redis', async () => (await one.commands.exists('parlour:count:users')) === 0);
  await Promise.all(Array.from({ length: 200 }, (_, at) => nodes[at % 2]!.get('users', count('users'))));
  expect(counted).toEqual({ users: 2, rooms: 1 });
});

test('a count that began before a write is not kept after it', async () => {
  await using server = await ownRedis();
  await using redis = await connected(server.url);
  const counts = createCounts({ redis, seconds: 60, log });
  const slow = Promise.withResolvers<number>();
  const before = counts.get('rooms', () => slow.promise);
  await until('it is being counted', async () => (await redis.commands.exists('parlour:count:rooms:lock')) === 1);
  counts.drop('rooms');
  expect((await counts.get('rooms', async () => 2)).value).toBe(2);
  slow.resolve(1);
  expect((await before).value).toBe(1);
  expect((await counts.get('rooms', async () => 3)).value).toBe(2);
});

test('totals are right on every node within a second of the write', async () => {
  await using redis = await ownRedis();
  await using one = await start({ redisUrl: redis.url });
  await using two = await start({ redisUrl: redis.url, databaseUrl: one.databaseUrl });
  const ann = await one.person('ann');
  const annThere = ann.at(two);
  const stats = async () => (await annThere.get('/stats')).body;
  expect(await stats()).toMatchObject({ users: 1, rooms: 0, messages: 0 });
  const room = done(await ann.post('/rooms', { name: 'Hall' }), 201);
  for (let at = 1; at <= 3; at++) {
    const message = done(await ann.post(`/rooms/${room.id}/messages`, { content: `number ${at}` }), 201);
    await until('the message is counted', async () => (await stats()).messages === 1, 1_000);
    done(await ann.delete(`/messages/${message.id}`), 204);
    await until('the deletion is counted', async () => (await stats()).messages === 0, 1_000);
  }
  await one.person('bob');
  await until('bob is counted', async () => (await stats()).users === 2, 1_000);
  expect((await annThere.get('/rooms?total=true')).body.total).toBe(1);
  done(await ann.delete(`/rooms/${room.id}`), 204);
  await until('the room is gone from both', async () => (await stats()).rooms === 0 && (await annThere.get('/rooms?total=true')).body.total === 0, 1_000);
});

const SECONDS = 2;

test('Redis killed, frozen for 10 s and restarted under load: no error, quick answers, right within the time to live', async () => {
  await using redis = await ownRedis();
  const env = { COUNTS_SECONDS: String(SECONDS), RATE_LIMITS: 'true', RATE_READ: '1000000/1', RATE_SEND: '1000000/1' };
  await using one = await start({ redisUrl: redis.url, env });
  await using two = await start({ redisUrl: redis.url, databaseUrl: one.databaseUrl, env });
  const ann = await one.person('ann');
  const annThere = ann.at(two);
  const room = done(await ann.post('/rooms', { name: 'Hall' }), 201);

  const answers: { status: number; ms: number; phase: string; what: string }[] = [];
  /** Totals that were older than they may be. */
  const stale: string[] = [];
  const sentAt: number[] = [];
  let phase = 'with Redis';
  let loading = true;
  // biome-ignore lint/suspicious/noExplicitAny: bodies are as they come
  const ask = async (what: string, request: () => Promise<{ status: number; body?: any }>): Promise<void> => {
    const from = performance.now();
    const during = phase;
    const { status, body } = await request();
    const now = performance.now();
    if (what === 'send' && status === 201) sentAt.push(now);
    const least = sentAt.filter((at) => at < from - SECONDS * 1_100 - 250).length;
    if (what === 'stats' && status === 200 && body.messages < least) stale.push(`${body.messages} of ${least} ${during}`);
    answers.push({ status, ms: now - from, phase: during, what });
  };
  // Steady, whatever the answers take: 80 requests a second over two nodes.
  const load = (async () => {
    const running: Promise<void>[] = [];
    for (let at = 0; loading; at++) {
      const who = at % 2 === 0 ? ann : annThere;
      if (at % 4 === 3) running.push(ask('send', () => who.post(`/rooms/${room.id}/messages`, { content: `while ${phase}` })));
      else if (at % 4 === 2) running.push(ask('rooms', () => who.get('/rooms?total=true')));
      else running.push(ask('stats', () => who.get('/stats')));
      await Bun.sleep(12.5);
    }
    await Promise.all(running);
  })();

  await Bun.sleep(1_000);
  phase = 'frozen';
  redis.freeze();
  await Bun.sleep(10_000);
  redis.thaw();
  phase = 'thawed';
  await Bun.sleep(SECONDS * 1_000 + 500);
  phase = 'killed';
  await redis.kill();
  await Bun.sleep(2_000);
  phase = 'new and empty';
  await redis.start();
  await Bun.sleep(1_000);
  loading = false;
  await load;
  // Nothing is written any more, so the totals have to become exact.
  await until(
    'both nodes count all messages',
    async () => (await Promise.all([ann.get('/stats'), annThere.get('/stats')])).every(({ body }) => body.messages === sentAt.length),
    SECONDS * 1_100 + 1_000,
  );

  expect(answers.length).toBeGreaterThan(800);
  expect(answers.filter(({ status }) => status >= 300)).toEqual([]);
  expect(stale).toEqual([]);
  const frozen = answers.filter((answer) => answer.phase === 'frozen');
  expect(frozen.length).toBeGreaterThan(400);
  const slow = answers.filter(({ ms }) => ms > 250);
  expect(slow.length, JSON.stringify(slow.slice(0, 10))).toBeLessThanOrEqual(answers.length / 100);
  expect(Math.max(...answers.map(({ ms }) => ms))).toBeLessThan(1_000);
}, 60_000);

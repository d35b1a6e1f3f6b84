/** Rates and the throttle of sign-in: alone, through Redis on two nodes together, and while Redis is away. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { readConfig } from '../../src/config.ts';
import type { AppError } from '../../src/errors.ts';
import { createRateLimiter } from '../../src/lib/rate-limit.ts';
import { createThrottle } from '../../src/auth/throttle.ts';
import { openRedis } from '../../src/redis.ts';
import { type Server, PASSWORD, start } from '../support/people.ts';
import { type OwnRedis, ownRedis } from '../support/redis.ts';
import { until } from '../support/wait.ts';

const config = (env: Record<string, string>) => readConfig({ NODE_ENV: 'test', ...env });
/** What a limiter says: it may throw at once, or later. */
const code = async (take: () => unknown): Promise<string> => {
  try {
    await take();
    return 'ok';
  } catch (error) {
    return (error as { code: string }).code;
  }
};

let redis: OwnRedis;
beforeAll(async () => {
  redis = await ownRedis();
});
afterAll(() => redis[Symbol.asyncDispose]());

test('a bucket lets its requests through at once and is refilled evenly', async () => {
  let now = 1_000;
  const limiter = createRateLimiter({ config: config({ RATE_SEND: '4/2' }), clock: () => now });
  const take = async () => {
    const headers: Record<string, string> = {};
    let wait: number | undefined;
    try {
      await limiter.take('send', 'ann', headers);
    } catch (error) {
      wait = (error as AppError).retryAfterMs;
    }
    return { r: Number(/r=(\d+)/.exec(headers['ratelimit']!)![1]), wait, headers };
  };
  expect((await take()).headers).toEqual({ 'ratelimit-policy': '"send";q=4;w=2', ratelimit: '"send";r=3;t=2' });
  expect([await take(), await take(), await take()].map(({ r, wait }) => [r, wait])).toEqual([
    [2, undefined],
    [1, undefined],
    [0, undefined],
  ]);
  expect(await take()).toMatchObject({ r: 0, wait: 500 });
  now += 200;
  expect(await take()).toMatchObject({ r: 0, wait: 300 });
  now += 300;
  expect((await take()).wait).toBeUndefined();
  expect((await take()).wait).toBe(500);
  now += 60_000;
  expect((await take()).r).toBe(3);
  expect(await code(() => limiter.take('send', 'bob'))).toBe('ok');
  expect(await code(() => limiter.take('write', 'ann'))).toBe('ok');
});

test('switched off, nothing is counted and nothing is told', async () => {
  const limiter = createRateLimiter({ config: config({ RATE_SEND: '1/60', RATE_LIMITS: 'false' }) });
  const headers = {};
  for (let n = 0; n < 3; n++) await limiter.take('send', 'ann', headers);
  expect(headers).toEqual({});
});

test('two nodes count together in Redis, go on alone without it, and together again when it is back', async () => {
  const rates = config({ RATE_SEND: '6/600', RATE_WRITE: '2/600', RATE_READ: '6/600' });
  await using first = openRedis({ url: redis.url, prefix: 'limits:' });
  await using second = openRedis({ url: redis.url, prefix: 'limits:' });
  expect(await first.waitUntilReady(5_000)).toBe(true);
  expect(await second.waitUntilReady(5_000)).toBe(true);
  const nodes = [createRateLimiter({ config: rates, redis: first }), createRateLimiter({ config: rates, redis: second })];
  const outcomes = await Promise.all(Array.from({ length: 20 }, (_, n) => code(() => nodes[n % 2]!.take('send', 'ann'))));
  expect(outcomes.filter((outcome) => outcome === 'ok')).toHaveLength(6);

  redis.freeze();
  try {
    await Promise.all(nodes.map((node) => code(() => node.take('write', 'warm'))));
    const from = performance.now();
    const alone = [];
    for (let n = 0; n < 3; n++) for (const node of nodes) alone.push(await code(() => node.take('write', 'ann')));
    expect(performance.now() - from).toBeLessThan(100);
    expect(alone).toEqual(['ok', 'ok', 'ok', 'ok', 'rate_limited', 'rate_limited']);
  } finally {
    redis.thaw();
  }
  await until(
    'they count together again',
    async () => {
      const key = crypto.randomUUID();
      const counted = [];
      for (let n = 0; n < 8; n++) counted.push(await code(() => nodes[n % 2]!.take('read', key)));
      return counted.filter((outcome) => outcome === 'ok').length === 6;
    },
    10_000,
  );
});

test('a limited route says what is left, and 429 when nothing is', async () => {
  await using server = await start({ env: { RATE_LIMITS: 'true', RATE_READ: '2/20', RATE_AUTH: '2/60', RATE_SEARCH: '1/60' } });
  const ann = await server.person('ann');
  const bob = await server.person('bob');
  const first = await ann.get('/users/me');
  expect(first.headers.get('ratelimit-policy')).toBe('"read";q=2;w=20');
  expect(first.headers.get('ratelimit')).toBe('"read";r=1;t=20');
  expect((await ann.get('/users')).status).toBe(200);
  const over = await ann.get('/users/me');
  expect(over.status).toBe(429);
  expect(over.body.code).toBe('rate_limited');
  expect(over.body.retryAfterMs).toBeWithin(9_000, 10_001);
  expect(over.headers.get('retry-after')).toBe('10');
  expect(over.headers.get('ratelimit')).toBe('"read";r=0;t=20');
  expect((await bob.get('/users/me')).status).toBe(200);
  // Another class for what costs more.
  expect((await ann.get('/users?query=b')).status).toBe(200);
  expect((await ann.get('/users?query=b')).status).toBe(429);
  // Registering has used up the address's tries, before anything is said about fields.
  expect((await server.anyone.post('/auth/register', { username: 5 })).status).toBe(429);
  expect((await server.anyone.get('/users/me')).status).toBe(401);
});

describe.each(['alone', 'with Redis'])('the throttle of sign-in, %s', (how) => {
  let server: Server;
  let other: Server;
  const env = { RATE_LIMITS: 'true', RATE_AUTH: '100000/1', TRUST_PROXY: '1', REDIS_PREFIX: `${how}:` };
  const redisUrl = () => (how === 'alone' ? undefined : redis.url);
  beforeAll(async () => {
    server = await start({ env, redisUrl: redisUrl() });
    other = await start({ env, redisUrl: redisUrl(), databaseUrl: server.databaseUrl });
  });
  afterAll(async () => {
    await other[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });
  const logIn = (login: string, password: string, at = server, address = '10.0.0.1') =>
    at.anyone.post('/auth/login', { login, password }, { 'x-forwarded-for': `1.2.3.4, ${address}` });
  const codes = async (times: number, work: () => ReturnType<typeof logIn>) => {
    const found: string[] = [];
    for (let n = 0; n < times; n++) {
      const answer = await work();
      found.push(answer.status === 200 ? 'in' : answer.body.code);
    }
    return found;
  };

  test.each(['somebody', 'nobody-at-all'])('five failures are free for %s, then even the right password waits', async (login) => {
    if (login === 'somebody') await server.person('somebody');
    expect(await codes(5, () => logIn(login, 'not this one'))).toEqual(Array(5).fill('invalid_credentials'));
    const sixth = await logIn(login.toUpperCase(), PASSWORD);
    expect([sixth.status, sixth.body.code]).toEqual([429, 'rate_limited']);
    expect(sixth.body.retryAfterMs).toBeWithin(1, 1_001);
    expect(sixth.headers.get('retry-after')).toBe('1');
    // Others are not kept out: another address, another name.
    expect(await codes(1, () => logIn(login, 'not this one', server, '10.0.0.2'))).toEqual(['invalid_credentials']);
    expect(await codes(1, () => logIn('another', 'not this one'))).toEqual(['invalid_credentials']);
    if (how === 'with Redis') expect((await logIn(login, PASSWORD, other)).status).toBe(429);
    // The wait was one second; the next failure makes it two.
    const seventh = await until('the wait is over', async () => {
      const answer = await logIn(login, 'not this one');
      return answer.status === 429 ? undefined : answer;
    });
    expect(seventh.status).toBe(401);
    expect((await logIn(login, 'not this one')).body.retryAfterMs).toBeWithin(1_000, 2_001);
  });

  test('a success clears what was counted', async () => {
    await server.person('clearing');
    for (let round = 0; round < 3; round++) {
      expect(await codes(4, () => logIn('clearing', 'not this one'))).toEqual(Array(4).fill('invalid_credentials'));
      expect(await codes(1, () => logIn('clearing', PASSWORD, how === 'with Redis' ? other : server))).toEqual(['in']);
    }
  });

  test('guesses that come all at once are counted one by one, and many right ones are all let in', async () => {
    await server.person('flooded');
    const right = await Promise.all(Array.from({ length: 12 }, () => logIn('flooded', PASSWORD)));
    expect(right.map(({ status }) => status)).toEqual(Array(12).fill(200));
    const wrong = await Promise.all(Array.from({ length: 20 }, () => logIn('flooded', 'not this one')));
    expect(wrong.filter(({ status }) => status === 401)).toHaveLength(5);
    expect(wrong.filter(({ status }) => status === 429)).toHaveLength(15);
  });

  test('routes that ask for the current password count with it', async () => {
    const eve = await server.person('Eve');
    const headers = { 'x-forwarded-for': '10.0.0.1' };
    expect((await eve.put('/users/me/password', { currentPassword: 'wrong', newPassword: 'a much better one' }, headers)).status).toBe(422);
    expect((await eve.post('/users/me/delete', { password: 'wrong' }, headers)).status).toBe(422);
    expect((await eve.patch('/users/me', { username: 'eve2', password: 'wrong' }, headers)).status).toBe(422);
    expect(await codes(2, () => logIn('eve', 'wrong'))).toEqual(Array(2).fill('invalid_credentials'));
    expect((await logIn('eve', PASSWORD)).status).toBe(429);
    expect((await eve.post('/users/me/delete', { password: PASSWORD }, headers)).status).toBe(429);
    expect((await eve.get('/users/me')).status).toBe(200);
  });
});

test('waits double up to five minutes', async () => {
  let now = 0;
  const throttle = createThrottle({ enabled: true, clock: () => now });
  const waits: number[] = [];
  while (waits.length < 12) {
    const outcome = await throttle.guard('ann', 'here', async () => false).catch((error: { retryAfterMs: number }) => error);
    if (typeof outcome === 'boolean') continue;
    waits.push(outcome.retryAfterMs / 1_000);
    now += outcome.retryAfterMs;
  }
  expect(waits).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
  expect(await throttle.guard('ann', 'here', async () => true)).toBe(true);
  expect(await throttle.guard('ann', 'here', async () => false)).toBe(false);
});

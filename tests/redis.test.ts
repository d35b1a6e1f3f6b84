import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { openRedis } from '../src/redis.ts';
import { type OwnRedis, ownRedis } from './support/redis.ts';
import { until } from './support/wait.ts';

let server: OwnRedis;
beforeAll(async () => {
  server = await ownRedis();
});
afterAll(() => server[Symbol.asyncDispose]());

const milliseconds = async (work: () => Promise<unknown>): Promise<number> => {
  const from = performance.now();
  await work();
  return performance.now() - from;
};

describe('Redis', () => {
  test('answers, under the prefix of the installation', async () => {
    await using redis = openRedis({ url: server.url, prefix: 'p:' });
    expect(await redis.waitUntilReady(3_000)).toBe(true);
    await redis.commands.set(redis.key('a'), '1');
    expect(await redis.commands.get('p:a')).toBe('1');
    expect(await redis.ping()).toBeLessThan(150);
  });

  test('that is not there fails each command at once, and nothing else happens', async () => {
    await using redis = openRedis({ url: 'redis://127.0.0.1:1', prefix: '' });
    expect(await redis.waitUntilReady(200)).toBe(false);
    expect(
      await milliseconds(() =>
        redis.commands.get('a').then(
          () => Promise.reject(new Error('answered')),
          () => {},
        ),
      ),
    ).toBeLessThan(100);
    expect([redis.ready, redis.subscriberReady, await redis.ping()]).toEqual([false, false, undefined]);
  });

  test('that freezes costs a command 150 ms, not seconds', async () => {
    await using redis = openRedis({ url: server.url, prefix: '' });
    await redis.waitUntilReady(3_000);
    server.freeze();
    try {
      expect(
        await milliseconds(() =>
          redis.commands.get('a').then(
            () => Promise.reject(new Error('answered')),
            () => {},
          ),
        ),
      ).toBeLessThan(400);
    } finally {
      server.thaw();
    }
    await until('an answer', () => redis.commands.ping().catch(() => ''), 5_000);
  });

  test('that is killed and comes back is used again, with its subscriptions, and that is told', async () => {
    const lines: string[] = [];
    const log = { warn: (_: object, text: string) => void lines.push(text), info: (_: object, text: string) => void lines.push(text) };
    await using redis = openRedis({ url: server.url, prefix: '', log });
    await redis.waitUntilReady(3_000);
    const heard: string[] = [];
    redis.subscriber.on('message', (channel: string, text: string) => heard.push(`${channel} ${text}`));
    await redis.subscriber.subscribe('room:1');
    let returns = 0;
    redis.onSubscriberReturn(() => returns++);
    await redis.commands.publish('room:1', 'one');
    await until('the first message', () => heard.length === 1);
    await server.kill();
    await until('the loss is noticed', () => !redis.ready && !redis.subscriberReady);
    await server.start();
    await until('the subscriber is back', () => returns === 1, 5_000);
    await until('commands go through', () => redis.commands.publish('room:1', 'two').catch(() => 0), 5_000);
    await until('the second message', () => heard.includes('room:1 two'));
    expect(lines).toContain('Redis is gone; going on without it');
    expect(lines).toContain('Redis is back');
  });

  test('whose subscriber connection is dead without a word gets a new one', async () => {
    await using redis = openRedis({ url: server.url, prefix: '' });
    await redis.waitUntilReady(3_000);
    let returns = 0;
    redis.onSubscriberReturn(() => returns++);
    server.freeze();
    await until('the silence is noticed', () => !redis.subscriberReady, 10_000);
    server.thaw();
    await until('the subscriber is back', () => returns > 0 && redis.subscriberReady, 5_000);
  });
});

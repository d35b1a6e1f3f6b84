/** Redis killed, restarted, frozen and cut, under load: it makes things faster, never possible. */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { Redis } from 'ioredis';
import type { Reader } from '../support/client.ts';
import { type Failure, type Load, kinds } from './load.ts';
import { longestLag, openStage, type Stage } from './stage.ts';

const COMPLETE_MS = 3_000;

let stage: Stage;
let readers: Reader[];
beforeAll(async () => {
  stage = await openStage();
  readers = [];
  for (const [n, node] of stage.nodes.entries()) readers.push(await stage.reader(stage.people[4 + n]!, [node.url]));
});
afterAll(() => stage[Symbol.asyncDispose]());

/** Runs the load through a fault; nothing may fail, and readers of the other node must not wait longer than three seconds. */
async function through(name: string, fault: (load: Load) => Promise<void>): Promise<void> {
  // All on one node: nothing that the other writes itself shows it the holes.
  const load = stage.load({ urls: () => [stage.nodes[0]!.url] });
  await stage.warm(load);
  const from = performance.now();
  await fault(load);
  const to = performance.now();
  await stage.warm(load, load.answers.length + 30);
  expect(kinds(load.failures as Failure[])).toEqual({});
  const during = load.answers.filter(({ at }) => at >= from && at <= to);
  let lags: number[] = [];
  const problems = await stage.verdict(
    name,
    load,
    () => {
      lags = readers.map((reader) => longestLag(load, reader, from, to));
      return { sameNodeLagMs: lags[0]!, otherNodeLagMs: lags[1]!, answers: during.length, slowestMs: Math.max(...during.map(({ ms }) => ms)) };
    },
    COMPLETE_MS,
  );
  expect(problems).toEqual([]);
  for (const lag of lags) expect(lag).toBeLessThan(COMPLETE_MS);
  // No connection was lost, and nobody had to begin anew.
  expect(readers.flatMap(({ closes }) => closes)).toEqual([]);
  expect(during.length).toBeGreaterThan(20);
}

test('killed and back after two seconds', async () => {
  await through('Redis killed', async () => {
    await stage.redisServer.kill();
    await Bun.sleep(2_000);
    await stage.redisServer.start();
    await Bun.sleep(500);
  });
}, 30_000);

test('restarted', async () => {
  await through('Redis restarted', async () => {
    await stage.redisServer.stop();
    await stage.redisServer.start();
    await Bun.sleep(500);
  });
}, 30_000);

test('its subscriber connections cut, five times in two seconds', async () => {
  await using client = Object.assign(new Redis(stage.redisServer.url), { [Symbol.asyncDispose]: async () => void client.disconnect() });
  await through('Redis subscribers cut', async () => {
    for (let n = 0; n < 5; n++) {
      await client.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
      await Bun.sleep(400);
    }
  });
}, 30_000);

test('frozen for ten seconds', async () => {
  await through('Redis frozen', async () => {
    stage.redisServer.freeze();
    await Bun.sleep(10_000);
    stage.redisServer.thaw();
    await Bun.sleep(500);
  });
}, 40_000);

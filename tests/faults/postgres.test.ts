/**
 * Postgres stopped, killed, frozen, and robbed of its backends, under load: what was acknowledged is there, answers say what is
 * open, and everything goes on by itself.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import type { Reader } from '../support/client.ts';
import { kinds, percentile } from './load.ts';
import { openStage, type Stage } from './stage.ts';

const AWAY_MS = 3_000;
const FIRST_ACK_MS = 2_000;
const SETTLED_MS = 5_000;
const DEADLINE_MS = 3_000;

let stage: Stage;
let readers: Reader[];
beforeAll(async () => {
  stage = await openStage({ postgres: true });
  readers = [];
  for (const [n, node] of stage.nodes.entries()) readers.push(await stage.reader(stage.people[4 + n]!, [node.url]));
}, 30_000);
afterAll(() => stage[Symbol.asyncDispose]());

for (const how of ['immediate', 'fast', 'kill'] as const) {
  test(`stopped (${how}) and back after three seconds`, async () => {
    const load = stage.load();
    await stage.warm(load);
    await stage.postgres.stop(how);
    await Bun.sleep(AWAY_MS);
    await stage.postgres.start();
    const back = performance.now();
    const firstAckMs = await load.firstAckAfter(back);
    await load.settledSince(back, SETTLED_MS - firstAckMs);
    const settledMs = performance.now() - back;
    await stage.warm(load, load.answers.length + 50);
    const { 503: unavailable = 0, unavailable: told = 0, overloaded = 0, ...others } = kinds(load.failures);
    const problems = await stage.verdict(`Postgres ${how}`, load, () => ({ firstAckMs, settledMs }));
    expect(problems).toEqual([]);
    expect(others).toEqual({});
    expect(unavailable + told + overloaded).toBeGreaterThan(0);
    expect(firstAckMs).toBeLessThan(FIRST_ACK_MS);
    expect(settledMs).toBeLessThan(SETTLED_MS);
  }, 40_000);
}

test('half of its backends terminated once a second, ten times: hardly an error, nothing slow, nothing stuck', async () => {
  const load = stage.load();
  await stage.warm(load);
  const from = load.answers.length;
  const before = { attempts: load.attempts, failures: load.failures.length };
  let terminated = 0;
  for (let n = 0; n < 10; n++) {
    const rows = await stage.db.sql<{ done: boolean }>`
      select pg_terminate_backend(pid) as done from (
        select pid, row_number() over (order by random()) as nth, count(*) over () as n from pg_stat_activity where application_name = 'parlour' and pid <> pg_backend_pid()
      ) b where nth <= ceil(n / 2.0)`;
    terminated += rows.filter(({ done }) => done).length;
    await Bun.sleep(1_000);
  }
  const share = (load.failures.length - before.failures) / (load.attempts - before.attempts);
  const p99 = percentile(
    load.answers.slice(from).map(({ ms }) => ms),
    0.99,
  );
  const now = performance.now();
  await load.settledSince(now, SETTLED_MS);
  const worst = Math.max(...load.answers.slice(from).map(({ ms }) => ms));
  const problems = await stage.verdict('half of the backends terminated', load, () => ({ terminated, errorsPercent: share * 100, p99Ms: p99, worstMs: worst }));
  expect(problems).toEqual([]);
  expect(terminated).toBeGreaterThan(10);
  expect(share).toBeLessThanOrEqual(0.02);
  expect(p99).toBeLessThanOrEqual(500);
}, 40_000);

test('frozen for five seconds: 503 within the deadline, no 500, no exit, and on it goes', async () => {
  const load = stage.load();
  await stage.warm(load);
  const from = performance.now();
  await stage.postgres.freeze();
  const asked = performance.now();
  const [read, sent] = await Promise.all([
    fetch(`${stage.nodes[0]!.url}/api/v1/rooms`, { headers: { authorization: `Bearer ${stage.owner.token}` } }).then(async (response) => ({
      status: response.status,
      ms: performance.now() - asked,
    })),
    fetch(`${stage.nodes[1]!.url}/api/v1/rooms/${stage.roomIds[0]}/messages`, {
      method: 'POST',
      headers: { authorization: `Bearer ${stage.owner.token}`, 'content-type': 'application/json' },
      body: '{"content":"to a frozen database"}',
    }).then(async (response) => ({ status: response.status, ms: performance.now() - asked })),
  ]);
  await Bun.sleep(Math.max(0, from + 5_000 - performance.now()));
  await stage.postgres.thaw();
  const thawed = performance.now();
  const firstAckMs = await load.firstAckAfter(thawed);
  await load.settledSince(thawed, SETTLED_MS);
  await stage.warm(load, load.answers.length + 50);
  const { 503: unavailable = 0, unavailable: told = 0, overloaded = 0, ...others } = kinds(load.failures);
  const problems = await stage.verdict('Postgres frozen', load, () => ({ refusedAfterMs: Math.max(read.ms, sent.ms), firstAckMs }));
  expect(problems).toEqual([]);
  expect([read.status, sent.status]).toEqual([503, 503]);
  // The sweep of deadlines is every 50 ms; the rest is the machine's.
  for (const { ms } of [read, sent]) expect(ms).toBeLessThan(DEADLINE_MS + 500);
  expect(others).toEqual({});
  expect(unavailable + told + overloaded).toBeGreaterThan(0);
  expect(firstAckMs).toBeLessThan(FIRST_ACK_MS);
  for (const node of stage.nodes) expect((await fetch(`${node.url}/readyz`)).status).toBe(200);
}, 40_000);

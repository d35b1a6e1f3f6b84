/** Nodes that die: between commit and publish, at once, and on request. What was acknowledged is there, and the others' readers have it. */
import { expect, test } from 'bun:test';
import { Reader } from '../support/client.ts';
import { until } from '../support/wait.ts';
import { kinds } from './load.ts';
import { longestLag, openStage, type Stage } from './stage.ts';

const COMPLETE_MS = 5_000;
const EXIT_MS = 10_000;

/** When all of these have everything that is stored of what was acknowledged until now, in milliseconds from `since`. */
async function complete(stage: Stage, readers: readonly Reader[], since: number): Promise<number> {
  const heads = await stage.db.sql<{ id: string; seq: number }>`select id, last_seq as seq from rooms`;
  await Promise.all(readers.flatMap((reader) => heads.map(({ id, seq }) => reader.reaches(id, seq, COMPLETE_MS))));
  return performance.now() - since;
}

test('a node that dies between commit and publish: the other finds what it did not tell', async () => {
  await using stage = await openStage({ nodes: 1 });
  const [kept] = stage.nodes as [Stage['nodes'][0]];
  const dying = await stage.startNode({ FAILPOINT: 'after-commit:60' });
  const reader = await stage.reader(stage.people[4]!, [kept.url]);
  const moved = await stage.reader(stage.people[5]!, [dying.url, kept.url]);
  const load = stage.load({ urls: (nth) => (nth < 2 ? [dying.url, kept.url] : [kept.url]) });
  expect(await dying.exited).not.toBe(0);
  const died = performance.now();
  await load.settledSince(died, COMPLETE_MS);
  const ms = await complete(stage, [reader, moved], died);
  expect(ms).toBeLessThan(COMPLETE_MS);
  await stage.warm(load, load.answers.length + 50);
  const lag = longestLag(load, reader);
  expect(lag).toBeLessThan(COMPLETE_MS);
  // Committed, not told by the one who died, and answered with its first seq when it was sent again.
  expect(load.acknowledged.some(({ first, lane }) => !first && lane !== '')).toBe(true);
  expect(await stage.verdict('killed between commit and publish', load, () => ({ completeMs: ms, longestLagMs: lag }))).toEqual([]);
}, 40_000);

test('a node that is killed with -9: its clients resume on the other, and nothing is missing', async () => {
  await using stage = await openStage();
  const [dying, kept] = stage.nodes as [Stage['nodes'][0], Stage['nodes'][0]];
  const reader = await stage.reader(stage.people[4]!, [kept.url]);
  const moved = await stage.reader(stage.people[5]!, [dying.url, kept.url]);
  const load = stage.load();
  await stage.warm(load, 150);
  dying.kill('SIGKILL');
  await dying.exited;
  const died = performance.now();
  await load.settledSince(died, COMPLETE_MS);
  const ms = await complete(stage, [reader, moved], died);
  expect(ms).toBeLessThan(COMPLETE_MS);
  await stage.warm(load, load.answers.length + 50);
  expect(moved.closes.length).toBeGreaterThan(0);
  const lag = longestLag(load, reader);
  expect(lag).toBeLessThan(COMPLETE_MS);
  expect(await stage.verdict('node killed -9', load, () => ({ completeMs: ms, longestLagMs: lag }))).toEqual([]);
}, 40_000);

test('SIGTERM under load: no request in flight fails, sockets are told and closed with 1012, and it ends with 0', async () => {
  await using stage = await openStage();
  const [leaving, kept] = stage.nodes as [Stage['nodes'][0], Stage['nodes'][0]];
  // Behind a balancer: what is new goes to the other node from the moment on at which /readyz says so.
  let down = false;
  const urls = (): string[] => (down ? [kept.url] : [leaving.url, kept.url]);
  const reader = await stage.reader(stage.people[4]!, [kept.url]);
  const moved = await stage.reader(stage.people[5]!, urls);
  const load = stage.load({ urls: (nth) => (nth < 2 ? urls() : [kept.url]) });
  await stage.warm(load, 100);
  const from = performance.now();
  leaving.kill('SIGTERM');
  await until('it says that it leaves', async () => (await fetch(`${leaving.url}/readyz`)).status === 503, 3_000);
  down = true;
  expect(await leaving.exited).toBe(0);
  const ms = performance.now() - from;
  expect(ms).toBeLessThan(EXIT_MS);
  expect(moved.reconnectAfterMs).toBeGreaterThanOrEqual(0);
  expect([...moved.closes, ...load.closes()].filter((code) => code !== 1012)).toEqual([]);
  expect(moved.closes.length).toBe(1);
  await complete(stage, [reader, moved], from);
  // A command that crossed with the close was not received; one that was received is answered before.
  expect(load.failures.filter(({ what }) => what !== 'socket closed')).toEqual([]);
  expect(load.answers.filter(({ duplicate }) => duplicate)).toEqual([]);
  expect(await stage.verdict('SIGTERM', load, () => ({ exitMs: ms }))).toEqual([]);
}, 40_000);

test('SIGTERM under a client who never pauses: what he was not answered was not carried out, and the node does not wait for him', async () => {
  await using stage = await openStage({ nodes: 1 });
  const [leaving] = stage.nodes;
  const roomId = stage.roomIds[0]!;
  const sender = await new Reader(stage.owner, { urls: () => [leaving!.url] }).open();
  let nth = 0;
  const answered = new Set<string>();
  const pipeline = async (): Promise<void> => {
    for (;;) {
      const clientMessageId = `p${nth++}`;
      const answer = await sender.ask('message.send', { roomId, content: 'x', clientMessageId }).catch(() => undefined);
      if (answer === undefined) return;
      if (answer.type === 'ok') answered.add(clientMessageId);
    }
  };
  const pipelines = Array.from({ length: 48 }, pipeline);
  await until('he sends', () => answered.size > 500, 10_000);
  const from = performance.now();
  leaving!.kill('SIGTERM');
  expect(await leaving!.exited).toBe(0);
  const exitMs = performance.now() - from;
  await Promise.all(pipelines);
  expect(sender.closes).toEqual([1012]);
  const stored = await stage.db.sql<{ id: string }>`select client_message_id as id from messages`;
  console.log(JSON.stringify({ fault: 'SIGTERM, one who never pauses', exitMs: Math.round(exitMs), acknowledged: answered.size, stored: stored.length }));
  expect(stored.map(({ id }) => id).filter((id) => !answered.has(id))).toEqual([]);
  expect(stored.length).toBe(answered.size);
  // Told to go within three seconds.
  expect(exitMs).toBeLessThan(EXIT_MS / 2);
}, 40_000);

test('SIGTERM with clients who come back to the same node at once: it turns them away and is gone as soon as the first have left', async () => {
  await using stage = await openStage({ nodes: 1 });
  const [leaving] = stage.nodes;
  const readers = await Promise.all(Array.from({ length: 20 }, (_, n) => stage.reader(stage.people[n % 6]!, [leaving!.url])));
  const from = performance.now();
  leaving!.kill('SIGTERM');
  expect(await leaving!.exited).toBe(0);
  const exitMs = performance.now() - from;
  console.log(
    JSON.stringify({ fault: 'SIGTERM, all come back', exitMs: Math.round(exitMs), comeBacks: readers.reduce((sum, { closes }) => sum + closes.length, 0) }),
  );
  for (const { closes } of readers) expect(closes[0]).toBe(1012);
  expect(exitMs).toBeLessThan(EXIT_MS / 2);
}, 40_000);

test('one of two worker processes is killed with -9: the other serves on, another takes its place, and nothing is missing', async () => {
  await using stage = await openStage({ nodes: 1, env: { WORKERS: '2' } });
  const [machine] = stage.nodes;
  const pids = (): number[] => machine!.lines().flatMap(({ event, pid }) => (event === 'listening' ? [Number(pid)] : []));
  await until('both listen', () => pids().length === 2, 10_000);
  const readers = await Promise.all(Array.from({ length: 12 }, (_, n) => stage.reader(stage.people[4 + (n % 2)]!, [machine!.url])));
  const load = stage.load();
  // A worker that dies within its first seconds counts as one that can not start.
  await Bun.sleep(2_000);
  await stage.warm(load, 100);
  process.kill(pids()[0]!, 'SIGKILL');
  const died = performance.now();
  await load.settledSince(died, COMPLETE_MS);
  const completeMs = await complete(stage, readers, died);
  await until('another worker listens', () => pids().length === 3, 10_000);
  const replacedMs = performance.now() - died;
  await stage.warm(load, load.answers.length + 50);
  const { connection = 0, 'socket closed': closed = 0, ...others } = kinds(load.failures);
  expect(others).toEqual({});
  expect(readers.some(({ closes }) => closes.length > 0) || connection + closed > 0).toBe(true);
  expect(await stage.verdict('worker killed -9', load, () => ({ completeMs, replacedMs }))).toEqual([]);
  for (const reader of readers) reader.close();
  machine!.kill('SIGTERM');
  expect(await machine!.exited).toBe(0);
}, 40_000);

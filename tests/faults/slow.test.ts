/** One reader who stops reading, among a hundred: he is closed and resumes whole, and costs the others and the server next to nothing. */
import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
// @ts-expect-error By its path and so without types, because Bun answers the bare name with a socket of its own.
import NodeSocket from '../../node_modules/ws/wrapper.mjs';
import { until } from '../support/wait.ts';
import { openStage } from './stage.ts';

const OTHERS = 99;
/** The kernel takes some megabytes before the server owes anything; how soon it acts then is in tests/realtime/slow.test.ts. */
const CLOSED_MS = 60_000;
const AT_ONCE = 4;
const GROWN_BYTES = 32 * 1_048_576;
/** Three bytes a character, so that the kernel's buffers are full before long. */
const CONTENT = '€'.repeat(4_000);

const residentBytes = (pid: number): number => {
  const status = process.platform === 'linux' ? readFileSync(`/proc/${pid}/status`, 'utf8') : '';
  const kilobytes = /VmRSS:\s+(\d+)/.exec(status)?.[1] ?? Bun.spawnSync(['ps', '-o', 'rss=', '-p', String(pid)]).stdout.toString();
  return Number(kilobytes) * 1_024;
};

test('a stalled reader among a hundred', async () => {
  await using stage = await openStage({ nodes: 1 });
  const [node] = stage.nodes;
  const { id: roomId, epoch } = stage.rooms[0]!;
  const [owner, crowd, sleeper] = stage.people;
  const address = `${node!.url.replace('http', 'ws')}/ws`;
  const subscribe = JSON.stringify({ type: 'subscribe', id: 's', rooms: [{ roomId, after: 0, epoch }] });

  /** Only the numbers, because a hundred readers of large frames are more work than the server's. */
  const heads = new Array<number>(OTHERS).fill(0);
  const wrong: string[] = [];
  const others = await Promise.all(
    heads.map(async (_, n) => {
      const socket = new WebSocket(address, { headers: { authorization: `Bearer ${crowd!.token}` } } as never);
      const { promise, resolve } = Promise.withResolvers<void>();
      socket.onmessage = ({ data }) => {
        const text = String(data);
        if (text.startsWith('{"type":"ready"')) socket.send(subscribe);
        else if (text === '{"type":"ok","id":"s"}') resolve();
        const seq = /^\{"type":"message\.created","roomId":"[^"]+","seq":(\d+)/.exec(text)?.[1];
        if (seq !== undefined && Number(seq) !== ++heads[n]!) wrong.push(`reader ${n} heard ${seq} instead of ${heads[n]}`);
      };
      socket.onclose = ({ code }) => void wrong.push(`reader ${n} was closed with ${code}`);
      await promise;
      return socket;
    }),
  );
  const stalled = new NodeSocket(address, { headers: { authorization: `Bearer ${sleeper!.token}` }, perMessageDeflate: false });
  const told: string[] = [];
  stalled.on('message', (data: unknown) => void told.push(String(data)));
  const closed = new Promise<number>((done) => stalled.on('close', done));
  stalled.on('error', () => {});
  await until('he is ready', () => told.some((text) => text.startsWith('{"type":"ready"')));
  stalled.send(subscribe);
  await until('he hears the room', () => told.includes('{"type":"ok","id":"s"}'));

  let sent = 0;
  let slowestMs = 0;
  const says = async (): Promise<void> => {
    const from = performance.now();
    const response = await fetch(`${node!.url}/api/v1/rooms/${roomId}/messages`, {
      method: 'POST',
      headers: { authorization: `Bearer ${owner!.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ content: CONTENT }),
    });
    expect(response.status).toBe(201);
    await response.arrayBuffer();
    slowestMs = Math.max(slowestMs, performance.now() - from);
  };
  const burst = async (): Promise<void> => {
    await Promise.all(Array.from({ length: AT_ONCE }, says));
    sent += AT_ONCE;
    await until('the others have it', () => heads.every((head) => head >= sent), 5_000);
  };
  const isClosed = async (): Promise<boolean> => /parlour_socket_closes_total\{code="(1006|4008)"\} 1/.test(await (await fetch(`${node!.url}/metrics`)).text());

  // What the load itself costs is not what this is about.
  let before = 0;
  for (let n = 0; n < 15; n++) {
    await burst();
    before = Math.max(before, residentBytes(node!.pid));
  }
  const raw = (stalled as unknown as { _socket: { pause(): void; resume(): void } })._socket;
  raw.pause();
  const from = performance.now();
  let grown = 0;
  while (!(await isClosed())) {
    await burst();
    grown = Math.max(grown, residentBytes(node!.pid) - before);
    if (performance.now() - from > CLOSED_MS) throw new Error(`not closed after ${sent} messages`);
  }
  const closedMs = performance.now() - from;
  raw.resume();
  expect([1006, 4008]).toContain(await closed);
  expect(wrong).toEqual([]);

  // He resumes where he was: the numbers go on without a hole up to what is stored.
  const numbers = told.flatMap((text) => /^\{"type":"message\.created","roomId":"[^"]+","seq":(\d+)/.exec(text)?.[1] ?? []).map(Number);
  expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, n) => n + 1));
  const reader = await stage.reader(sleeper!, [node!.url]);
  await reader.reaches(roomId, sent);
  expect(reader.problems).toEqual([]);
  expect(
    reader
      .streams()
      .find((stream) => stream.roomId === roomId)!
      .heard.map(({ seq }) => seq),
  ).toEqual(Array.from({ length: sent }, (_, n) => n + 1));
  console.log(
    JSON.stringify({
      fault: 'one stalled reader among a hundred',
      closedMs: Math.round(closedMs),
      grownMiB: Math.round(grown / 1_048_576),
      slowestMs: Math.round(slowestMs),
      sent,
    }),
  );
  expect(grown).toBeLessThan(GROWN_BYTES);
  for (const socket of others) {
    socket.onclose = null;
    socket.close();
  }
}, 120_000);

/**
 * Drives the storm after an outage: all sockets are lost at once, messages are said in each room, all sockets come back at once and
 * resume. Receivers check that they get exactly what they missed, in order; a time counts from the moment at which all begin to come back.
 */
import { quantile } from '../statistics.ts';
import { seqOf } from './crowd.ts';
import type { Outcome, StormJob } from './jobs.ts';
import { meter } from './meter.ts';
import { type Lean, openLean } from './socket.ts';

/** Opened so many at a time before the outage, where the time does not count. */
const OPENING = 64;
/** Who is not whole by then counts as lost. */
const LIMIT_MS = 30_000;
/** Between the loss and the return: the server has seen all of them go. */
const AWAY_MS = 1_000;
/** Unanswered sends of the one who speaks. */
const SPEAKING = 32;

type Cursor = { roomId: string; seq: number; epoch: string };

export async function storm(job: StormJob): Promise<Outcome> {
  const { sockets: count, rooms, missed } = job;
  const cursors: Cursor[] = [];
  for (let from = 0; from < count; from += OPENING) {
    cursors.push(...(await Promise.all(Array.from({ length: Math.min(OPENING, count - from) }, (_, at) => visit(job, from + at)))));
  }
  await Bun.sleep(AWAY_MS);
  await speak(job);
  await Bun.sleep(AWAY_MS);

  const times: number[] = [];
  let failure: string | undefined;
  meter.start();
  const started = performance.now();
  await Promise.race([
    Promise.all(
      cursors.map((cursor, at) =>
        resume(job, at, cursor).then(
          () => times.push(performance.now() - started),
          (error: Error) => {
            failure ??= error.message;
          },
        ),
      ),
    ),
    Bun.sleep(LIMIT_MS),
  ]);
  meter.stop();
  const last = quantile(times, 1);
  const incomplete = count - times.length;
  return {
    rate: (times.length * 1_000) / last,
    done: times.length,
    seconds: last / 1_000,
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
    max: last,
    loss: failure ?? (incomplete > 0 ? `${incomplete} of ${count} sockets were not whole after ${LIMIT_MS / 1_000} s` : undefined),
    note: `${rooms.length} rooms, ${missed} missed events each`,
  };
}

/** Opens, subscribes, remembers how far the room is, and is cut off. */
function visit({ where, tokens, rooms }: StormJob, at: number): Promise<Cursor> {
  const roomId = rooms[at % rooms.length]!;
  return new Promise((done, fail) => {
    openLean({
      ...where,
      path: '/ws',
      token: tokens[at % tokens.length],
      onFrame(payload, self) {
        const text = payload.toString();
        if (text.startsWith('{"type":"ready"')) self.send(JSON.stringify({ type: 'subscribe', rooms: [{ roomId }] }));
        else if (text.startsWith('{"type":"error"')) fail(new Error(text));
        else if (text.startsWith('{"type":"synced"')) {
          const { seq, epoch } = JSON.parse(text) as Cursor;
          self.close();
          done({ roomId, seq, epoch });
        }
      },
    }).catch(fail);
  });
}

/** `missed` messages in each room, acknowledged before it returns. */
function speak({ where, tokens, rooms, missed, runName }: StormJob): Promise<void> {
  const all = missed * rooms.length;
  let sent = 0;
  let acknowledged = 0;
  return new Promise((done, fail) => {
    const next = (): string =>
      JSON.stringify({
        type: 'message.send',
        id: sent,
        roomId: rooms[sent % rooms.length],
        content: 'Has anybody seen the photographs of the garden? I had them here yesterday.',
        clientMessageId: `${runName}-0-${sent++}`,
      });
    openLean({
      ...where,
      path: '/ws',
      token: tokens[0],
      onFrame(payload, self) {
        const text = payload.toString('utf8', 0, 20);
        if (text.startsWith('{"type":"ready"')) self.sendAll(Array.from({ length: Math.min(SPEAKING, all) }, next));
        else if (text.startsWith('{"type":"error"')) fail(new Error(payload.toString()));
        else if (text.startsWith('{"type":"ok"')) {
          if (++acknowledged === all) {
            self.close();
            done();
          } else if (sent < all) self.send(next());
        }
      },
    }).catch(fail);
  });
}

/** Comes back with its cursor; resolves once it is whole, rejects when something is missing, doubled or out of order. */
function resume({ where, tokens, missed }: StormJob, at: number, { roomId, seq: from, epoch }: Cursor): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let cursor = from;
  let socket: Lean | undefined;
  const end = (problem?: string): void => {
    if (problem === undefined) resolve();
    else reject(new Error(`socket ${at}: ${problem}`));
  };
  openLean({
    ...where,
    path: '/ws',
    token: tokens[at % tokens.length],
    onFrame(payload, self) {
      // {"type":"message.created" and {"type":"synced": the tenth byte and the one behind it.
      if (payload[9] === 0x6d) {
        const seq = seqOf(payload);
        if (seq !== cursor + 1) end(`heard ${seq} after ${cursor}`);
        cursor = seq;
      } else if (payload[9] === 0x73) end(cursor === from + missed ? undefined : `is told that it is whole at ${cursor} instead of ${from + missed}`);
      else if (payload[9] === 0x72 && payload[12] === 0x64) {
        socket = self;
        self.send(JSON.stringify({ type: 'subscribe', rooms: [{ roomId, after: from, epoch }] }));
      } else if (/^(gap|error|refused)/.test(payload.toString('latin1', 9, 16))) end(payload.toString());
    },
    onClose: (code) => end(`was closed with ${code}`),
  }).catch(reject);
  return promise.finally(() => setTimeout(() => socket?.close(), 500));
}

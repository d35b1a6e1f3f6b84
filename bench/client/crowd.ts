/**
 * Sockets that hear one room, and a publisher beside them; publishes go out in slices of time, as often as asked. Every receiver
 * checks that nothing is missing, doubled or swapped, over all slices.
 */
import type { FanoutJob } from './jobs.ts';
import { openAll } from './opening.ts';
import { type Lean, openLean } from './socket.ts';

/** What is still on its way when a slice is over gets this long. */
const GRACE_MS = 5_000;
const SEQ = Buffer.from('"seq":');
const MESSAGE = 0x6d; // {"type":"message…: the tenth byte
const PUBLISHES_MOST = 4_000_000;

export function seqOf(payload: Buffer): number {
  let at = payload.indexOf(SEQ) + SEQ.length;
  let value = 0;
  for (let byte = payload[at]!; byte >= 0x30 && byte <= 0x39; byte = payload[++at]!) value = value * 10 + byte - 0x30;
  return value;
}

/** `latencies`: from when a publish was to begin until the last receiver has it, in milliseconds. */
export type Slice = { seconds: number; done: number; latencies: number[] };
export type Crowd = Awaited<ReturnType<typeof openCrowd>>;
type CrowdJob = Omit<FanoutJob, 'job' | 'ms' | 'inFlight' | 'rate'>;

/** All are subscribed when it returns. Throws what a server said otherwise. */
export async function openCrowd({ where, path, dialect, tokens, subscribers, hello, ready, control, publish }: CrowdJob) {
  const [before, behind] = publish.split('$') as [string, string];
  const last = new Float64Array(subscribers);
  const counts = new Uint32Array(PUBLISHES_MOST);
  /** When each publish was to begin. */
  const due: number[] = [];
  let wrong: string | undefined;
  let heard = 0;
  let firstSeq = 0;
  let until = 0;
  let lastAt = 0;
  let paced = false;
  let latencies: number[] = [];
  let over = (): void => {};
  let publisher: Lean | undefined;

  const begin = (at: number): void => {
    publisher!.send(`${before}${due.length}${behind}`);
    due.push(at);
  };

  function hear(at: number, payload: Buffer): void {
    const seq = seqOf(payload);
    if (last[at] !== 0 && seq !== last[at]! + 1) wrong ??= `subscriber ${at} heard ${seq} after ${last[at]}`;
    last[at] = seq;
    if (firstSeq === 0) firstSeq = seq;
    heard++;
    const nth = seq - firstSeq;
    if (++counts[nth]! < subscribers) return;
    // Everyone has this one.
    lastAt = performance.now();
    latencies.push(lastAt - due[nth]!);
    if (lastAt < until) {
      if (!paced) begin(lastAt);
    } else if (heard === due.length * subscribers) over();
  }

  const sockets = await openAll(subscribers, (at) => {
    let isReady = false;
    return new Promise<Lean>((opened, fail) => {
      openLean({
        ...where,
        path,
        dialect,
        token: tokens[at % Math.max(1, tokens.length)],
        onFrame(payload, self) {
          if (payload[9] === MESSAGE) return hear(at, payload);
          if (!isReady && payload.includes(ready)) {
            isReady = true;
            opened(self);
          } else if (payload[9] === 0x72 && hello !== '' && !isReady && payload.toString('latin1', 9, 14) === 'ready') self.send(hello);
          else if (payload.toString('latin1', 9, 13) === 'ping') self.send('{"type":"pong"}');
          else if (/^(gap|error|refused)/.test(payload.toString('latin1', 9, 16))) {
            wrong ??= payload.toString();
            fail(new Error(wrong));
          }
        },
        onClose: (code) => {
          wrong ??= `subscriber ${at} was closed with ${code}`;
          fail(new Error(wrong));
          over();
        },
      }).catch(fail);
    });
  });
  publisher = await openLean({
    host: control.host,
    port: control.port,
    path: control.path,
    dialect: control.dialect,
    token: control.token,
    onFrame(payload, self) {
      const text = payload.toString('latin1', 0, 15);
      if (text === '{"type":"error"') wrong ??= payload.toString();
      else if (text.startsWith('{"type":"ping"')) self.send('{"type":"pong"}');
    },
  });

  return {
    /** Keeps `inFlight` publishes on their way for `ms`, or begins `rate` a second; returns when all of them were heard, or after a grace. */
    async slice(ms: number, how: { inFlight: number } | { rate: number }): Promise<Slice> {
      const heardBefore = heard;
      latencies = [];
      paced = 'rate' in how;
      const finished = new Promise<void>((done) => {
        over = done;
      });
      const started = performance.now();
      until = paced ? Number.POSITIVE_INFINITY : started + ms;
      if ('inFlight' in how) for (let n = 0; n < how.inFlight; n++) begin(performance.now());
      else {
        for (let n = 0; n < (how.rate * ms) / 1_000; n++) {
          const intended = started + (n * 1_000) / how.rate;
          const wait = intended - performance.now();
          if (wait > 0) await Bun.sleep(wait);
          begin(intended);
        }
        until = 0;
        if (heard === due.length * subscribers) over();
      }
      await Promise.race([finished, Bun.sleep((paced ? 0 : ms) + GRACE_MS)]);
      return { seconds: (lastAt - started) / 1_000, done: heard - heardBefore, latencies };
    },
    /** What went wrong so far. */
    get loss(): string | undefined {
      const missing = due.length * subscribers - heard;
      return wrong ?? (missing !== 0 ? `${missing} of ${due.length * subscribers} deliveries are missing` : undefined);
    },
    close(): void {
      for (const socket of sockets) socket.close();
      publisher?.close();
    },
  };
}

/** Drives sockets: commands with answers, fan-out to many that listen, and many that do nothing. Receivers check that nothing is missing, doubled or swapped. */
import { quantile } from '../statistics.ts';
import type { EchoJob, FanoutJob, IdleJob, Outcome } from './jobs.ts';
import { meter } from './meter.ts';
import { type Lean, openLean } from './socket.ts';

/** Opened so many at a time; all at once would overflow the listener's queue. */
const OPENING = 64;
/** Presence, first snapshots and compiled code of the openings are over then. */
const SETTLE_MS = 1_500;

async function openAll(count: number, open: (at: number) => Promise<Lean>): Promise<Lean[]> {
  const sockets: Lean[] = [];
  for (let from = 0; from < count; from += OPENING) {
    sockets.push(...(await Promise.all(Array.from({ length: Math.min(OPENING, count - from) }, (_, at) => open(from + at)))));
  }
  return sockets;
}

export async function echo({ where, path, dialect, tokens, sockets: count, inFlight, ms, text }: EchoJob): Promise<Outcome> {
  const [before, behind] = text.split('$') as [string, string];
  const latencies: number[] = [];
  let done = 0;
  let waiting = 0;
  let failure: string | undefined;
  let finished = (): void => {};
  const over = new Promise<void>((finish) => {
    finished = finish;
  });
  let until = Number.POSITIVE_INFINITY;
  let last = 0;
  let n = 0;
  const starts: (() => void)[] = [];
  const sockets = await openAll(count, (at) => {
    const sentAt: number[] = [];
    return openLean({
      ...where,
      path,
      dialect,
      token: tokens[at % Math.max(1, tokens.length)],
      onFrame(payload, self) {
        // Answers of one socket come in order; whatever is no answer to a command is shorter or begins otherwise.
        if (sentAt.length === 0 || payload[9] !== 0x70 || payload[10] !== 0x6f) return;
        last = performance.now();
        latencies.push(last - sentAt.shift()!);
        done++;
        if (last < until) {
          sentAt.push(last);
          return self.send(`${before}${n++}${behind}`);
        }
        if (--waiting === 0) finished();
      },
      onClose: (code) => {
        failure ??= `a socket was closed with ${code}`;
        finished();
      },
    }).then((self) => {
      starts.push(() => {
        const texts = Array.from({ length: inFlight }, () => `${before}${n++}${behind}`);
        waiting += inFlight;
        for (const _ of texts) sentAt.push(performance.now());
        self.sendAll(texts);
      });
      return self;
    });
  });
  await Bun.sleep(SETTLE_MS);
  meter.start();
  const started = performance.now();
  until = started + ms;
  for (const start of starts) start();
  await Promise.race([over, Bun.sleep(ms + 5_000)]);
  meter.stop();
  const seconds = (last - started) / 1_000;
  if (waiting > 0) failure ??= `${waiting} commands were not answered`;
  const loss = failure;
  for (const socket of sockets) socket.close();
  return { rate: done / seconds, done, seconds, p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99), max: quantile(latencies, 1), loss };
}
const SEQ = Buffer.from('"seq":');
const MESSAGE = 0x6d; // {"type":"message…: the tenth byte

function seqOf(payload: Buffer): number {
  let at = payload.indexOf(SEQ) + SEQ.length;
  let value = 0;
  for (let byte = payload[at]!; byte >= 0x30 && byte <= 0x39; byte = payload[++at]!) value = value * 10 + byte - 0x30;
  return value;
}

export async function fanout(job: FanoutJob): Promise<Outcome> {
  const { where, path, dialect, tokens, subscribers, hello, ready, control, publish, inFlight, rate, ms } = job;
  const [before, behind] = publish.split('$') as [string, string];
  const last = new Float64Array(subscribers);
  const latencies: number[] = [];
  let wrong: string | undefined;
  let heard = 0;
  let published = 0;
  let until = Number.POSITIVE_INFINITY;
  let lastAt = 0;
  let publisher: Lean | undefined;
  let over = (): void => {};
  const finished = new Promise<void>((done) => {
    over = done;
  });
  /** When each publish was to begin; its deliveries are timed from there. */
  const due: number[] = [];
  const counts = new Uint32Array(4_000_000);
  let firstSeq = 0;

  const begin = (at: number): void => {
    due.push(at);
    publisher!.send(`${before}${published++}${behind}`);
  };
  const sockets = await openAll(subscribers, (at) => {
    let isReady = false;
    return new Promise<Lean>((opened, fail) => {
      openLean({
        ...where,
        path,
        dialect,
        token: tokens[at % Math.max(1, tokens.length)],
        onFrame(payload, self) {
          if (payload[9] !== MESSAGE) {
            if (!isReady && payload.includes(ready)) {
              isReady = true;
              opened(self);
            } else if (payload[9] === 0x72 && hello !== '' && !isReady && payload.toString('latin1', 9, 14) === 'ready') self.send(hello);
            else if (payload.toString('latin1', 9, 13) === 'ping') self.send('{"type":"pong"}');
            else if (/^(gap|error|refused)/.test(payload.toString('latin1', 9, 16))) {
              wrong ??= payload.toString();
              fail(new Error(wrong));
            }
            return;
          }
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
            if (rate === undefined) begin(lastAt);
          } else if (heard === published * subscribers) over();
        },
        onClose: (code) => {
          wrong ??= `subscriber ${at} was closed with ${code}`;
          fail(new Error(wrong));
          over();
        },
      }).catch(fail);
    });
  });
  publisher = await new Promise<Lean>((opened, fail) => {
    openLean({
      host: control.host,
      port: control.port,
      path: control.path,
      dialect: control.dialect,
      token: control.token,
      onFrame(payload) {
        if (payload.toString('latin1', 0, 15) === '{"type":"error"') wrong ??= payload.toString();
      },
    }).then(opened, fail);
  });
  await Bun.sleep(SETTLE_MS);
  meter.start();
  const started = performance.now();
  until = rate === undefined ? started + ms : Number.POSITIVE_INFINITY;
  if (rate === undefined) for (let at = 0; at < inFlight; at++) begin(performance.now());
  else {
    for (let at = 0; at < (rate * ms) / 1_000; at++) {
      const intended = started + (at * 1_000) / rate;
      const wait = intended - performance.now();
      if (wait > 0) await Bun.sleep(wait);
      begin(intended);
    }
    until = 0;
    if (heard === published * subscribers) over();
  }
  await Promise.race([finished, Bun.sleep(rate === undefined ? ms + 5_000 : 5_000)]);
  meter.stop();
  const seconds = (lastAt - started) / 1_000;
  const missing = published * subscribers - heard;
  const loss = wrong ?? (missing !== 0 ? `${missing} of ${published * subscribers} deliveries are missing` : undefined);
  for (const socket of sockets) socket.close();
  publisher.close();
  return { rate: heard / seconds, done: heard, seconds, p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99), max: quantile(latencies, 1), loss };
}

/** Says `{"held":n}` once all are ready, and lets go when stdin ends. */
export async function idle({ where, path, dialect, tokens, sockets: count, hello, ready }: IdleJob): Promise<Outcome> {
  let closed = 0;
  let failure: string | undefined;
  await openAll(
    count,
    (at) =>
      new Promise<Lean>((opened, fail) => {
        let isReady = false;
        openLean({
          ...where,
          path,
          dialect,
          token: tokens[at % Math.max(1, tokens.length)],
          onFrame(payload, self) {
            const type = payload.toString('latin1', 9, 14);
            if (type.startsWith('ping')) self.send('{"type":"pong"}');
            else if (/^(gap|error|refus)/.test(type)) {
              failure ??= payload.toString();
              fail(new Error(failure));
            } else if (!isReady && payload.includes(ready)) {
              isReady = true;
              opened(self);
            } else if (type === 'ready' && hello !== '') self.send(hello);
          },
          onClose: (code) => {
            closed++;
            failure ??= `a socket was closed with ${code}`;
          },
        }).catch(fail);
      }),
  );
  console.log(JSON.stringify({ held: count }));
  for await (const _ of Bun.stdin.stream()) break;
  return { rate: 0, done: count - closed, seconds: 0, p50: 0, p99: 0, max: 0, loss: failure };
}

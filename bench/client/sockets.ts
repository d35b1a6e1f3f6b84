/** Drives sockets: commands with answers, and many sockets that do nothing. */
import { quantile } from '../statistics.ts';
import type { EchoJob, IdleJob, Outcome } from './jobs.ts';
import { meter } from './meter.ts';
import { openAll, SETTLE_MS } from './opening.ts';
import { type Lean, openLean } from './socket.ts';

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

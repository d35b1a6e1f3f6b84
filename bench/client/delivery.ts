/**
 * Drives ordinary talk at a steady rate: durable sends over sockets, each heard by another client, perhaps on another node. A time
 * counts from when the message was meant to be sent until that client has it. Receivers check order and completeness.
 */
import { quantile } from '../statistics.ts';
import { seqOf } from './crowd.ts';
import type { DeliveryJob, Outcome } from './jobs.ts';
import { meter } from './meter.ts';
import { SETTLE_MS } from './opening.ts';
import { type Lean, openLean } from './socket.ts';

/** Plans, compiled code and first connections are not what is asked. */
const WARM_MS = 2_000;
const GRACE_MS = 5_000;
const STAMP = Buffer.from('"clientMessageId":"');

export async function delivery({ where, other, tokens, rooms, texts, rate, ms, runName }: DeliveryJob): Promise<Outcome> {
  const due: number[] = [];
  const latencies: number[] = [];
  let heard = 0;
  let counted = Number.POSITIVE_INFINITY;
  let wrong: string | undefined;
  const receivers = await Promise.all(
    rooms.map((roomId, at) => {
      let last = 0;
      return open(other, tokens[(2 * at + 1) % tokens.length]!, roomId, (payload) => {
        const now = performance.now();
        const seq = seqOf(payload);
        if (last !== 0 && seq !== last + 1) wrong ??= `receiver ${at} heard ${seq} after ${last}`;
        last = seq;
        heard++;
        const from = payload.indexOf(STAMP) + STAMP.length;
        const n = Number(payload.toString('latin1', from, payload.indexOf(0x22, from)).split('-')[2]);
        if (n >= counted) latencies.push(now - due[n]!);
      });
    }),
  );
  const refused = (text: string): void => {
    wrong ??= text;
  };
  const senders = await Promise.all(rooms.map((_, at) => open(where, tokens[(2 * at) % tokens.length]!, undefined, () => {}, refused)));
  await Bun.sleep(SETTLE_MS);

  async function talk(forMs: number): Promise<void> {
    const started = performance.now();
    for (let n = 0; n < (rate * forMs) / 1_000; n++) {
      const intended = started + (n * 1_000) / rate;
      const wait = intended - performance.now();
      if (wait > 0) await Bun.sleep(wait);
      const at = due.length % rooms.length;
      const content = JSON.stringify(texts[(due.length * 31) % texts.length]!);
      senders[at]!.send(`{"type":"message.send","roomId":"${rooms[at]}","content":${content},"clientMessageId":"${runName}-${at}-${due.length}"}`);
      due.push(intended);
    }
  }
  await talk(WARM_MS);
  counted = due.length;
  meter.start();
  const started = performance.now();
  await talk(ms);
  const until = performance.now() + GRACE_MS;
  while (heard < due.length && performance.now() < until) await Bun.sleep(5);
  meter.stop();
  const seconds = (performance.now() - started) / 1_000;
  for (const socket of [...receivers, ...senders]) socket.close();
  const missing = due.length - heard;
  return {
    rate: latencies.length / seconds,
    done: latencies.length,
    seconds,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    max: quantile(latencies, 1),
    loss: wrong ?? (missing !== 0 ? `${missing} of ${due.length} messages were not heard` : undefined),
  };
}

/** A socket that is ready, and subscribed when a room is given. */
function open(
  where: DeliveryJob['where'],
  token: string,
  roomId: string | undefined,
  message: (payload: Buffer) => void,
  refused?: (text: string) => void,
): Promise<Lean> {
  return new Promise((opened, fail) => {
    openLean({
      ...where,
      path: '/ws',
      token,
      onFrame(payload, self) {
        const type = payload.toString('latin1', 9, 17);
        if (type.startsWith('message.')) message(payload);
        else if (type.startsWith('ready"')) {
          if (roomId === undefined) opened(self);
          else self.send(JSON.stringify({ type: 'subscribe', rooms: [{ roomId }] }));
        } else if (type.startsWith('synced"')) opened(self);
        else if (type.startsWith('ping"')) self.send('{"type":"pong"}');
        else if (/^(error|gap|refused)"/.test(type)) {
          fail(new Error(payload.toString()));
          refused?.(payload.toString());
        }
      },
    }).catch(fail);
  });
}

/** Drives durable sends, over REST or over sockets, and counts what was acknowledged. Whether it is stored is looked up by whoever started it. */
import { quantile } from '../statistics.ts';
import { httpRun, request } from './http.ts';
import type { Outcome, SendsJob, SocketSendsJob } from './jobs.ts';
import { meter } from './meter.ts';
import { type Lean, openLean } from './socket.ts';

/** Connection n speaks in rooms n, n + connections, …, so that each room's order can be told by the numbers. */
const roomOf = (job: SendsJob, connection: number, n: number): string => {
  const own = Math.max(1, Math.floor(job.rooms.length / job.connections));
  return job.rooms[(connection + (n % own) * job.connections) % job.rooms.length]!;
};

export async function restSends(job: SendsJob): Promise<Outcome> {
  const { where, connections, ms, runName, tokens, texts } = job;
  const until = performance.now() + ms;
  meter.start();
  const sent = new Array<number>(connections).fill(0);
  const { answered, failed, firstFailure, seconds, latencies } = await httpRun(where.host, where.port, connections, (connection) => {
    if (performance.now() > until) return undefined;
    const n = sent[connection]!++;
    const body = `{"content":${JSON.stringify(texts[(n * 31 + connection) % texts.length]!)},"clientMessageId":"${runName}-${connection}-${n}"}`;
    return request('POST', `/api/v1/rooms/${roomOf(job, connection, n)}/messages`, { token: tokens[connection % tokens.length], body });
  });
  meter.stop();
  return {
    rate: answered / seconds,
    done: answered,
    seconds,
    p50: quantile([...latencies], 0.5),
    p99: quantile([...latencies], 0.99),
    max: quantile([...latencies], 1),
    loss: failed > 0 ? `${failed} sends failed: ${firstFailure}` : undefined,
  };
}

export async function socketSends(job: SocketSendsJob): Promise<Outcome> {
  const { where, connections, ms, runName, tokens, texts, inFlight } = job;
  const latencies: number[] = [];
  let failure: string | undefined;
  let acknowledged = 0;
  let sentInAll = 0;
  const sockets: Lean[] = [];
  meter.start();
  const started = performance.now();
  let last = started;
  const until = started + ms;
  await Promise.all(
    Array.from({ length: connections }, (_, connection) => {
      const at = new Map<number, number>();
      let n = 0;
      return new Promise<void>((finish, fail) => {
        const give = (): string => {
          const room = roomOf(job, connection, n);
          at.set(n, performance.now());
          sentInAll++;
          return `{"type":"message.send","id":${n},"roomId":"${room}","content":${JSON.stringify(texts[(n * 31 + connection) % texts.length]!)},"clientMessageId":"${runName}-${connection}-${n++}"}`;
        };
        openLean({
          ...where,
          path: '/ws',
          token: tokens[connection % tokens.length],
          onFrame(payload, self) {
            const text = payload.toString('utf8', 0, Math.min(payload.length, 60));
            if (text.startsWith('{"type":"ready"')) return self.sendAll(Array.from({ length: inFlight }, give));
            if (text.startsWith('{"type":"error"')) {
              failure ??= payload.toString();
              return finish();
            }
            if (!text.startsWith('{"type":"ok"')) return;
            const id = Number(/"id":(\d+)/.exec(text)?.[1]);
            last = performance.now();
            latencies.push(last - at.get(id)!);
            at.delete(id);
            acknowledged++;
            if (last < until) self.send(give());
            else if (at.size === 0) finish();
          },
          onClose: (code) => {
            if (at.size > 0) failure ??= `a socket was closed with ${code}`;
            finish();
          },
        }).then((socket) => sockets.push(socket), fail);
      });
    }),
  );
  meter.stop();
  for (const socket of sockets) socket.close();
  const seconds = (last - started) / 1_000;
  const lost = sentInAll - acknowledged;
  return {
    rate: acknowledged / seconds,
    done: acknowledged,
    seconds,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    max: quantile(latencies, 1),
    loss: failure ?? (lost > 0 ? `${lost} of ${sentInAll} sends were not answered` : undefined),
  };
}

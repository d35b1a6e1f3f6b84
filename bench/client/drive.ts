/** The load driver's process: one job as JSON in its argument, the outcome as the last line on stdout. It never starts a server. */
import { httpRun } from './http.ts';
import type { GetJob, Job, Outcome } from './jobs.ts';
import { meter } from './meter.ts';
import { restSends, socketSends } from './sends.ts';
import { duel, fanout } from './fanout.ts';
import { delivery } from './delivery.ts';
import { echo, idle } from './sockets.ts';
import { storm } from './storm.ts';

async function get({ where, connections, ms, requests }: GetJob): Promise<Outcome> {
  const bytes = requests.map((text) => Buffer.from(text));
  const until = performance.now() + ms;
  let n = 0;
  meter.start();
  const { answered, failed, firstFailure, seconds, latencies } = await httpRun(where.host, where.port, connections, () =>
    performance.now() > until ? undefined : bytes[n++ % bytes.length]!,
  );
  meter.stop();
  const sorted = latencies.toSorted();
  const at = (q: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;
  return {
    rate: answered / seconds,
    done: answered,
    seconds,
    p50: at(0.5),
    p99: at(0.99),
    max: at(1),
    loss: failed > 0 ? `${failed} requests failed: ${firstFailure}` : undefined,
  };
}

function carryOut(job: Job): Promise<Outcome> {
  switch (job.job) {
    case 'get':
      return get(job);
    case 'sends':
      return 'inFlight' in job ? socketSends(job) : restSends(job);
    case 'echo':
      return echo(job);
    case 'fanout':
      return fanout(job);
    case 'duel':
      return duel(job);
    case 'delivery':
      return delivery(job);
    case 'idle':
      return idle(job);
    case 'storm':
      return storm(job);
  }
}

const job = JSON.parse(await Bun.file(process.argv[2]!).text()) as Job;
meter.of((process.argv[3] ?? '').split(',').map(Number));
const before = process.cpuUsage();
const outcome = await carryOut(job);
const { user, system } = process.cpuUsage(before);
console.log(JSON.stringify({ ...outcome, cpuSeconds: meter.used, cpuMost: meter.most, driverSeconds: (user + system) / 1e6 }));
process.exit(0);

/** Drives fan-out to a crowd: one server alone, or two in short turns, so that what the machine does meanwhile hits both alike. */
import { cpuSeconds } from '../processes.ts';
import { quantile } from '../statistics.ts';
import { openCrowd } from './crowd.ts';
import type { DuelJob, FanoutJob, Outcome } from './jobs.ts';
import { meter } from './meter.ts';
import { SETTLE_MS } from './opening.ts';

export async function fanout(job: FanoutJob): Promise<Outcome> {
  const crowd = await openCrowd(job);
  await Bun.sleep(SETTLE_MS);
  meter.start();
  const { seconds, done, latencies } = await crowd.slice(job.ms, job.rate === undefined ? job : { rate: job.rate });
  meter.stop();
  const { loss } = crowd;
  crowd.close();
  return { rate: done / seconds, done, seconds, p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99), max: quantile(latencies, 1), loss };
}

/** A B, B A, A B …: `turns` of each, one ahead that is not counted. */
export async function duel({ ours, limit, ms, turns }: DuelJob): Promise<Outcome> {
  const sides = [];
  for (const { pid, ...job } of [ours, limit])
    sides.push({ pid, inFlight: job.inFlight, crowd: await openCrowd(job), turns: [] as { value: number; cpuMicros: number }[] });
  await Bun.sleep(SETTLE_MS);
  let all = 0;
  let time = 0;
  for (let turn = -1; turn < turns; turn++) {
    for (const side of turn % 2 === 0 ? sides : sides.toReversed()) {
      const cpu = cpuSeconds(side.pid);
      const { done, seconds } = await side.crowd.slice(ms, side);
      if (turn >= 0) side.turns.push({ value: done / seconds, cpuMicros: ((cpuSeconds(side.pid) - cpu) * 1e6) / done });
      all += done;
      time += seconds;
    }
  }
  const loss = sides.map(({ crowd }) => crowd.loss).find(Boolean);
  for (const { crowd } of sides) crowd.close();
  return { rate: all / time, done: all, seconds: time, p50: 0, p99: 0, max: 0, loss, sides: [sides[0]!.turns, sides[1]!.turns] };
}

/** Starts the load driver (drive.ts) for one job and returns what came of it. Jobs travel in a file: 10,000 tokens don't fit an argument. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { on, type Share } from '../cores.ts';
import { run } from '../processes.ts';
import type { Job, Outcome } from './jobs.ts';

const DRIVE = join(import.meta.dir, 'drive.ts');
/** Opening, closing and slack around a job's own time. */
const AROUND_MS = 60_000;

/** With the server's pids: how much of one core it was busy, its processor time per thing done, that of its busiest process and that of the driver, in microseconds. */
export type Driven = Outcome & { busy: number; cpuMicros: number; busiestMicros: number; driverMicros: number };

/** Runs a job in a process of its own. Throws when the driver fails; a loss is in the outcome. */
export async function drive(
  job: Job,
  { pid = 0, pids = [pid], share = 'driver' }: { pid?: number; pids?: readonly number[]; share?: Share } = {},
): Promise<Driven> {
  const folder = mkdtempSync(join(tmpdir(), 'parlour-job-'));
  const file = join(folder, 'job.json');
  writeFileSync(file, JSON.stringify(job));
  try {
    const out = await run([...on(share), process.execPath, DRIVE, file, pids.join()], { limitMs: ('ms' in job ? job.ms : 0) + AROUND_MS });
    const said = JSON.parse(out.trim().split('\n').at(-1)!) as Outcome & { cpuSeconds: number; cpuMost: number; driverSeconds: number };
    const { cpuSeconds: used, cpuMost: most, driverSeconds, ...outcome } = said;
    const micros = (seconds: number): number => (outcome.done > 0 ? (seconds / outcome.done) * 1e6 : 0);
    return {
      ...outcome,
      busy: outcome.seconds > 0 ? used / outcome.seconds : 0,
      cpuMicros: micros(used),
      busiestMicros: micros(most),
      driverMicros: micros(driverSeconds),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Holds idle sockets until `release`. */
export async function hold(job: Extract<Job, { job: 'idle' }>): Promise<{ release: () => Promise<Outcome> }> {
  const folder = mkdtempSync(join(tmpdir(), 'parlour-job-'));
  const file = join(folder, 'job.json');
  writeFileSync(file, JSON.stringify(job));
  const child = Bun.spawn([...on('driver'), process.execPath, DRIVE, file], { stdin: 'pipe', stdout: 'pipe', stderr: 'inherit' });
  const limit = setTimeout(() => child.kill('SIGKILL'), AROUND_MS * 2);
  const reader = child.stdout.getReader();
  const decoder = new TextDecoder();
  let text = '';
  const line = async (): Promise<string> => {
    while (!text.includes('\n')) {
      const { value, done } = await reader.read();
      if (done) throw new Error('the driver of idle sockets ended early');
      text += decoder.decode(value, { stream: true });
    }
    const end = text.indexOf('\n');
    const found = text.slice(0, end);
    text = text.slice(end + 1);
    return found;
  };
  await line();
  return {
    async release() {
      child.stdin.write('\n');
      child.stdin.end();
      const outcome = JSON.parse(await line()) as Outcome;
      await child.exited;
      clearTimeout(limit);
      rmSync(folder, { recursive: true, force: true });
      return outcome;
    },
  };
}

/** Processes that a bench starts: each is ended by its id when the bench is over, however that comes about. */
import { readdirSync, readFileSync } from 'node:fs';

const alive = new Set<{ kill(signal: NodeJS.Signals): void }>();
const leave = (): void => {
  for (const child of alive) child.kill('SIGKILL');
};
process.on('exit', leave);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));

/** Has `end` called when this process leaves before its time (Ctrl-C, an error that nobody caught); the result takes it back. Must not wait. */
export function atEarlyEnd(end: () => void): () => void {
  const entry = { kill: () => end() };
  alive.add(entry);
  return () => void alive.delete(entry);
}

export type Started = {
  pid: number;
  /** The value of the first JSON line on stdout that has `key`. */
  line: Record<string, unknown>;
  /** Waits for the end at most `ms`, then kills. */
  stop: (ms?: number) => Promise<void>;
  exited: Promise<number>;
};

/** Starts a program that says where it listens: returns once a JSON line on its stdout has `key`. Throws when it ends before, or after `limitMs`. */
export async function startUntil(key: string, command: string[], env: Record<string, string | undefined>, cwd: string, limitMs = 60_000): Promise<Started> {
  const child = Bun.spawn(command, { cwd, env: { ...process.env, ...env }, stdin: 'ignore', stdout: 'pipe', stderr: 'inherit' });
  const entry = { kill: (signal: NodeJS.Signals) => child.kill(signal) };
  alive.add(entry);
  void child.exited.then(() => alive.delete(entry));
  const late = setTimeout(() => child.kill('SIGKILL'), limitMs);
  const line = await firstLine(child.stdout, key);
  clearTimeout(late);
  if (!line) {
    child.kill('SIGKILL');
    throw new Error(`${command.join(' ')} ended before it said "${key}"`);
  }
  return {
    pid: child.pid,
    line,
    exited: child.exited,
    async stop(ms = 20_000) {
      child.kill('SIGTERM');
      const limit = setTimeout(() => child.kill('SIGKILL'), ms);
      await child.exited;
      clearTimeout(limit);
    },
  };
}

async function firstLine(out: ReadableStream<Uint8Array>, key: string): Promise<Record<string, unknown> | undefined> {
  const reader = out.getReader();
  const decoder = new TextDecoder();
  let text = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return undefined;
    text += decoder.decode(value, { stream: true });
    const lines = text.split('\n');
    text = lines.pop()!;
    for (const line of lines) {
      if (!line.includes(`"${key}"`)) continue;
      // The rest is read and dropped: a full pipe would stop the program's log.
      void (async () => {
        while (!(await reader.read()).done);
      })();
      return JSON.parse(line) as Record<string, unknown>;
    }
  }
}

export type RunOptions = {
  env?: Record<string, string | undefined>;
  cwd?: string;
  limitMs?: number;
  /** Told the processor time of the program, in seconds, when it has ended. */
  spent?: (seconds: number) => void;
};

/** Runs a program to its end and returns its stdout. Throws with what it said when it fails or takes longer than `limitMs`. */
export async function run(command: string[], { env = {}, cwd, limitMs = 120_000, spent = () => {} }: RunOptions = {}): Promise<string> {
  const child = Bun.spawn(command, { cwd, env: { ...process.env, ...env }, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' });
  const entry = { kill: (signal: NodeJS.Signals) => child.kill(signal) };
  alive.add(entry);
  const limit = setTimeout(() => child.kill('SIGKILL'), limitMs);
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  const code = await child.exited;
  clearTimeout(limit);
  alive.delete(entry);
  spent(Number(child.resourceUsage()?.cpuTime.total ?? 0) / 1e6);
  if (code !== 0) throw new Error(`${command.slice(0, 4).join(' ')} … ended with ${code}: ${(err || out).trim().slice(-600)}`);
  return out;
}

/** Seconds of processor time that a process has used so far, its living threads included, to the nanosecond where Linux keeps that; 0 where /proc is missing. */
export function cpuSeconds(pid: number): number {
  try {
    let nanos = 0;
    for (const thread of readdirSync(`/proc/${pid}/task`)) nanos += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
    if (nanos > 0) return nanos / 1e9;
  } catch {
    // A thread ended meanwhile, or the kernel keeps no such numbers: hundredths of a second then.
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return 0;
  }
}

/** Resident memory in bytes; 0 where /proc is missing. */
export function residentBytes(pid: number): number {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1_024;
  } catch {
    return 0;
  }
}

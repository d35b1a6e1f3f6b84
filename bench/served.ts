/** A server of its own process on a data directory, for benches that measure from outside; and requests at a steady rate. */
import { join } from 'node:path';

const ROOT = join(import.meta.dir, '..');
const SECRET = 'a secret for benches only, 32 bytes or more';

export type Served = { url: string; token: (name: string) => Promise<string>; [Symbol.asyncDispose]: () => Promise<void> };

/** Starts `parlour serve` on a free port; ends it (SIGTERM) when disposed. Throws when it does not come up within a minute. */
export async function serve(env: Record<string, string>): Promise<Served> {
  const environment = { ...process.env, RATE_LIMITS: 'false', PORT: '0', LOG_LEVEL: 'info', JWT_SECRET: SECRET, NODE_ENV: 'development', ...env };
  const child = Bun.spawn([process.execPath, join(ROOT, 'src/cli.ts'), 'serve'], { cwd: ROOT, env: environment, stdout: 'pipe', stderr: 'inherit' });
  const url = await listening(child.stdout);
  return {
    url,
    async token(name) {
      const made = Bun.spawn([process.execPath, join(ROOT, 'src/cli.ts'), 'token', name, '--seconds', '86400'], {
        cwd: ROOT,
        env: environment,
        stdout: 'pipe',
        stderr: 'inherit',
      });
      const { accessToken } = JSON.parse(await new Response(made.stdout).text()) as { accessToken: string };
      return accessToken;
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await child.exited;
    },
  };
}

async function listening(out: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  const reader = out.getReader();
  const until = Date.now() + 60_000;
  while (Date.now() < until) {
    const { value, done } = await reader.read();
    if (done) break;
    text += decoder.decode(value, { stream: true });
    const found = /"event":"listening","url":"([^"]+)"/.exec(text)?.[1];
    if (!found) continue;
    // The rest is read and dropped: a full pipe would stop the server's log.
    void (async () => {
      while (!(await reader.read()).done);
    })();
    return found;
  }
  throw new Error(`the server did not start: ${text.slice(-500)}`);
}

/** Milliseconds at the 50th, 95th and 99th of a hundred, the longest, and how many were taken. */
export type Spread = { n: number; p50: number; p95: number; p99: number; max: number };

export function spreadOf(taken: readonly number[]): Spread {
  const sorted = [...taken].sort((a, b) => a - b);
  const at = (share: number) => Math.round((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0) * 100) / 100;
  return { n: sorted.length, p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
}

/**
 * Runs jobs at `rate` a second, each at its intended time whether the earlier ones are done or not; returns the milliseconds of each
 * from that time on, so that a stalled server is not asked less.
 */
export async function paced(jobs: readonly (() => Promise<unknown>)[], rate: number): Promise<number[]> {
  const from = performance.now() + 10;
  const running = jobs.map(async (job, at) => {
    const due = from + (at * 1_000) / rate;
    await Bun.sleep(Math.max(0, due - performance.now()));
    const started = Math.min(performance.now(), due + 2); // a timer's own lateness is not the server's
    await job();
    return performance.now() - started;
  });
  return Promise.all(running);
}

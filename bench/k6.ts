/** Finds k6, or builds it with Go into a cache folder; never another way. Runs a script with its report, summary and progress. */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { RESULTS } from './results.ts';
import { ROOT } from './setting.ts';

const VERSION = 'v1.8.1';
const HOW = `k6 is missing: install it from grafana.com/docs/k6, or Go, with which this command builds it (go install go.k6.io/k6@${VERSION}, two minutes).`;
/** The report needs three periods at least. */
const PERIOD = '1s';

/** The path of k6. Throws the one line that says how to get it. */
export async function findK6(): Promise<string> {
  const onPath = Bun.which('k6');
  if (onPath) return onPath;
  const folder = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'parlour-k6', 'bin');
  const cached = join(folder, 'k6');
  if (existsSync(cached)) return cached;
  const go = Bun.which('go') ?? ['/usr/local/go/bin/go', '/usr/lib/go/bin/go'].find((path) => existsSync(path));
  if (!go) throw new Error(HOW);
  console.error(`Building k6 ${VERSION} with Go, once, into ${folder}; about two minutes …`);
  mkdirSync(folder, { recursive: true });
  const child = Bun.spawn([go, 'install', `go.k6.io/k6@${VERSION}`], { env: { ...process.env, GOBIN: folder }, stdout: 'ignore', stderr: 'ignore' });
  const limit = setTimeout(() => child.kill('SIGKILL'), 900_000);
  const code = await child.exited;
  clearTimeout(limit);
  if (code !== 0 || !existsSync(cached)) throw new Error(HOW);
  return cached;
}

export async function k6Version(k6: string): Promise<string> {
  const text = await new Response(Bun.spawn([k6, 'version'], { stdout: 'pipe' }).stdout).text();
  return /v(\d+\.\d+\.\d+)/.exec(text)?.[1] ?? text.trim();
}

type Metric = { values: Record<string, number>; thresholds?: Record<string, { ok: boolean }> };
export type Summary = { metrics: Record<string, Metric>; state?: { testRunDurationMs?: number } };
export type K6Run = { code: number; summary: Summary | undefined; report: string | undefined };

/** Runs `bench/<script>.js`; kills it after `limitMs`. `env` reaches the script as __ENV; `started` is told the process's id. */
export async function runK6(
  k6: string,
  script: string,
  env: Record<string, string>,
  limitMs: number,
  started: (pid: number) => void = () => {},
): Promise<K6Run> {
  mkdirSync(RESULTS, { recursive: true });
  const summaryFile = join(RESULTS, `.${script}.summary.json`);
  const report = join(RESULTS, `${script}.html`);
  rmSync(summaryFile, { force: true });
  rmSync(report, { force: true });
  const flags = ['run', ...(process.stderr.isTTY ? [] : ['--quiet']), '--no-usage-report', '--address', ''];
  const child = Bun.spawn([k6, ...flags, join(ROOT, 'bench', `${script}.js`)], {
    cwd: ROOT,
    stdin: 'ignore',
    stdout: 'inherit',
    stderr: 'inherit',
    env: {
      // Go's collector works a fifth of the time otherwise, on the cores that the server needs; 300 MB of memory buy it.
      GOGC: '400',
      ...process.env,
      ...env,
      SUMMARY: summaryFile,
      K6_WEB_DASHBOARD: 'true',
      K6_WEB_DASHBOARD_PORT: '-1',
      K6_WEB_DASHBOARD_PERIOD: PERIOD,
      K6_WEB_DASHBOARD_EXPORT: report,
    },
  });
  started(child.pid);
  const leave = (): void => child.kill('SIGKILL');
  process.on('exit', leave);
  const limit = setTimeout(leave, limitMs);
  const code = await child.exited;
  clearTimeout(limit);
  process.off('exit', leave);
  const summary = existsSync(summaryFile) ? (JSON.parse(readFileSync(summaryFile, 'utf8')) as Summary) : undefined;
  rmSync(summaryFile, { force: true });
  return { code, summary, report: existsSync(report) ? report : undefined };
}

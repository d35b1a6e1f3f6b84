/** The k6 load tests: opens a server with people, runs scripts, looks for what was lost, keeps report and summary, tells what came of the budgets. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Cast, castOf, castOn, writeCast } from './cast.ts';
import { findK6, k6Version, runK6, type Summary } from './k6.ts';
import { type House, loss, type Open, openHouse } from './parlour.ts';
import { residentBytes } from './processes.ts';
import { keep } from './results.ts';
import { settingOf } from './setting.ts';
import { postmasterOf, type Shares, watchShares } from './shares.ts';
import { figure } from './statistics.ts';
import { table } from './table.ts';

export type LoadOptions = { rate?: string; duration?: string; sockets?: string; messages?: string; url?: string };

type Script = {
  name: string;
  /** What is measured and its place in the summary. */
  figures: [title: string, metric: string, value: string][];
  dataset?: boolean;
  env?: Record<string, string>;
  /** Verdicts that no threshold can express; undefined: met. */
  judge?: (summary: Summary, memory: readonly number[]) => string | undefined;
};

/** `per_second`: the count over the whole run, its opening included. */
function value(summary: Summary, metric: string, key: string): number {
  const values = summary.metrics[metric]?.values;
  if (key === 'per_second') return (values?.count ?? 0) / ((summary.state?.testRunDurationMs ?? Number.NaN) / 1_000);
  return values?.[key] ?? Number.NaN;
}
const MIB = 1_048_576;
const SAMPLE_MS = 5_000;
/** Growth of memory that is allowed, and the time it is for. */
const GROWTH_MIB = 5;
const GROWTH_MINUTES = 10;

export const SCRIPTS: Script[] = [
  { name: 'smoke', figures: [['requests', 'http_reqs', 'count']] },
  {
    name: 'send',
    figures: [
      ['acknowledged/s', 'send_ms', 'per_second'],
      ['p99', 'send_ms', 'p(99)'],
    ],
  },
  {
    name: 'fanout',
    figures: [
      ['deliveries/s', 'delivered', 'per_second'],
      ['p99 in the hall', 'delivery_hall_ms', 'p(99)'],
      ['p99 in the rooms', 'delivery_rooms_ms', 'p(99)'],
    ],
  },
  {
    name: 'history',
    dataset: true,
    figures: [
      ['pages/s', 'iterations', 'per_second'],
      ['p99 newest', 'history_newest_ms', 'p(99)'],
      ['p99 deep', 'history_deep_ms', 'p(99)'],
    ],
  },
  {
    name: 'search',
    dataset: true,
    figures: [
      ['searches/s', 'iterations', 'per_second'],
      ['p95', 'search_ms', 'p(95)'],
    ],
  },
  {
    name: 'login',
    figures: [
      ['p99 quiet', 'send_ms{phase:quiet}', 'p(99)'],
      ['p99 storm', 'send_ms{phase:storm}', 'p(99)'],
    ],
    judge(summary) {
      const [quiet, storm] = [value(summary, 'send_ms{phase:quiet}', 'p(99)'), value(summary, 'send_ms{phase:storm}', 'p(99)')];
      return storm <= 2 * quiet ? undefined : `the chat's p99 went from ${figure(quiet)} to ${figure(storm)} ms, more than double`;
    },
  },
  {
    name: 'reconnect',
    figures: [
      ['resumed', 'resumed', 'count'],
      ['slowest', 'whole_ms', 'max'],
    ],
  },
  {
    name: 'mixed',
    figures: [
      ['deliveries/s', 'delivered', 'per_second'],
      ['p99', 'delivery_ms', 'p(99)'],
    ],
  },
  {
    name: 'soak',
    // Of each room the server keeps the last thousand events: in twenty rooms those are there within minutes, and then nothing may grow.
    env: { ROOMS: '20' },
    figures: [
      ['deliveries/s', 'delivered', 'per_second'],
      ['p99', 'delivery_ms', 'p(99)'],
    ],
    judge(_summary, memory) {
      const slope = slopePerMinute(memory) * GROWTH_MINUTES;
      // The first minutes fill caches and rings, which are bounded.
      if (memory.length < (GROWTH_MINUTES * 60_000) / SAMPLE_MS) return undefined;
      return slope < GROWTH_MIB * MIB ? undefined : `memory grows by ${figure(slope / MIB)} MiB in ${GROWTH_MINUTES} minutes`;
    },
  },
];

/** Least squares over the second half of the samples, in bytes a minute. */
function slopePerMinute(memory: readonly number[]): number {
  const late = memory.slice(memory.length >> 1);
  const middle = (late.length - 1) / 2;
  const mean = late.reduce((sum, one) => sum + one, 0) / Math.max(1, late.length);
  let over = 0;
  let under = 0;
  late.forEach((one, at) => {
    over += (at - middle) * (one - mean);
    under += (at - middle) ** 2;
  });
  return under === 0 ? 0 : (over / under) * (60_000 / SAMPLE_MS);
}

function memoryOf(samples: readonly number[]): Memory | undefined {
  if (samples.length < 2) return undefined;
  const mib = (bytes: number): number => Math.round((bytes / MIB) * 10) / 10;
  return { first: mib(samples[0]!), last: mib(samples.at(-1)!), perTenMinutes: mib(slopePerMinute(samples) * GROWTH_MINUTES) };
}

const LOSSES = ['messages_lost', 'messages_doubled', 'messages_swapped'];

type Verdict = { script: string; figures: Record<string, number>; problems: string[]; cores?: Shares; memory?: Memory };
/** Of the server, in MiB. */
type Memory = { first: number; last: number; perTenMinutes: number };

/** Runs the named scripts one after the other. Returns whether all budgets were met and nothing was lost. */
export async function load(names: readonly string[], options: LoadOptions): Promise<boolean> {
  const k6 = await findK6();
  const scripts = names.map((name) => SCRIPTS.find((script) => script.name === name)!);
  const verdicts: Verdict[] = [];
  const versions: Record<string, string> = { k6: await k6Version(k6) };
  for (const dataset of [false, true]) {
    const group = scripts.filter((script) => (script.dataset ?? false) === dataset);
    if (group.length === 0) continue;
    await using stack = new AsyncDisposableStack();
    const folder = mkdtempSync(join(tmpdir(), 'parlour-cast-'));
    stack.defer(() => rmSync(folder, { recursive: true, force: true }));
    const castFile = join(folder, 'cast.json');
    let house: House | undefined;
    let open: Open | undefined;
    let cast: Cast;
    if (options.url) cast = await castOn(options.url, 100, 101);
    else {
      console.error(dataset ? `Filling a database with ${options.messages ?? 100_000} messages …` : 'Opening a server with 100 people in 101 rooms …');
      house = stack.use(await openHouse(dataset ? { dataset: Number(options.messages ?? 100_000) } : { users: 100, rooms: 101 }));
      versions.postgres = house.postgresVersion;
      open = stack.use(await house.open());
      cast = await castOf(house);
    }
    writeCast(castFile, cast);
    for (const script of group) verdicts.push(await one(k6, script, options, castFile, options.url ?? open!.url, house, open));
  }
  tell(verdicts, versions, options);
  return verdicts.every(({ problems }) => problems.length === 0);
}

async function one(
  k6: string,
  script: Script,
  options: LoadOptions,
  cast: string,
  url: string,
  house: House | undefined,
  open: Open | undefined,
): Promise<Verdict> {
  console.error(`\n${script.name}`);
  const runName = `${script.name}${Date.now().toString(36)}`;
  const env: Record<string, string> = { ...script.env, BASE_URL: url, CAST: cast, RUN: runName };
  if (options.rate) env.RATE = options.rate;
  if (options.sockets) env.SOCKETS = options.sockets;
  const duration = options.duration ?? (script.name === 'soak' ? '30m' : undefined);
  if (duration) env.DURATION = duration;
  const memory: number[] = [];
  const sampler = setInterval(() => open && memory.push(residentBytes(open.pid)), SAMPLE_MS);
  let driver = 0;
  const postmaster = house ? await postmasterOf(house.sql) : 0;
  const shares = watchShares({ k6: () => driver, server: () => open?.pid ?? 0, postgres: () => -postmaster });
  const limitMs = secondsOf(duration ?? '30s') * 3_000 + 240_000;
  const { code, summary } = await runK6(k6, script.name, env, limitMs, (pid) => {
    driver = pid;
  });
  const cores = open && shares.stop();
  clearInterval(sampler);

  const problems: string[] = [];
  if (!summary) return { script: script.name, figures: {}, problems: [`k6 ended with ${code} and left no summary`] };
  const told = Object.entries(summary.metrics).flatMap(([metric, { thresholds }]) =>
    Object.entries(thresholds ?? {}).flatMap(([text, { ok }]) => (ok ? [] : [`${metric} ${text}`])),
  );
  for (const metric of LOSSES) {
    const count = summary.metrics[metric]?.values.count ?? 0;
    if (count > 0) problems.push(`${metric.replace('_', ' ')}: ${count}`);
  }
  if (house && summary.metrics.send_ms) {
    const lost = await loss(house.sql, runName, summary.metrics.send_ms.values.count ?? 0);
    if (lost) problems.push(lost);
  }
  problems.push(...told.filter((text) => !LOSSES.some((metric) => text.startsWith(metric))).map((text) => `budget not met: ${text}`));
  const judged = script.judge?.(summary, memory);
  if (judged) problems.push(judged);
  if (code !== 0 && problems.length === 0) problems.push(`k6 ended with ${code}`);
  const figures = Object.fromEntries(script.figures.map(([title, metric, key]) => [title, value(summary, metric, key)]));
  return { script: script.name, figures, problems, cores, memory: memoryOf(memory) };
}

/** The table at the end. A script that lost something shows the loss in place of its figures. */
function tell(verdicts: readonly Verdict[], versions: Record<string, string>, options: LoadOptions): void {
  const rows = verdicts.map(({ script, figures, problems, cores }) => {
    const lost = problems.find((problem) => /^messages |not stored|another order|holes/.test(problem));
    const shown = lost
      ? lost
      : Object.entries(figures)
          .map(([title, one]) => `${title} ${figure(one)}`)
          .join(' · ');
    const divided = Object.entries(cores ?? {}).map(([name, share]) => `${name} ${share.toFixed(2)}`);
    return [script, shown, divided.join(' · ') || '–', problems.length === 0 ? 'met' : problems.join('; ')];
  });
  console.log(`\n${table(['script', 'figures (times in ms)', 'cores in use', 'budget'], rows)}`);
  if (options.url) return;
  for (const verdict of verdicts) console.error(`kept: ${keep(verdict.script, { setting: settingOf(versions), options, ...verdict })}`);
}

export function secondsOf(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(s|m|h)?$/.exec(text);
  if (!match) throw new Error(`${text} is no time such as 30s or 5m`);
  return Number(match[1]) * { s: 1, m: 60, h: 3600 }[(match[2] ?? 's') as 's' | 'm' | 'h'];
}

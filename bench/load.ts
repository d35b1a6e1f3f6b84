/** The k6 load tests: opens a server with people, runs scripts, looks for what was lost, keeps report and summary, tells what came of the budgets. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Cast, castOf, castOn, writeCast } from './cast.ts';
import { findK6, k6Version, runK6 } from './k6.ts';
import { type House, loss, type Open, openHouse } from './parlour.ts';
import { residentBytes } from './processes.ts';
import { keep } from './results.ts';
import { type Memory, memoryOf, SAMPLE_MS, type Script, SCRIPTS, value } from './scripts.ts';
import { settingOf } from './setting.ts';
import { postmasterOf, type Shares, watchShares } from './shares.ts';
import { figure } from './statistics.ts';
import { table } from './table.ts';

export type LoadOptions = { rate?: string; duration?: string; sockets?: string; messages?: string; url?: string };

const LOSSES = ['messages_lost', 'messages_doubled', 'messages_swapped'];

export type Verdict = { script: string; figures: Record<string, number>; problems: string[]; cores?: Shares; memory?: Memory };

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
    for (const script of group) {
      const verdict = await one(k6, script, options, castFile, options.url ?? open!.url, house, open);
      verdicts.push(verdict);
      // At once, so that a run that is broken off leaves what it had. Figures of other people's machines are theirs.
      if (!options.url) keep(script.name, { setting: settingOf(versions), options, ...verdict });
    }
  }
  tell(verdicts);
  if (!options.url) console.error(`kept: ${names.map((name) => `bench/results/${name}.json`).join(' ')}`);
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
function tell(verdicts: readonly Verdict[]): void {
  const rows = verdicts.map((verdict) => {
    const divided = Object.entries(verdict.cores ?? {}).map(([name, share]) => `${name} ${share.toFixed(2)}`);
    return [verdict.script, shownOf(verdict), divided.join(' · ') || '–', verdict.problems.length === 0 ? 'met' : verdict.problems.join('; ')];
  });
  console.log(`\n${table(['script', 'figures (times in ms)', 'cores in use', 'budget'], rows)}`);
}

/** The figures, or the loss in their place. */
export function shownOf({ figures, problems, memory }: Verdict): string {
  const lost = problems.find((problem) => /^messages |not stored|another order|holes/.test(problem));
  if (lost) return lost;
  const shown = Object.entries(figures).map(([title, one]) => `${title} ${figure(one)}`);
  // A slope of a few minutes says nothing.
  if (memory && memory.samples.length >= 20) shown.push(`memory ${memory.first} → ${memory.last} MiB, ${figure(memory.perTenMinutes)} MiB in 10 min`);
  return shown.join(' · ');
}

export function secondsOf(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(s|m|h)?$/.exec(text);
  if (!match) throw new Error(`${text} is no time such as 30s or 5m`);
  return Number(match[1]) * { s: 1, m: 60, h: 3600 }[(match[2] ?? 's') as 's' | 'm' | 'h'];
}

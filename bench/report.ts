/**
 * `bun run bench report`: rewrites the tables of docs/performance.md from bench/results, between their marks, and nothing else there.
 * Measures nothing.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type LoadOptions, shownOf, type Verdict } from './load.ts';
import { peersTable, type Row } from './peers/run.ts';
import type { Ratio } from './ratio/pairs.ts';
import { notesOf, type RatioFile } from './ratio/run.ts';
import { REASONS } from './reasons.ts';
import { kept, RESULTS } from './results.ts';
import { SCRIPTS } from './scripts.ts';
import { ROOT, type Setting } from './setting.ts';
import { figure } from './statistics.ts';
import { table } from './table.ts';

const DOCUMENT = join(ROOT, 'docs/performance.md');

type Kept = { setting: Setting };

/** Rewrites the document. Throws when a mark is missing. */
export function report(): void {
  let text = readFileSync(DOCUMENT, 'utf8');
  for (const [name, made] of Object.entries({ budgets, ratios, guard, peers, others })) text = between(text, name, made());
  writeFileSync(DOCUMENT, text);
}

/** Puts `content` between `<!-- name -->` and `<!-- /name -->`. */
export function between(text: string, name: string, content: string): string {
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [from, to] = [text.indexOf(open), text.indexOf(close)];
  if (from < 0 || to < from) throw new Error(`${open} … ${close} is missing in docs/performance.md`);
  return `${text.slice(0, from + open.length)}\n\n${content}\n\n${text.slice(to)}`;
}

const cell = (text: string): string => text.replaceAll('|', '\\|');
const day = ({ date }: { date?: string }): string => (date ?? '').slice(0, 16).replace('T', ' ');
/** How busy the machine was with other things can't be told, so what is told is when and of what. */
const when = (setting: Setting): string => `\`${setting.commit.slice(0, 8)}\`${setting.changed ? ' and changes' : ''}, ${day(setting)}`;

function budgets(): string {
  const rows = SCRIPTS.map((script) => {
    const verdict = kept<Verdict & { options: LoadOptions }>(script.name);
    const head = [script.name, script.load, script.budget];
    if (!verdict) return [...head, 'not measured', '', '–', '', ''];
    const { rate, duration, sockets, messages } = verdict.options;
    const given = Object.entries({ rate, duration, sockets, messages }).flatMap(([name, value]) => (value ? [`${name} ${value}`] : []));
    const cores = Object.entries(verdict.cores ?? {}).map(([name, share]) => `${name} ${share.toFixed(2)}`);
    const met = verdict.problems.length === 0;
    const why = met ? '' : (REASONS[script.name] ?? verdict.problems.join('; '));
    return [...head, [shownOf(verdict), ...given].join(' · '), cores.join(' · '), met ? 'yes' : 'no', why, when(verdict.setting)];
  });
  return table(
    ['script', 'load', 'budget', 'measured (ms)', 'cores in use', 'met', 'why not', 'of'],
    rows.map((row) => row.map(cell)),
  );
}

function ratios(): string {
  const file = kept<RatioFile>('ratio');
  if (!file) return 'Not measured.';
  const rows = file.ratios.map((ratio) => {
    const byCpu = ratio.ratioByCpu === undefined ? '–' : figure(ratio.ratioByCpu);
    const aim = `${ratio.better === 'more' ? '≥' : '≤'} ${ratio.aim}`;
    const why = ratio.met ? '' : (REASONS[`${ratio.id} ${ratio.title}`] ?? REASONS[ratio.id] ?? '');
    const measured = ratio.loss
      ? [ratio.loss, '', '', '', '']
      : [figure(ratio.ours), figure(ratio.limit), figure(ratio.ratio), `${figure(ratio.spread * 100)} %`, byCpu];
    return [ratio.id, titleOf(ratio), ratio.unit, ...measured, aim, ratio.met ? 'yes' : 'no', why, `\`${(ratio.commit ?? '').slice(0, 8)}\`, ${day(ratio)}`];
  });
  const notes = file.ratios.flatMap((ratio) => notesOf(ratio).map((line) => `- ${line}`));
  const head = ['#', 'ours / limit', 'unit', 'ours', 'limit', 'ratio', '±', 'by CPU', 'aim', 'met', 'why not', 'of'];
  return `${table(
    head,
    rows.map((row) => row.map(cell)),
  )}\n\n${notes.join('\n')}`;
}

/** R4's and R11's rows differ in how many publishes are in flight. */
const titleOf = ({ id, title, note }: Ratio): string => ((id === 'R4' || id === 'R11') && note ? `${title} (${note.split(',')[0]})` : title);

function guard(): string {
  const file = kept<RatioFile>('guard');
  if (!file) return 'No committed values yet: `bun run bench guard --keep`.';
  const rows = file.ratios.map(({ id, title, ratio, ratioByCpu }) => [id, title, figure(ratio), ratioByCpu === undefined ? '–' : figure(ratioByCpu)]);
  return `${table(['#', 'ours / limit', 'committed', 'by CPU'], rows)}\n\nOf ${when(file.setting)}.`;
}

function peers(): string {
  const file = kept<{ rows: Row[] }>('peers');
  return file ? `${peersTable(file.rows)}\n\nOf ${when(file.setting)}. In brackets: the share of bare Bun.` : 'Not measured.';
}

const WHAT: Record<string, string> = {
  scaling: 'sends, delivery and delay over rooms, subscribers and rates (`bun run bench scaling`)',
  growth: 'search, history, rooms and sending at 10^4, 10^5 and 10^6 messages (`bun bench/growth.ts`)',
  upkeep: 'sends beside searches, with the search indexes merged behind the sends or not (`bun bench/upkeep.ts`)',
  faults: 'recovery from killed, frozen and cut processes under load (`bun bench/faults.ts`)',
  model: 'drawn histories of clients and faults (`bun bench/model.ts`)',
  live: 'sends and deliveries over sockets by a lean driver (`bun bench/live.ts`)',
};

function others(): string {
  const files = readdirSync(RESULTS);
  const rows = Object.entries(WHAT).flatMap(([name, what]) => {
    const file = kept<Kept>(name);
    if (!file) return [];
    const beside = files.filter((one) => one !== `${name}.json` && one.startsWith(name) && /\.(svg|md)$/.test(one)).sort();
    return [[what, [`${name}.json`, ...beside].map((one) => `[${one}](../bench/results/${one})`).join(', '), when(file.setting)]];
  });
  return table(['what', 'results', 'of'], rows);
}

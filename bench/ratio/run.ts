/** `bun run bench ratio [R1 R4 …]`: ours over the raw limit, one table, JSON kept. A loss is printed in place of a figure. */
import { pinning } from '../cores.ts';
import { keep, kept } from '../results.ts';
import { settingOf } from '../setting.ts';
import { figure } from '../statistics.ts';
import { table } from '../table.ts';
import { r1, r2, r6 } from './http.ts';
import { type Comparison, compare, type Ratio } from './pairs.ts';
import { r11 } from './workers.ts';
import { r3, r4, r8, r9 } from './sockets.ts';
import { r12 } from './search.ts';
import { openStage, type Stage } from './stage.ts';
import { r10, r5, r7 } from './storage.ts';

const IDLE_SOCKETS = 10_000;
const SEARCHED = 100_000;
/** The socket's own limit of unanswered commands. */
const PIPELINED = 64;

type Built = { rooms?: number; users?: number; messages?: number; dataset?: number };

export type Entry = [id: string, make: (stage: Stage) => Promise<Comparison>, built?: Built];

const ALL: Entry[] = [
  ['R1', r1()],
  ['R1c', r1(true)],
  ['R2', r2],
  ['R3', r3],
  ['R4', r4(100, 8)],
  ['R4', r4(1_000, 8)],
  ['R4', r4(1_000, 1)],
  ['R5', r5()],
  ['R5s', r5(PIPELINED)],
  ['R6', r6],
  ['R7', r7, { messages: 2_000 }],
  ['R8', r8],
  ['R9', r9(IDLE_SOCKETS), { rooms: 1 }],
  ['R9', r9(IDLE_SOCKETS), { rooms: 1, users: IDLE_SOCKETS }],
  ['R10', r10, { rooms: 1 }],
  ['R11', r11(1)],
  ['R11', r11(8)],
  ['R12', r12('all'), { dataset: SEARCHED }],
  ['R12', r12('page'), { dataset: SEARCHED }],
];

export type RatioFile = { pinned: boolean; pairs: number; ms: number; ratios: Ratio[] };

/** The named ones; all when none is named. Throws when there is none of that name. */
function entriesOf(names: readonly string[]): Entry[] {
  const wanted = ALL.filter(
    ([id]) => names.length === 0 || names.some((name) => name.toUpperCase() === id.toUpperCase() || `${name.toUpperCase()}S` === id.toUpperCase()),
  );
  if (wanted.length === 0) throw new Error(`There is ${[...new Set(ALL.map(([id]) => id))].join(', ')}.`);
  return wanted;
}

/** Measures one after the other, on a stage for each, so that none pays for another's tables. What can't be measured is said and left out. */
export async function measure(
  entries: readonly Entry[],
  { pairs, ms }: { pairs: number; ms: number },
  /** Told after each, so that a run that is broken off leaves what it had. */
  soFar: (ratios: readonly Ratio[], postgres: string) => void = () => {},
): Promise<{ ratios: Ratio[]; postgres: string }> {
  const measured: Ratio[] = [];
  let postgres = '';
  for (const [id, make, built] of entries) {
    try {
      await using stage = await openStage(ms, built);
      postgres = stage.house.postgresVersion;
      const comparison = await make(stage);
      console.error(`${id} ${comparison.title} …`);
      const ratio = await compare(comparison, pairs);
      console.error(`   ${ratio.loss ?? `${figure(ratio.ratio)} ± ${figure(ratio.spread * 100)} %`}`);
      measured.push(ratio);
      soFar(measured, postgres);
    } catch (error) {
      console.error(`${id} not measured: ${(error as Error).message}`);
    }
  }
  return { ratios: measured, postgres };
}

/** What a reader must know besides: circumstances, and who spent the processor's time. */
export function notesOf({ id, title, note, parts }: Ratio): string[] {
  const told = (side: Record<string, number>): string =>
    Object.entries(side)
      .map(([name, micros]) => `${name} ${micros}`)
      .join(' + ');
  const spent = parts && `processor time each, in µs: ours ${told(parts.ours)}, the limit ${told(parts.limit)}`;
  const all = [note, spent].filter(Boolean).join('; ');
  return all ? [`${id}, ${title}: ${all}`] : [];
}

export function ratioTable(ratios: readonly Ratio[]): string {
  const sign = (ratio: Ratio) => (ratio.better === 'more' ? '≥' : '≤');
  return table(
    ['#', 'ours / limit', 'ours', 'limit', 'unit', 'ratio', '±', 'by CPU', 'aim', 'met'],
    ratios.map((ratio) => {
      const head = [ratio.id, ratio.title];
      if (ratio.loss) return [...head, ratio.loss, '', ratio.unit, '–', '–', '–', `${sign(ratio)} ${ratio.aim}`, 'LOST'];
      const byCpu = ratio.ratioByCpu === undefined ? '–' : figure(ratio.ratioByCpu);
      return [
        ...head,
        figure(ratio.ours),
        figure(ratio.limit),
        ratio.unit,
        figure(ratio.ratio),
        `${figure(ratio.spread * 100)} %`,
        byCpu,
        `${sign(ratio)} ${ratio.aim}`,
        ratio.met ? 'yes' : 'no',
      ];
    }),
  );
}

/** R4 and R11 are measured with one and with eight in flight: two figures, not one. */
const inFlight = ({ id, note }: Ratio): string => (id === 'R4' || id === 'R11' ? (note ?? '').split(',')[0]! : '');

export async function ratios(names: readonly string[], { pairs, ms }: { pairs: number; ms: number }): Promise<boolean> {
  const before = kept<RatioFile>('ratio')?.ratios ?? [];
  const same = (one: Ratio, other: Ratio) => one.id === other.id && one.title === other.title && inFlight(one) === inFlight(other);
  let path = '';
  // A run of some replaces those and leaves the others as they were measured.
  const keepAll = (measured: readonly Ratio[], postgres: string): void => {
    const setting = settingOf({ postgres });
    const fresh = measured.map((ratio) => ({ ...ratio, commit: setting.commit, date: setting.date }));
    const merged = [...before.filter((one) => !fresh.some((other) => same(one, other))), ...fresh];
    merged.sort((a, b) => Number(a.id.match(/\d+/)) - Number(b.id.match(/\d+/)));
    path = keep('ratio', { setting, pinned: pinning, pairs, ms, ratios: merged });
  };
  const { ratios: measured } = await measure(entriesOf(names), { pairs, ms }, keepAll);
  console.log(`\n${ratioTable(measured)}`);
  for (const ratio of measured) for (const line of notesOf(ratio)) console.log(line);
  console.error(`kept: ${path}`);
  return measured.length > 0 && measured.every(({ loss }) => loss === undefined);
}

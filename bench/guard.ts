/**
 * `bun run bench guard`: R1, R4, R5 and R6, short, against the committed values (bench/results/guard.json, which only `--keep` writes). Needs
 * nothing that the package registry does not bring: R5's limit is a program of ours here, because pgbench is not everywhere.
 */
import { pinning } from './cores.ts';
import { better, compareTable, enough } from './guard-rule.ts';
import { r1, r6 } from './ratio/http.ts';
import { type Entry, measure, type RatioFile, ratioTable } from './ratio/run.ts';
import { r4 } from './ratio/sockets.ts';
import { r5 } from './ratio/storage.ts';
import { keep, kept } from './results.ts';
import { settingOf } from './setting.ts';

const GUARDED: Entry[] = [
  ['R1', r1()],
  ['R4', r4(100, 8)],
  ['R5', r5(undefined, 'program')],
  ['R6', r6],
];
const MS = 1_500;
const PAIRS = 5;
/** What seemed too low is measured once more, longer, before it counts: a neighbour may have had the machine. */
const PAIRS_AGAIN = 9;

/** Prints the table always. Returns whether each is there and at least at 70 % of its committed value. */
export async function guard({ keepThem = false } = {}): Promise<boolean> {
  const committed = kept<RatioFile>('guard')?.ratios ?? [];
  const first = await measure(GUARDED, { pairs: PAIRS, ms: MS });
  let { ratios } = first;
  const low = GUARDED.filter(([id]) => ratios.every((ratio) => ratio.id !== id || !enough(ratio, committed)));
  if (low.length > 0) {
    console.error(`\nOnce more, longer: ${low.map(([id]) => id).join(', ')}`);
    const again = await measure(low, { pairs: PAIRS_AGAIN, ms: MS });
    ratios = GUARDED.flatMap(([id]) => better([...ratios, ...again.ratios].filter((ratio) => ratio.id === id)));
  }
  const missing = GUARDED.filter(([id]) => ratios.every((ratio) => ratio.id !== id)).map(([id]) => id);
  console.log(`\n${ratioTable(ratios)}\n\n${compareTable(ratios, committed)}`);
  if (missing.length > 0) console.log(`not measured: ${missing.join(', ')}`);
  if (keepThem) {
    if (missing.length > 0 || ratios.some(({ loss }) => loss !== undefined)) return false;
    console.error(`kept: ${keep('guard', { setting: settingOf({ postgres: first.postgres }), pinned: pinning, pairs: PAIRS, ms: MS, ratios })}`);
    return true;
  }
  return missing.length === 0 && ratios.every((ratio) => enough(ratio, committed));
}

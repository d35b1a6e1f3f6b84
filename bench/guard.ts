/** `bun run bench guard`: R1, R4, R5 and R6, short, against the committed ratios. Fails below 70 % of one, so that noise doesn't; prints the table always. */
import { compareTable, enough } from './guard-rule.ts';
import type { RatioFile } from './ratio/run.ts';
import { measure, ratioTable } from './ratio/run.ts';
import { kept } from './results.ts';

const GUARDED = ['R1', 'R4', 'R5', 'R6'];
const PAIRS = 3;
const MS = 1_500;

export async function guard(): Promise<boolean> {
  const committed = kept<RatioFile>('ratio');
  if (!committed) throw new Error('There are no committed ratios in bench/results/ratio.json: run `bun run bench ratio` first.');
  const { ratios } = await measure(GUARDED, { pairs: PAIRS, ms: MS });
  console.log(`\n${ratioTable(ratios)}\n\n${compareTable(ratios, committed.ratios)}`);
  return ratios.length > 0 && ratios.every((ratio) => enough(ratio, committed.ratios));
}

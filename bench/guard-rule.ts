/** When a ratio has fallen too far. Numbers in, a verdict out. */
import type { Ratio } from './ratio/pairs.ts';
import { figure } from './statistics.ts';
import { table } from './table.ts';

/** Below this share of its committed value a ratio fails. */
const SHARE = 0.7;

const before = (ratio: Ratio, committed: readonly Ratio[]): Ratio | undefined =>
  committed.find(({ id, title, note }) => id === ratio.id && title === ratio.title && note === ratio.note) ??
  committed.find(({ id, title }) => id === ratio.id && title === ratio.title);

/**
 * A ratio that was never committed has nothing to fall from; a loss is never enough. Where processor time per thing done was measured, it
 * may save a ratio: a busy neighbour takes throughput from one side of a pair, but it can't make a request cost more.
 */
export function enough(ratio: Ratio, committed: readonly Ratio[]): boolean {
  if (ratio.loss) return false;
  const then = before(ratio, committed);
  if (then === undefined || ratio.ratio >= SHARE * then.ratio) return true;
  return ratio.ratioByCpu !== undefined && then.ratioByCpu !== undefined && ratio.ratioByCpu >= SHARE * then.ratioByCpu;
}

/** Of several runs of one ratio the one that lost nothing and is highest, as a list of one; empty of none. */
export const better = (runs: readonly Ratio[]): Ratio[] =>
  [...runs].sort((a, b) => Number(a.loss !== undefined) - Number(b.loss !== undefined) || b.ratio - a.ratio).slice(0, 1);

export function compareTable(ratios: readonly Ratio[], committed: readonly Ratio[]): string {
  const shown = (value: number | undefined): string => (value === undefined ? '–' : figure(value));
  const least = (value: number | undefined): string => (value === undefined ? '–' : figure(SHARE * value));
  return table(
    ['#', 'ours / limit', 'now', 'committed', 'at least', 'by CPU', 'committed', 'at least', 'verdict'],
    ratios.map((ratio) => {
      const then = before(ratio, committed);
      const rates = [ratio.loss ?? figure(ratio.ratio), shown(then?.ratio), least(then?.ratio)];
      const cpu = [shown(ratio.ratioByCpu), shown(then?.ratioByCpu), least(then?.ratioByCpu)];
      return [ratio.id, ratio.title, ...rates, ...cpu, enough(ratio, committed) ? 'ok' : 'FAILED'];
    }),
  );
}

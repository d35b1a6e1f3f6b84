/** When a ratio has fallen too far. Numbers in, a verdict out. */
import type { Ratio } from './ratio/pairs.ts';
import { figure } from './statistics.ts';
import { table } from './table.ts';

/** Below this share of its committed value a ratio fails. */
const SHARE = 0.7;

const before = (ratio: Ratio, committed: readonly Ratio[]): Ratio | undefined =>
  committed.find(({ id, title, note }) => id === ratio.id && title === ratio.title && note === ratio.note) ??
  committed.find(({ id, title }) => id === ratio.id && title === ratio.title);

/** A ratio that was never committed has nothing to fall from; a loss is never enough. */
export function enough(ratio: Ratio, committed: readonly Ratio[]): boolean {
  if (ratio.loss) return false;
  const then = before(ratio, committed);
  return then === undefined || ratio.ratio >= SHARE * then.ratio;
}

export function compareTable(ratios: readonly Ratio[], committed: readonly Ratio[]): string {
  return table(
    ['#', 'ours / limit', 'now', 'committed', 'at least', 'verdict'],
    ratios.map((ratio) => {
      const then = before(ratio, committed);
      const numbers = [ratio.loss ?? figure(ratio.ratio), then ? figure(then.ratio) : '–', then ? figure(SHARE * then.ratio) : '–'];
      return [ratio.id, ratio.title, ...numbers, enough(ratio, committed) ? 'ok' : 'FAILED'];
    }),
  );
}

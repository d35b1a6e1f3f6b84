/**
 * When the messages of this server were written, roughly: times that part them into equal shares (the planner's histogram). Says from which day on
 * the newest so many of a stretch are, also when there were years of silence. Runs nothing.
 */
import type { Days } from './search-plan.ts';

const DAY_MS = 86_400_000;

export interface Calendar {
  /** Ascending, in milliseconds; between two of them there are as many messages as between any other two. Empty: nothing is known. */
  bounds: readonly number[];
  /** All messages. */
  total: number;
}

/** Returns the share of all messages that are older than `at`, 0 to 1. */
function olderThan({ bounds }: Calendar, at: number): number {
  const parts = bounds.length - 1;
  if (at <= bounds[0]!) return 0;
  if (at >= bounds[parts]!) return 1;
  const next = bounds.findIndex((bound) => bound > at);
  const [low, high] = [bounds[next - 1]!, bounds[next]!];
  return (next - 1 + (at - low) / (high - low)) / parts;
}

/** Returns the days that hold the newest `rows` messages of `days`, roughly; undefined when nothing is known, or when those are more than half of them. */
export function newestDays(calendar: Calendar, days: Days, rows: number): Days | undefined {
  const { bounds, total } = calendar;
  if (bounds.length < 3 || total < 1) return undefined;
  const upper = olderThan(calendar, (days.to + 1) * DAY_MS);
  const lower = olderThan(calendar, days.from * DAY_MS);
  const share = rows / total;
  if (share * 2 > upper - lower) return undefined;
  const place = (upper - share) * (bounds.length - 1);
  const at = Math.min(bounds.length - 2, Math.max(0, Math.floor(place)));
  const edge = bounds[at]! + (place - at) * (bounds[at + 1]! - bounds[at]!);
  return { from: Math.max(days.from, Math.floor(edge / DAY_MS)), to: days.to };
}

/** Returns how many messages were written on the last day of `days`, roughly, when that day was like those before it. */
export function rowsOfADay({ bounds, total }: Calendar, { to }: Days): number {
  const at = bounds.findLastIndex((bound) => bound < (to + 1) * DAY_MS);
  const [low, high] = at + 1 < bounds.length ? [bounds[at] ?? 0, bounds[at + 1]!] : [bounds.at(-2) ?? 0, bounds.at(-1) ?? 0];
  return high > low ? (total / Math.max(1, bounds.length - 1)) * Math.min(1, DAY_MS / (high - low)) : 0;
}

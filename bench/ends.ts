/** Whether the last page of a long history costs what the newest costs: asked in turn, one after the other, so that both meet the same machine. Prints nothing. */
import type { Dataset } from './dataset.ts';
import { median } from './statistics.ts';

export type Ends = { page: number; pairs: number; newest: number; last: number; ratio: number };

const LIMIT = 20;
const BLOCKS = 5;
const PAIRS = 100;
/** More than this is no noise: what page 10,000 may cost, page 1 being 1. */
export const MOST_RATIO = 1.3;

/** Medians in milliseconds; `ratio` is the median of five blocks, each the last page over the newest in 100 pairs. Throws for an answer that is no 200. */
export async function measureEnds(url: string, token: string, dataset: Dataset): Promise<Ends> {
  const get = async (path: string): Promise<number> => {
    const from = performance.now();
    const response = await fetch(`${url}/api/v1/rooms/${dataset.hall}/messages?limit=${LIMIT}${path}`, { headers: { authorization: `Bearer ${token}` } });
    const body = (await response.json()) as { items: unknown[] };
    if (response.status !== 200 || body.items.length !== LIMIT) throw new Error(`history answered ${response.status} with ${body.items?.length} messages`);
    return performance.now() - from;
  };
  const pages = Math.floor((dataset.messages * 0.2) / LIMIT);
  const newest: number[] = [];
  const last: number[] = [];
  for (let at = 0; at < 50; at++) await get(at % 2 ? '' : `&before=${LIMIT + 10}`);
  for (let at = 0; at < BLOCKS * PAIRS; at++) {
    const deep = () => get(`&before=${LIMIT + 10 + (at % 200)}`).then((ms) => last.push(ms));
    // Who goes first changes, or the second would always find the processor warm.
    if (at % 2) await deep();
    newest.push(await get(''));
    if (at % 2 === 0) await deep();
  }
  const block = (times: number[], at: number) => median(times.slice(at * PAIRS, (at + 1) * PAIRS));
  const ratios = Array.from({ length: BLOCKS }, (_, at) => block(last, at) / block(newest, at));
  const round = (value: number) => Math.round(value * 1_000) / 1_000;
  return { page: pages, pairs: BLOCKS * PAIRS, newest: round(median(newest)), last: round(median(last)), ratio: round(median(ratios)) };
}

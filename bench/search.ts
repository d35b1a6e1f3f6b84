/** Measures every kind of search over REST at a steady rate: newest and relevance, first and hundredth page. Prints nothing. */
import type { Dataset } from './dataset.ts';
import { drawsFrom } from './draws.ts';
import { type SearchKind, searchKinds } from './kinds.ts';
import { paced, type Spread, spreadOf } from './paced.ts';

export type Measured = { kind: string; sort: 'newest' | 'relevance'; page: 1 | 100; found: number; failed: number; spread: Spread };

const LIMIT = 25;
/** Of each kind so many texts are asked for their hundredth page: getting there is a long walk. */
const WALKED = 2;
const RATE = 50;

type Variant = { kind: SearchKind; sort: 'newest' | 'relevance'; page: 1 | 100; paths: string[]; found: number; failed: number; taken: number[] };

/** All kinds mixed, in a drawn order, `samples` requests each, at 50 a second. An answer that is no 200 counts as failed. */
export async function measureSearch(
  url: string,
  tokens: { everywhere: string; somewhere: string },
  dataset: Dataset,
  texts: readonly string[],
  samples: number,
): Promise<Measured[]> {
  async function get(path: string, who: keyof typeof tokens): Promise<{ items: unknown[]; nextCursor: string | null } | undefined> {
    const response = await fetch(`${url}/api/v1/messages?${path}`, { headers: { authorization: `Bearer ${tokens[who]}` } });
    if (response.status === 200) return (await response.json()) as { items: unknown[]; nextCursor: string | null };
    await response.arrayBuffer();
    return undefined;
  }

  const variants: Variant[] = [];
  for (const kind of searchKinds(dataset, texts)) {
    for (const sort of ['newest', 'relevance'] as const) {
      if (sort === 'relevance' && !kind.queries[0]?.search) continue;
      const first: Variant = { kind, sort, page: 1, paths: [], found: 0, failed: 0, taken: [] };
      const deep: Variant = { ...first, page: 100, paths: [], taken: [] };
      for (const [at, query] of kind.queries.entries()) {
        const path = new URLSearchParams({ ...query, sort, limit: String(LIMIT) }).toString();
        first.paths.push(path);
        // 99 pages lie before the hundredth; they are walked in large steps.
        let cursor: string | null = null;
        for (const limit of at < WALKED ? [...Array<number>(24).fill(100), 75] : [LIMIT]) {
          const step: URLSearchParams = new URLSearchParams({ ...query, sort, limit: String(limit), ...(cursor ? { cursor } : {}) });
          const page = await get(step.toString(), kind.who);
          if (page === undefined) {
            first.failed++;
            break;
          }
          if (cursor === null) first.found += page.items.length;
          cursor = page.nextCursor;
          if (cursor === null) break;
        }
        if (at < WALKED && cursor !== null) deep.paths.push(`${path}&cursor=${encodeURIComponent(cursor)}`);
      }
      variants.push(first);
      if (deep.paths.length > 0) variants.push(deep);
    }
  }

  const draw = drawsFrom(11);
  const jobs: (() => Promise<void>)[] = [];
  const order = Array.from({ length: samples }, () => variants).flat();
  for (let at = order.length - 1; at > 0; at--) {
    const other = draw.below(at + 1);
    [order[at], order[other]] = [order[other]!, order[at]!];
  }
  for (const variant of order) {
    const path = draw.of(variant.paths);
    jobs.push(async () => {
      if ((await get(path, variant.kind.who)) === undefined) variant.failed++;
    });
  }
  const taken = await paced(jobs, RATE);
  for (const [at, variant] of order.entries()) variant.taken.push(taken[at]!);
  return variants.map(({ kind, sort, page, found, failed, taken: times }) => ({ kind: kind.name, sort, page, found, failed, spread: spreadOf(times) }));
}

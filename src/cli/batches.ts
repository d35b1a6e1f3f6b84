/** Many small pieces of work, a bounded number of them at a time. */

/** The results in the order of `items`; at most `size` are under way at once. The first failure ends it. */
export async function inBatches<T, R>(items: readonly T[], size: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let at = 0; at < items.length; at += size) results.push(...(await Promise.all(items.slice(at, at + size).map(work))));
  return results;
}

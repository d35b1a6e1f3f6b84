/** What the tests of rooms ask again and again. */
import type { Answer, Any, Person } from '../support/chat.ts';

/** Every field to blame: `/name too_long`. */
export const blamed = (answer: Answer): string[] =>
  (answer.body?.errors ?? []).map((issue: { pointer: string; code: string }) => `${issue.pointer} ${issue.code}`);

/** All items of a list, page by page; throws when one appears twice. */
export async function walk(who: Pick<Person, 'done'>, path: string): Promise<Any[]> {
  const items: Any[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const page: Any = await who.done('GET', cursor === '' ? path : `${path}${path.includes('?') ? '&' : '?'}cursor=${cursor}`);
    items.push(...page.items);
    cursor = page.nextCursor;
  }
  const keys = items.map((item) => item.id ?? item.code ?? item.user.id);
  if (new Set(keys).size !== keys.length) throw new Error(`twice in one walk: ${path}`);
  return items;
}

/** How often each status came. */
export function statuses(answers: readonly Answer[]): Record<number, number> {
  const counted: Record<number, number> = {};
  for (const { status } of answers) counted[status] = (counted[status] ?? 0) + 1;
  return counted;
}

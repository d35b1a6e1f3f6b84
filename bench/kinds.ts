/**
 * The kinds of searches that are measured, each with several texts drawn by how often their words really occur, so that no kind
 * lives from one cached answer. Sends nothing.
 */
import { fold, wordsOf } from '../src/messages/fold.ts';
import type { Dataset } from './dataset.ts';
import { drawsFrom } from './draws.ts';

export type SearchKind = {
  name: string;
  who: 'everywhere' | 'somewhere';
  /** Parameters of GET /messages, without sort, limit and cursor. */
  queries: Record<string, string>[];
};

const TEXTS = 8;

/** Returns the kinds for a data set that was made of `texts`. */
export function searchKinds(dataset: Dataset, texts: readonly string[]): SearchKind[] {
  const draw = drawsFrom(7);
  const used = texts.slice(0, dataset.messages);
  const times = dataset.messages / used.length;
  const held = new Map<string, number>();
  for (const text of used) for (const word of new Set(wordsOf(fold(text)).map((each) => each.text))) held.set(word, (held.get(word) ?? 0) + times);

  /** Words that at least `low` and at most `high` messages hold. */
  const words = (low: number, high: number): string[] => {
    const fit = [...held].filter(([word, n]) => n >= low && n <= high && /^[a-z]{3,}$/.test(word)).map(([word]) => word);
    return Array.from({ length: TEXTS }, () => draw.of(fit)).filter(Boolean);
  };
  const phrases = Array.from({ length: TEXTS }, () => {
    for (;;) {
      const parts = fold(draw.of(used)).match(/[a-z]{2,} [a-z]{2,}/);
      if (parts) return `"${parts[0]}"`;
    }
  });

  const n = dataset.messages;
  const rare = words(1, Math.max(10, times));
  const medium = words(n / 2_000, n / 200);
  const tenth = words(n / 14, n / 8);
  const parts = rare.filter((word) => word.length >= 6).map((word) => word.slice(1, -1));
  const kind = (name: string, queries: Record<string, string>[], who: SearchKind['who'] = 'everywhere'): SearchKind => ({ name, who, queries });
  const searched = (list: string[], more: Record<string, string> = {}) => list.map((search) => ({ search, ...more }));
  const since = new Date(Date.UTC(2025, 0, 15)).toISOString();
  const until = new Date(Date.UTC(2025, 1, 15)).toISOString();

  return [
    kind('rare word', searched(rare.map((word) => `"${word}"`))),
    kind('medium word', searched(medium)),
    kind('word in every tenth', searched(tenth)),
    kind('prefix', searched(medium.map((word) => word.slice(0, 3)))),
    kind('one letter', searched(['a', 's', 't', 'x', 'z'])),
    kind('phrase', searched(phrases)),
    kind('phrase of common words', searched(['"to be"', '"in the"', '"how do i"', '"is there a way to"'])),
    kind('phrase that hardly occurs, of common words', searched(['"the the"', '"you to you"', '"that the that"', '"ubuntu the"', '"i there"'])),
    kind('words being typed', searched(['how do i', 'can you t', 'what is the', 'is there a w', 'install ubuntu o'])),
    kind('exclusion', searched(tenth.map((word, at) => `${word} -${tenth[(at + 1) % tenth.length]}`))),
    kind('or', searched(medium.map((word, at) => `${word} or ${rare[at % rare.length]}`))),
    kind('two common words', searched(tenth.map((word, at) => `${word} ${tenth[(at + 3) % tenth.length]}`))),
    kind('common and rare', searched(rare.map((word, at) => `${tenth[at % tenth.length]} "${word}"`))),
    kind('without spaces', searched(['天気', '図書館', '八点', 'ข้าวผัด', '良い天気'])),
    kind('nothing found', searched(['zzyzxqv', '"qqj wwk"', 'ubuntu zzyzxqv', '龘龘'])),
    kind(
      'contains rare',
      parts.map((contains) => ({ contains })),
    ),
    kind(
      'contains common',
      ['ing', 'the', 'you', 'ubuntu', 'what'].map((contains) => ({ contains })),
    ),
    kind(
      'contains signs',
      ['C++20', '100%', ':-)', '...', '???', '=-='].map((contains) => ({ contains })),
    ),
    kind(
      'contains nothing',
      ['zzyzxqv', '~~@@~~', 'qqjwwk'].map((contains) => ({ contains })),
    ),
    kind('common in the hall', searched(tenth, { room: dataset.hall })),
    kind('rare in the hall', searched(rare, { room: dataset.hall })),
    kind(
      'common in a small room',
      tenth.map((search, at) => ({ search, room: dataset.small[at]! })),
    ),
    kind(
      'common of a person',
      tenth.map((search, at) => ({ search, user: dataset.people[at * 90]! })),
    ),
    kind(
      'rare of a person',
      rare.map((search, at) => ({ search, user: dataset.people[at * 90]! })),
    ),
    kind('common in a month', searched(tenth, { since, until })),
    kind('rare in a month', searched(rare, { since, until })),
    kind('common, in 3 rooms', searched(tenth), 'somewhere'),
    kind('rare, in 3 rooms', searched(rare), 'somewhere'),
    kind(
      'contains, in 3 rooms',
      ['ing', 'the', ':-)', ...parts].map((contains) => ({ contains })),
      'somewhere',
    ),
    kind('everything', [{}]),
    kind(
      'everything of a person',
      dataset.people.filter((_, at) => at % 125 === 3).map((user) => ({ user })),
    ),
  ];
}

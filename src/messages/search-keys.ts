/**
 * What the search index knows of a message besides its words (drizzle/0062_search_keys.sql): its day, and which short words stand
 * next to each other in it. Here is what a query asks of that. Lets a little too much through; never too little. Runs nothing.
 */
import { lexeme, type SearchQuery, type Term } from './search.ts';

/** Neighbours of at most so many characters together are known as pairs. */
const PAIRED_CHARACTERS = 9;
const DAY_MS = 86_400_000;
/** So many days are one key more. */
const BLOCK = 16;
/** More keys than these cost more than looking at all days. */
const MOST_KEYS = 96;

/** What of a query the index is asked for; matches are looked at again by the query itself. */
export interface Sieve {
  /** Text of a tsquery; null when the pairs say enough. */
  words: string | null;
  /** The same without the beginning of a word; null when nothing would be left to look for. */
  wordsWithoutPrefix: string | null;
  /** Text of the tsquery of that beginning alone; null when there is none. */
  prefix: string | null;
  /** Two neighbours each, with a blank between them. */
  pairs: string[];
  /** Whatever comes through matches. */
  exact: boolean;
  /** The beginning of a word was left out, because too many words begin so: nearly all that comes through has one of them. */
  withoutPrefix?: true;
}

/** Returns the sieve of a query. */
export function sieveOf(query: SearchQuery): Sieve {
  const exact = query.every((choices) => choices.every((term) => term.words.length === 1));
  const pairs = new Set<string>();
  const clauses = new Set<string>();
  const begun = new Set<string>();
  let positive = false;
  let positiveWhole = false;
  for (const choices of query) {
    const [only] = choices;
    if (choices.length === 1 && only && !only.excluded) {
      const paired = pairsOf(only);
      for (const { pair } of paired) pairs.add(pair);
      only.words.forEach((word, at) => {
        if (paired.some((each) => each.at === at || each.at + 1 === at)) return;
        const isBegun = only.prefix && at === only.words.length - 1;
        (isBegun ? begun : clauses).add(quoted(word, isBegun));
        positive = true;
        if (!isBegun) positiveWhole = true;
      });
    } else {
      // That a phrase is not there says nothing about its words.
      if (choices.some((term) => term.excluded && term.words.length > 1)) continue;
      clauses.add(`(${choices.map((term) => (term.excluded ? `!${wordsOf(term)}` : wordsOf(term))).join(' | ')})`);
      if (choices.every((term) => !term.excluded)) positive = positiveWhole = true;
    }
  }
  const whole = [...clauses];
  return {
    words: positive || pairs.size === 0 ? [...whole, ...begun].join(' & ') || null : null,
    wordsWithoutPrefix: positiveWhole ? whole.join(' & ') : null,
    prefix: begun.size > 0 ? [...begun].join(' & ') : null,
    pairs: [...pairs],
    exact,
  };
}

const quoted = (word: string, begun: boolean): string => `'${lexeme(word)}'${begun ? ':*' : ''}`;
const wordsOf = ({ words, prefix }: Term): string => `(${words.map((word, at) => quoted(word, prefix && at === words.length - 1)).join(' & ')})`;

/** Neighbours in a phrase that are whole and short together, and where they stand in it. */
function pairsOf({ words, prefix }: Term): { pair: string; at: number }[] {
  const whole = prefix ? words.slice(0, -1) : words;
  const length = whole.map((word) => [...word].length);
  return whole.slice(1).flatMap((word, at) => (length[at]! + length[at + 1]! <= PAIRED_CHARACTERS ? [{ pair: `${whole[at]} ${word}`, at }] : []));
}

/** The day of a time, counted from 1970; what is older is of the first day. */
export const dayOf = (at: string): number => Math.max(0, Math.floor(Date.parse(at) / DAY_MS));

/** Returns the keys that cover the days `from` to `to`, both of them included; null when those would be too many. */
export function dayKeys(from: number, to: number): number[] | null {
  const keys: number[] = [];
  for (let day = Math.max(0, from); day <= to && keys.length <= MOST_KEYS; ) {
    if (day % BLOCK === 0 && day + BLOCK - 1 <= to) {
      keys.push(-1 - (2 * day) / BLOCK);
      day += BLOCK;
    } else {
      keys.push(-2 - 2 * day);
      day++;
    }
  }
  return keys.length > 0 && keys.length <= MOST_KEYS ? keys : null;
}

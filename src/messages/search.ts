/**
 * What a person types into `search` and `contains`, as a query (rest.md, GET /messages): parsed, and written as a Postgres tsquery or LIKE
 * pattern that no input makes raise. Runs nothing.
 */
import { DIGIT_LETTERS, fold, signsAsLetters, WORD_CHARACTERS, wordsOf } from './fold.ts';

/** Words that stand next to each other in this order: one word is a phrase of one. */
export interface Term {
  words: readonly string[];
  /** The last word may be the beginning of one. */
  prefix: boolean;
  excluded: boolean;
}

/** All of these must hold; each is one term, or several of which one must hold. */
export type SearchQuery = readonly (readonly Term[])[];

// A quoted phrase, perhaps excluded, or whatever stands between blanks; a quote that is never closed parts words like any other sign.
const pieces = /(-?)"([^"]*)"|(-?)(\S+)/gu;

/** Returns the query in a `search`, or null when it has no term to look for, or contradicts itself: then nothing is found. */
export function parseSearch(search: string): SearchQuery | null {
  const terms: (Term & { isOr: boolean })[] = [];
  for (const [piece, quotedMinus, quoted, plainMinus, plain] of search.matchAll(pieces)) {
    const words = wordsOf(fold(quoted ?? plain ?? ''));
    const last = words.at(-1);
    if (!last) continue;
    const excluded = (quotedMinus ?? plainMinus) === '-';
    const prefix = quoted === undefined && !excluded && !last.alone;
    terms.push({ words: words.map((each) => each.text), prefix, excluded, isOr: /^or$/i.test(piece) });
  }
  for (const term of terms.slice(0, -1)) term.prefix = false;

  const query: Term[][] = [];
  for (let at = 0; at < terms.length; at++) {
    const term = terms[at] as (typeof terms)[number];
    const before = query.at(-1);
    const after = terms[at + 1];
    // Between two terms `or` joins them; at either end it is a word like any other.
    if (term.isOr && before && after) {
      before.push(bare(after));
      at++;
    } else query.push([bare(term)]);
  }
  return query.some((choices) => choices.some((term) => !term.excluded)) && !contradicts(query) ? query : null;
}

/** Whether a term must be there and must not: no index could say so, and every message with it would be looked at. */
function contradicts(query: SearchQuery): boolean {
  const alone = query.flatMap((choices) => (choices.length === 1 ? choices : []));
  return alone.some((term) => term.excluded && alone.some((other) => !other.excluded && !other.prefix && other.words.join(' ') === term.words.join(' ')));
}

const bare = ({ words, prefix, excluded }: Term): Term => ({ words, prefix, excluded });

/** Returns the query in the text form of `tsquery`, to be cast: lexemes are given, nothing is parsed as language. */
export function toTsquery(query: SearchQuery): string {
  return query.map((choices) => `(${choices.map(termText).join(' | ')})`).join(' & ');
}

/** Returns the terms that a highlight may show: all but the excluded ones. */
export function positiveTerms(query: SearchQuery): Term[] {
  return query.flatMap((choices) => choices.filter((term) => !term.excluded));
}

function termText(term: Term): string {
  const text = term.words.map((word, at) => `'${lexeme(word)}'${term.prefix && at === term.words.length - 1 ? ':*' : ''}`).join(' <-> ');
  return term.excluded ? `!(${text})` : `(${text})`;
}

/** Returns the word as the index holds it: digits as letters, cut where `parlour_tsvector` cuts. Words have no quotes or backslashes. */
export function lexeme(word: string): string {
  const cut = word.length > WORD_CHARACTERS ? [...word].slice(0, WORD_CHARACTERS).join('') : word;
  return cut.replace(/[0-9]/g, (digit) => DIGIT_LETTERS[Number(digit)] ?? digit);
}

/** Returns what `contains` looks for in folded text, or null when nothing but accents was asked for. */
export function partOf(contains: string): string | null {
  return fold(contains) || null;
}

/** Returns the LIKE pattern of a folded part, matched against `parlour_fold(content)`. */
export const likeFolded = (part: string): string => `%${part.replace(/[\\%_]/g, '\\$&')}%`;

/** Returns the LIKE pattern that the trigram index knows, matched against `parlour_parts(content)`: it lets a little too much through. */
export const likeParts = (part: string): string => `%${signsAsLetters(part)}%`;

/**
 * Where a found message matched: ranges of UTF-16 units, computed here from the same folding that the index holds, because
 * `ts_headline` knows neither offsets nor our words. Never touches the database.
 */
import { type Folded, fold, foldWithOrigins, wordsOf } from './fold.ts';
import type { Term } from './search.ts';

/** `[start, end)` for JavaScript's `slice`. */
export type Range = [start: number, end: number];

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** Returns the ranges of `content` where a term or the literal part matched: ascending, apart, each to the end of its last grapheme. */
export function highlights(content: string, terms: readonly Term[], contains?: string): Range[] {
  const folded = foldWithOrigins(content);
  const found = [...termMatches(folded.text, terms), ...partMatches(folded.text, contains === undefined ? '' : fold(contains))];
  return leftToRight(content, folded, found);
}

/** Matches in the folded text, in its own units. */
type Match = Range;

function* termMatches(text: string, terms: readonly Term[]): Generator<Match> {
  if (terms.length === 0) return;
  const words = wordsOf(text);
  for (let at = 0; at < words.length; at++) {
    for (const term of terms) {
      const length = term.words.length;
      if (at + length > words.length) continue;
      const matches = term.words.every((wanted, offset) => {
        const word = words[at + offset]?.text ?? '';
        return term.prefix && offset === length - 1 ? word.startsWith(wanted) : word === wanted;
      });
      const last = words[at + length - 1];
      const first = words[at];
      if (matches && first && last) yield [first.start, last.start + (term.words[length - 1] ?? '').length];
    }
  }
}

/** Overlapping places too: which of them are shown is decided with all others, left to right. */
function* partMatches(text: string, part: string): Generator<Match> {
  if (part === '') return;
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + 1)) yield [at, at + part.length];
}

/** Of places that begin together the longest is shown; what overlaps it is not. */
function leftToRight(content: string, folded: Folded, found: Match[]): Range[] {
  found.sort((a, b) => a[0] - b[0] || b[1] - a[1]);
  const shown: Range[] = [];
  let free = 0;
  let wholeUntil = 0;
  const whole = graphemes.segment(content);
  for (const [start, end] of found) {
    const from = folded.starts(start);
    if (from < free || end <= start) continue;
    let to = folded.ends(end - 1);
    // A range ends with its last grapheme: an accent, a joined emoji or the second half of a surrogate pair is never cut off.
    if (to > wholeUntil) {
      const last = whole.containing(to - 1);
      if (last) to = Math.max(to, last.index + last.segment.length);
      wholeUntil = to;
    }
    shown.push([from, to]);
    free = to;
  }
  return shown;
}

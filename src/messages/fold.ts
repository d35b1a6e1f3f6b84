/**
 * Text without case and accents, and the words in it, exactly as drizzle/0000_search_text.sql computes them in the database
 * (tests/search/fold.test.ts holds the two together). Knows nothing of queries.
 */

/** Combining accents of Latin, Greek, Cyrillic, Hebrew, Arabic and Syriac, and variation selectors. Vowel signs of Indic scripts and the
 *  voicing marks of kana make other letters, not accents, and stay. */
export const ACCENTS =
  '\\u0300-\\u036f\\u0483-\\u0489\\u0591-\\u05bd\\u05bf\\u05c1-\\u05c2\\u05c4-\\u05c5\\u05c7\\u0610-\\u061a\\u064b-\\u065f\\u0670\\u06d6-\\u06dc\\u06df-\\u06e4\\u06e7-\\u06e8\\u06ea-\\u06ed\\u0711\\u0730-\\u074a\\u1ab0-\\u1aff\\u1dc0-\\u1dff\\u20d0-\\u20f0\\u2de0-\\u2dff\\ufe00-\\ufe0f\\ufe20-\\ufe2f\\U000e0100-\\U000e01ef';

/** Scripts written without spaces (Thai, Lao, Myanmar, Khmer, Tai, kana, Bopomofo, Yi, Han): each character is a word of its own, so that a term finds them anywhere. */
export const SPACELESS =
  '\\u0e01-\\u0e5b\\u0e80-\\u0eff\\u1000-\\u109f\\u1780-\\u17ff\\u1950-\\u19df\\u1a20-\\u1aaf\\u3005-\\u3007\\u3021-\\u303c\\u3041-\\u30ff\\u3105-\\u312f\\u31a0-\\u31bf\\u31f0-\\u31ff\\u3400-\\u4dbf\\u4e00-\\u9fff\\ua000-\\ua48c\\ua9e0-\\ua9fe\\uaa60-\\uaadf\\uf900-\\ufaff\\uff66-\\uff9f\\U0001aff0-\\U0001b16f\\U00020000-\\U0003ffff';

/** What lower case and decomposition leave: one character for one … */
export const SINGLE_FROM = 'øđłħŧıſςµϐϑϕϖϰϱϵａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗｘｙｚ０１２３４５６７８９ð';
export const SINGLE_TO = 'odlhtisσμβθφπκρεabcdefghijklmnopqrstuvwxyz0123456789d';
/** … and several for one. */
export const EXPANDED: readonly (readonly [string, string])[] = [
  ['ß', 'ss'],
  ['æ', 'ae'],
  ['œ', 'oe'],
  ['þ', 'th'],
  ['ﬀ', 'ff'],
  ['ﬁ', 'fi'],
  ['ﬂ', 'fl'],
  ['ﬃ', 'ffi'],
  ['ﬄ', 'ffl'],
  ['ﬅ', 'st'],
  ['ﬆ', 'st'],
];
/** Lexemes hold these letters, which folding removes from all text, instead of digits: the text parser reads `1e5abc` as a number and a word. */
export const DIGIT_LETTERS = 'àáâãäåçèéê';
/** A longer word is known by its beginning: a lexeme holds 2,046 bytes. No word of a query (200 characters) comes near but by ligatures. */
export const WORD_CHARACTERS = 500;

/** For trigrams, which know letters alone, each of these signs stands as the letter below it (drizzle/0060_contains_signs.sql) … */
export const SIGNS = ' !"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~\n\t';
export const SIGN_LETTERS = 'àáâãäåçèéêëìíîïñòóôõöùúûüýÿāăąćĉċčď';
/** … and all of these as ž. */
export const WIDE_SIGNS = '\\u2000-\\u2bff\\u3000-\\u3004\\u3008-\\u3020\\ufe30-\\ufe6f\\U0001f000-\\U0001faff';

// Postgres writes code points above U+FFFF as \U with eight digits, JavaScript as \u{}.
const charClass = (ranges: string) => ranges.replace(/\\U([0-9a-f]{8})/g, (_, hex: string) => `\\u{${hex.replace(/^0+/, '')}}`);

const accents = new RegExp(`[${charClass(ACCENTS)}]+`, 'gu');
const notAscii = /[\u0080-\u{10ffff}]/u;
const replaced = new Map<string, string>([...[...SINGLE_FROM].map((from, at) => [from, [...SINGLE_TO][at] ?? ''] as const), ...EXPANDED]);
const replaceable = new RegExp(`[${[...replaced.keys()].join('')}]`, 'gu');
// A letter with what may melt into it when composed: marks, and the vowels and finals of Hangul. Folding never reaches across these bounds.
const segment = /[^\p{M}\u1160-\u11ff\ud7b0-\ud7ff]?[\p{M}\u1160-\u11ff\ud7b0-\ud7ff]*/gsu;
// A word of spaced scripts, or one character of the others.
const word = new RegExp(`[${charClass(SPACELESS)}]|(?:(?![${charClass(SPACELESS)}])[\\p{L}\\p{M}\\p{Nd}])+`, 'gu');
const letter = /[\p{L}\p{M}\p{Nd}]/u;

/** Returns the text without case and accents: what `parlour_fold` of the database returns. */
export function fold(text: string): string {
  if (!notAscii.test(text)) return text.toLowerCase();
  return text
    .normalize('NFD')
    .replace(accents, '')
    .normalize('NFC')
    .toLowerCase()
    .replace(replaceable, (character) => replaced.get(character) ?? '');
}

const sign = new RegExp(`[${SIGNS.replace(/[\\\]^-]/g, '\\$&')}]`, 'g');
const wideSign = new RegExp(`[${charClass(WIDE_SIGNS)}]`, 'gu');

/** Returns a folded text with its signs as letters: what `parlour_parts` of the database makes of a content. */
export function signsAsLetters(folded: string): string {
  return folded.replace(wideSign, 'ž').replace(sign, (each) => SIGN_LETTERS[SIGNS.indexOf(each)] ?? each);
}

/** A text and its folding; `starts[i]` and `ends[i]` say which UTF-16 units of the text the folded unit i came from. */
export interface Folded {
  text: string;
  starts: (index: number) => number;
  ends: (index: number) => number;
}

/** Returns the folding of a text with the way back from each of its UTF-16 units to the text. */
export function foldWithOrigins(text: string): Folded {
  if (!notAscii.test(text)) return { text: text.toLowerCase(), starts: (index) => index, ends: (index) => index + 1 };
  const starts: number[] = [];
  const ends: number[] = [];
  let folded = '';
  for (const match of text.matchAll(segment)) {
    const part = fold(match[0]);
    for (let unit = 0; unit < part.length; unit++) {
      starts.push(match.index);
      ends.push(match.index + match[0].length);
    }
    folded += part;
  }
  return { text: folded, starts: (index) => starts[index] ?? text.length, ends: (index) => ends[index] ?? text.length };
}

/** A word of a folded text and where it stands in it, in UTF-16 units. */
export interface Word {
  text: string;
  start: number;
  /** One character of a script without spaces: it is found whole or not at all. */
  alone: boolean;
}

/** Returns the words of a folded text in their order. */
export function wordsOf(folded: string): Word[] {
  const words: Word[] = [];
  for (const match of folded.matchAll(word)) {
    if (!letter.test(match[0])) continue;
    words.push({ text: match[0], start: match.index, alone: isSpaceless(match[0]) });
  }
  return words;
}

const spaceless = new RegExp(`^[${charClass(SPACELESS)}]$`, 'u');
function isSpaceless(text: string): boolean {
  return text.length <= 2 && spaceless.test(text);
}

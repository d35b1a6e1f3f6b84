/**
 * An independent answer to GET /messages: plain string code over an array, written from the contract alone. It shares nothing with
 * src/messages, knows no index and no Postgres, and is slow on purpose.
 */
export interface Stored {
  id: string;
  room: string;
  sender: string;
  at: string;
  text: string;
  tokens: Token[];
  plain: Plain;
}

interface Token {
  text: string;
  /** Index of the first and behind the last character of `plain`. */
  from: number;
  to: number;
}

/** The text as characters without case and accents, each with where it starts and where the grapheme that it is in ends. */
interface Plain {
  characters: string[];
  starts: number[];
  ends: number[];
}

export interface Question {
  rooms: ReadonlySet<string>;
  room?: string;
  user?: string;
  search?: string;
  contains?: string;
  since?: string;
  until?: string;
}

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });
const noSpaces = /[\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{scx=Thai}]/u;
const isLetter = (character: string) => /[\p{L}\p{M}\p{Nd}]/u.test(character);

function plainOf(text: string): Plain {
  const plain: Plain = { characters: [], starts: [], ends: [] };
  for (const { segment, index } of graphemes.segment(text)) {
    let at = index;
    for (const character of segment) {
      for (const bare of character.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase()) {
        plain.characters.push(bare);
        plain.starts.push(at);
        plain.ends.push(index + segment.length);
      }
      at += character.length;
    }
  }
  return plain;
}

function tokensOf({ characters }: Plain): Token[] {
  const tokens: Token[] = [];
  let open: Token | undefined;
  characters.forEach((character, at) => {
    if (!isLetter(character)) open = undefined;
    else if (noSpaces.test(character)) {
      tokens.push({ text: character, from: at, to: at + 1 });
      open = undefined;
    } else if (open) {
      open.text += character;
      open.to = at + 1;
    } else {
      open = { text: character, from: at, to: at + 1 };
      tokens.push(open);
    }
  });
  return tokens;
}

export function stored(message: Omit<Stored, 'tokens' | 'plain'>): Stored {
  const plain = plainOf(message.text);
  return { ...message, plain, tokens: tokensOf(plain) };
}

interface Term {
  words: string[];
  begins: boolean;
  not: boolean;
}

/** Terms that must all hold, each a list of which one must. */
function read(search: string): Term[][] {
  const raw: { text: string; quoted: boolean; not: boolean }[] = [];
  for (let at = 0; at < search.length; ) {
    if (/\s/.test(search[at] ?? '')) {
      at++;
      continue;
    }
    const not = search[at] === '-';
    const opens = not ? at + 1 : at;
    const closes = search[opens] === '"' ? search.indexOf('"', opens + 1) : -1;
    if (closes > 0) {
      raw.push({ text: search.slice(opens + 1, closes), quoted: true, not });
      at = closes + 1;
      continue;
    }
    let end = at;
    while (end < search.length && !/\s/.test(search[end] ?? '')) end++;
    raw.push({ text: search.slice(not ? at + 1 : at, end), quoted: false, not });
    at = end;
  }
  const terms = raw.map((piece) => ({ ...piece, words: tokensOf(plainOf(piece.text)).map((token) => token.text) })).filter((term) => term.words.length > 0);
  const all: Term[][] = [];
  for (let at = 0; at < terms.length; at++) {
    const term = terms[at]!;
    const made = (which: typeof term): Term => ({ words: which.words, not: which.not, begins: which === terms.at(-1) && !which.quoted && !which.not });
    const joins = !term.quoted && !term.not && term.text.toLowerCase() === 'or' && at > 0 && at < terms.length - 1;
    if (joins) all.at(-1)!.push(made(terms[++at]!));
    else all.push([made(term)]);
  }
  return all;
}

function placesOf(term: Term, { tokens }: Stored): [number, number][] {
  const places: [number, number][] = [];
  for (let at = 0; at + term.words.length <= tokens.length; at++) {
    let fits = true;
    for (let next = 0; fits && next < term.words.length; next++) {
      const word = tokens[at + next]!.text;
      const wanted = term.words[next]!;
      fits = term.begins && next === term.words.length - 1 ? word.startsWith(wanted) : word === wanted;
    }
    const last = tokens[at + term.words.length - 1]!;
    if (fits) places.push([tokens[at]!.from, last.from + [...term.words.at(-1)!].length]);
  }
  return places;
}

/** Every match, newest first, with its highlights; they are missing when nothing was searched. */
export function answer(messages: readonly Stored[], question: Question): { id: string; highlights?: [number, number][] }[] {
  const terms = question.search === undefined ? [] : read(question.search);
  if (question.search !== undefined && !terms.flat().some((term) => !term.not)) return [];
  const part = question.contains === undefined ? undefined : plainOf(question.contains).characters.join('');
  const found: { at: string; id: string; highlights?: [number, number][] }[] = [];
  for (const message of messages) {
    if (!question.rooms.has(message.room)) continue;
    if (question.room !== undefined && message.room !== question.room) continue;
    if (question.user !== undefined && message.sender !== question.user) continue;
    if (question.since !== undefined && message.at < question.since) continue;
    if (question.until !== undefined && message.at >= question.until) continue;
    if (part !== undefined && !message.plain.characters.join('').includes(part)) continue;
    if (!terms.every((choices) => choices.some((term) => placesOf(term, message).length > 0 !== term.not))) continue;
    const searched = question.search !== undefined || question.contains !== undefined;
    found.push({
      at: message.at,
      id: message.id,
      ...(searched
        ? {
            highlights: lit(
              message,
              terms.flat().filter((term) => !term.not),
              part,
            ),
          }
        : {}),
    });
  }
  found.sort((a, b) => (a.at === b.at ? (a.id < b.id ? 1 : -1) : a.at < b.at ? 1 : -1));
  return found.map(({ id, highlights }) => (highlights ? { id, highlights } : { id }));
}

function lit(message: Stored, terms: Term[], part: string | undefined): [number, number][] {
  const places = terms.flatMap((term) => placesOf(term, message));
  if (part !== undefined) {
    const wanted = [...part];
    for (let at = 0; at + wanted.length <= message.plain.characters.length; at++)
      if (wanted.every((character, next) => message.plain.characters[at + next] === character)) places.push([at, at + wanted.length]);
  }
  places.sort((a, b) => a[0] - b[0] || b[1] - a[1]);
  const ranges: [number, number][] = [];
  for (const [from, to] of places) {
    const range: [number, number] = [message.plain.starts[from]!, message.plain.ends[to - 1]!];
    if (range[0] >= (ranges.at(-1)?.[1] ?? 0)) ranges.push(range);
  }
  return ranges;
}

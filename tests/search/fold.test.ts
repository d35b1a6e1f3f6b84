/** Folding and words: by rule, and the same in TypeScript and in Postgres, over every code point and over text that is drawn. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { ACCENTS, EXPANDED, fold, foldWithOrigins, signsAsLetters, SINGLE_FROM, SINGLE_TO, SPACELESS, wordsOf } from '../../src/messages/fold.ts';
import { lexeme } from '../../src/messages/search.ts';
import { freshOpenDatabase } from '../support/postgres.ts';

let database: Awaited<ReturnType<typeof freshOpenDatabase>>;
beforeAll(async () => {
  database = await freshOpenDatabase({ deadlineMs: 60_000 });
});
afterAll(() => database[Symbol.asyncDispose]());

describe('folding', () => {
  const same: [string, string][] = [
    ['Café', 'cafe'],
    ['Cafe\u0301', 'cafe'],
    ['ÅNGSTRÖM', 'angstrom'],
    ['Łódź', 'lodz'],
    ['Straße', 'STRASSE'],
    ['İstanbul', 'istanbul'],
    ['ΣΊΣΥΦΟΣ', 'σισυφος'],
    ['ὈΔΥΣΣΕΎΣ', 'οδυσσευς'],
    ['Ёлка', 'елка'],
    ['Þórr', 'thorr'],
    ['Ærø', 'aero'],
    ['Ｐａｒｌｏｕｒ', 'parlour'],
    ['oﬃce', 'office'],
    ['مَرحَبًا', 'مرحبا'],
    ['שָׁלוֹם', 'שלום'],
    ['한국', '한국'.normalize('NFD')],
    ['K', 'k'],
  ];
  for (const [one, other] of same) test(`takes ${one} and ${other} for the same`, () => expect(fold(one)).toBe(fold(other)));

  test('keeps what is neither case nor accent', () => {
    expect(fold('C++ 100% a_b \\ … 🎉 ½')).toBe('c++ 100% a_b \\ … 🎉 ½');
    expect(fold('がか')).not.toBe(fold('かか'));
    expect(fold('कि')).not.toBe(fold('का'));
  });

  test('is the same for a folded text', () => fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => expect(fold(fold(text))).toBe(fold(text)))));

  test('leads back to where each unit came from, for any text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' })), (text) => {
        const folded = foldWithOrigins(text);
        expect(folded.text).toBe(fold(text));
        for (let at = 0; at < folded.text.length; at++) {
          expect(folded.starts(at)).toBeLessThan(folded.ends(at));
          if (at > 0) expect(folded.starts(at)).toBeGreaterThanOrEqual(folded.starts(at - 1));
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('words', () => {
  const words = (text: string) => wordsOf(fold(text)).map((word) => word.text);

  test('are runs of letters, marks and digits; everything else parts them', () => {
    expect(words('foo-bar 8.04 a_b it’s http://x.org/?q=1&r')).toEqual(['foo', 'bar', '8', '04', 'a', 'b', 'it', 's', 'http', 'x', 'org', 'q', '1', 'r']);
    expect(words('x² ½ Ⅷ ٣٤ नमस्ते')).toEqual(['x', '٣٤', 'नमस्ते']);
    expect(words('I ❤️ you 1️⃣')).toEqual(['i', 'you', '1']);
  });

  test('are single characters in scripts without spaces', () => {
    expect(words('今日はPC天気')).toEqual(['今', '日', 'は', 'pc', '天', '気']);
    expect(words('ดีครับ ok')).toEqual(['ด', 'ี', 'ค', 'ร', 'ั', 'บ', 'ok']);
  });
});

describe('in Postgres', () => {
  test('signs become the same letters, over every code point', async () => {
    for (let from = 0x20; from < 0x2_0000; from += 0x1000) {
      const points = Array.from({ length: 0x1000 }, (_, at) => from + at).filter((point) => point < 0xd800 || point > 0xdfff);
      const texts = points.map((point) => String.fromCodePoint(point));
      const rows = await database.sql<{ parts: string; folded: string }>`
        select parlour_parts(t) as parts, parlour_fold(t) as folded from unnest(${texts}::text[]) with ordinality as w(t, n) order by n`;
      expect(rows.map((row) => row.parts)).toEqual(rows.map((row) => signsAsLetters(row.folded)));
    }
    const [row] = await database.sql<{ parts: string }>`select parlour_parts(${'It\'s\n\ta :-) 100% C++ \\o/ "…" 👍'}) as parts`;
    expect(row!.parts).toBe(signsAsLetters(fold('It\'s\n\ta :-) 100% C++ \\o/ "…" 👍')));
  });

  test('the migration lists the same accents, scripts and replacements', () => {
    const migration = readFileSync(join(import.meta.dir, '../../drizzle/0000_search_text.sql'), 'utf8');
    expect(migration).toContain(`'[${ACCENTS}]+'`);
    expect(migration).toContain(`'([${SPACELESS}])'`);
    expect(migration).toContain(`'${SINGLE_FROM}', '${SINGLE_TO}'`);
    for (const [from, to] of EXPANDED) expect(migration).toContain(`'${from}', '${to}'`);
  });

  test('every character folds to the same, alone and between others', async () => {
    const different: string[] = [];
    for (const some of batches(characters())) {
      const texts = some.flatMap((character) => [character, `é${character}A`]);
      const rows = await database.sql<{ text: string; folded: string }>`select text, parlour_fold(text) as folded from unnest(${texts}::text[]) as t(text)`;
      for (const { text, folded } of rows) if (folded !== fold(text)) different.push(`${codes(text)}: ${codes(folded)}, here ${codes(fold(text))}`);
    }
    expect(different).toEqual([]);
  }, 60_000);

  test('every character is a letter there when it is one here', async () => {
    const different: string[] = [];
    for (const some of batches(characters())) {
      const rows = await database.sql<{ text: string; lexemes: string }>`
        select text, array_to_string(tsvector_to_array(parlour_tsvector('é' || text || 'z')), ' ') as lexemes from unnest(${some}::text[]) as t(text)`;
      for (const { text, lexemes } of rows) {
        const here = [...new Set(wordsOf(fold(`é${text}z`)).map((word) => lexeme(word.text)))].sort(byBytes).join(' ');
        if (lexemes.split(' ').sort(byBytes).join(' ') !== here) different.push(`${codes(text)}: ${lexemes}, here ${here}`);
      }
    }
    expect(different).toEqual([]);
  }, 60_000);

  test('drawn texts have the same words at the same places, short ones, long ones and those that look like hosts and numbers', async () => {
    const pieces = fc.constantFrom(
      'http://',
      'www.',
      'a.com',
      '/x/y',
      '?q=1',
      '&amp;',
      '<b',
      '-->',
      '1e5',
      '-1.5e-3',
      '1.2.3',
      'a@b.c',
      '~/x',
      'ü',
      '天気',
      'ok',
      ' ',
      ' ',
      '…',
      'é',
      '\u0301',
      '👩‍👩‍👧',
      '\n',
      "'",
      '\\',
      '"',
      ':*',
      '!',
      'Z',
      '7',
    );
    const text = fc.oneof(
      fc.array(pieces, { maxLength: 12 }).map((parts) => parts.join('')),
      fc.string({ unit: 'binary-ascii', maxLength: 60 }),
      fc.string({ unit: 'grapheme', maxLength: 40 }),
      fc.array(pieces, { minLength: 300, maxLength: 500 }).map((parts) => parts.join('')),
      fc.integer({ min: 400, max: 4_000 }).map((length) => 'long'.repeat(length / 4)),
    );
    const drawn = fc.sample(text, { numRuns: 3_000, seed: 7 }).filter((each) => each.isWellFormed() && !each.includes('\0'));
    const neighbours = drawn.map((each) => {
      const words = wordsOf(fold(each)).map((word) => word.text);
      return words.slice(1).flatMap((word, at) => ([...word].length + [...(words[at] ?? '')].length <= 9 ? [`${words[at]} ${word}`] : []));
    });
    const keyed = await database.sql<{ there: number[]; here: number[] }>`
      select parlour_keys(text, '2026-11-21T23:59:59Z') as there, array[${-2 - 2 * 20_778}, ${-1 - 2 * 1_298}]::int[] || parlour_pairs(string_to_array(pairs, chr(31))) as here
      from unnest(${drawn}::text[], ${neighbours.map((pairs) => pairs.join('\x1f'))}::text[]) as t(text, pairs)`;
    expect(keyed.map((row) => row.there)).toEqual(keyed.map((row) => row.here));
    const rows = await database.sql<{ text: string; words: string }>`
      select text, (select string_agg(lexeme || ':' || position, ' ' order by position) from unnest(parlour_tsvector(text)) as l, unnest(l.positions) as position) as words
      from unnest(${drawn}::text[]) as t(text)`;
    expect(rows.length).toBe(drawn.length);
    for (const { text, words } of rows) {
      // A lexeme keeps 255 places; nobody looks for the phrase at the 256th.
      const seen = new Map<string, number>();
      const here = wordsOf(fold(text)).map((word, at) => `${lexeme(word.text)}:${at + 1}`);
      const kept = here.filter((each) => {
        const name = each.slice(0, each.lastIndexOf(':'));
        seen.set(name, (seen.get(name) ?? 0) + 1);
        return (seen.get(name) ?? 0) <= 255;
      });
      if (kept.length === here.length) expect(words ?? '').toBe(here.join(' '));
    }
  }, 60_000);
});

const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));
const codes = (text: string) => [...text].map((character) => character.codePointAt(0)?.toString(16)).join(' ');

/** Every assigned character, but only some of Han and Hangul, whose thousands are alike. */
function* characters(): Generator<string> {
  for (let code = 1; code < 0x110000; code++) {
    const character = String.fromCodePoint(code);
    if (/[\p{Cn}\p{Co}\p{Cs}]/u.test(character) || isNewCapital(code)) continue;
    if (/[\p{Unified_Ideograph}\uac00-\ud7a3\p{Script=Tangut}]/u.test(character) && code % 37 > 0) continue;
    yield character;
  }
}

/** Unicode 17 gave these a lower case; PostgreSQL 18 knows Unicode 16. */
const isNewCapital = (code: number) => code === 0xa7ce || code === 0xa7d2 || code === 0xa7d4 || (code >= 0x16ea0 && code <= 0x16eb8);

function* batches<Item>(items: Iterable<Item>, size = 4_096): Generator<Item[]> {
  let batch: Item[] = [];
  for (const item of items) {
    batch.push(item);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

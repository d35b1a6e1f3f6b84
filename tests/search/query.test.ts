/** What people type, as a query, and where it lights up in a message. */
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { highlights } from '../../src/messages/highlight.ts';
import { likeFolded, likeParts, parseSearch, partOf, positiveTerms, toTsquery } from '../../src/messages/search.ts';
import { newestDays, rowsOfADay } from '../../src/messages/search-calendar.ts';
import { dayKeys, dayOf, sieveOf } from '../../src/messages/search-keys.ts';
import { waysTo } from '../../src/messages/search-plan.ts';

const tsquery = (search: string) => {
  const query = parseSearch(search);
  return query && toTsquery(query);
};

describe('a search', () => {
  const read: [string, string | null][] = [
    ['hello', "('hello':*)".replace(/^/, '(').replace(/$/, ')')],
    ['hello world', "(('hello')) & (('world':*))"],
    ['a or b', "(('a') | ('b':*))"],
    ['a OR b c', "(('a') | ('b')) & (('c':*))"],
    ['a b or c', "(('a')) & (('b') | ('c':*))"],
    ['a or b or c', "(('a') | ('b') | ('c':*))"],
    ['or', "(('or':*))"],
    ['or a', "(('or')) & (('a':*))"],
    ['a or', "(('a')) & (('or':*))"],
    ['or or a', "(('or') | ('a':*))"],
    ['a "or" b', "(('a')) & (('or')) & (('b':*))"],
    ['a or !!!', "(('a')) & (('or':*))"],
    ['"two words"', "(('two' <-> 'words'))"],
    ['two-words', "(('two' <-> 'words':*))"],
    ['8.04', "(('é' <-> 'àä':*))"],
    ['"two words" -"three more words" -x', "(('two' <-> 'words')) & (!('three' <-> 'more' <-> 'words')) & (!('x'))"],
    ['hel -world', "(('hel')) & (!('world'))"],
    ['"unclosed phrase', "(('unclosed')) & (('phrase':*))"],
    ['a"b c', "(('a' <-> 'b')) & (('c':*))"],
    ['"a b"c', "(('a' <-> 'b')) & (('c':*))"],
    ['天気', "(('天' <-> '気'))"],
    ['天気pc', "(('天' <-> '気' <-> 'pc':*))"],
    ['to be or not to be', "(('to')) & (('be') | ('not')) & (('to')) & (('be':*))"],
    ['a or -b', "(('a') | !('b'))"],
    ['foo !!! ""', "(('foo':*))"],
    ['CAFÉ', "(('cafe':*))"],
    ['foo -foo', null],
    ['"foo bar" x -foo-bar', null],
    ['foo or x -foo', "(('foo') | ('x')) & (!('foo'))"],
    ['-foo foo', "(!('foo')) & (('foo':*))"],
    ['-x', null],
    ['-x or -y', null],
    ['  ', null],
    ['!"§$%&/()', null],
    ['""', null],
    ['\u0301', null],
  ];
  for (const [search, query] of read) test(`${JSON.stringify(search)} is ${query ?? 'nothing'}`, () => expect(tsquery(search)).toBe(query));

  test('asks the index for no more than what every match has', () => {
    const sieve = (search: string) => {
      const { words, pairs, exact } = sieveOf(parseSearch(search)!);
      return { words, pairs, exact };
    };
    expect(sieve('hello world')).toEqual({ words: "'hello' & 'world':*", pairs: [], exact: true });
    expect(sieve('hello hello -x')).toEqual({ words: "'hello' & (!('x'))", pairs: [], exact: true });
    expect(sieve('"the the"')).toEqual({ words: null, pairs: ['the the'], exact: false });
    expect(sieve('"in kubuntu the end"')).toEqual({ words: null, pairs: ['in kubuntu', 'the end'], exact: false });
    expect(sieve('"in edubuntu the end"')).toEqual({ words: "'in' & 'edubuntu'", pairs: ['the end'], exact: false });
    expect(sieve('to-be')).toEqual({ words: "'to' & 'be':*", pairs: [], exact: false });
    expect(sieve('天気')).toEqual({ words: null, pairs: ['天 気'], exact: false });
    expect(sieve('"to be" or not -"the the" a')).toEqual({ words: "(('to' & 'be') | ('not')) & 'a':*", pairs: [], exact: false });
    expect(sieve('a or -"b c"')).toEqual({ words: null, pairs: [], exact: false });
  });

  test('covers days by keys, sixteen at a time', () => {
    expect(dayKeys(20_000, 20_002)).toEqual([-40_002, -40_004, -40_006]);
    expect(dayKeys(15, 32)).toEqual([-32, -3, -66]);
    expect(dayKeys(0, 20_000)).toBeNull();
    expect(dayOf('1970-01-17T00:00:00Z')).toBe(16);
    expect(dayOf('1066-10-14T00:00:00Z')).toBe(0);
  });

  test('as a literal part escapes what LIKE would read', () => {
    expect(likeFolded(partOf('100%_\\Ä')!)).toBe('%100\\%\\_\\\\a%');
    expect(likeParts(partOf('a_b :-)')!)).toBe('%aābàòîê%');
    expect(partOf('\u0301\u0301\u0301')).toBeNull();
  });
});

describe('a highlight', () => {
  const light = (content: string, search?: string, contains?: string) => {
    const query = search === undefined ? [] : parseSearch(search);
    return highlights(content, query ? positiveTerms(query) : [], contains).map(([start, end]) => content.slice(start, end));
  };

  const shown: [string, string | undefined, string | undefined, string[]][] = [
    ['hello Hello hell', 'hel', undefined, ['hel', 'Hel', 'hel']],
    ['hello hell', '"hell"', undefined, ['hell']],
    ['the Café, the cafe\u0301s', 'cafe', undefined, ['Café', 'cafe\u0301']],
    ['foo - bar, foo bar baz', 'foo-ba', undefined, ['foo - ba', 'foo ba']],
    ['one two one', 'one or two -three', undefined, ['one', 'two', 'one']],
    ['今日は良い天気です', '天気', undefined, ['天気']],
    ['天天', '天', undefined, ['天', '天']],
    ['foo bar', 'foo "foo bar"', undefined, ['foo bar']],
    ['hello', 'hello hel', undefined, ['hello']],
    ['Straße', 'stras', undefined, ['Straß']],
    ['hello yellow', undefined, 'ell', ['ell', 'ell']],
    ['aaaaa', undefined, 'aaa', ['aaa']],
    ['C++20 and c++20', undefined, 'C++20', ['C++20', 'c++20']],
    ['a👩‍👩‍👧b👩', undefined, '👩', ['👩‍👩‍👧', '👩']],
    ['שָׁלוֹם עולם', 'שלום', undefined, ['שָׁלוֹם']],
    ['مَرحَبًا يا', 'مرحبا', undefined, ['مَرحَبًا']],
    ['wello hello', 'hello', 'ello', ['ello', 'hello']],
    ['नमस्ते', undefined, 'नम', ['नम']],
  ];
  for (const [content, search, contains, parts] of shown)
    test(`of ${JSON.stringify(search ?? contains)} in ${JSON.stringify(content)} shows ${JSON.stringify(parts)}`, () =>
      expect(light(content, search, contains)).toEqual(parts));

  test('lies inside the text, ascending and apart, and never ends inside a grapheme, whatever is searched', () => {
    const text = fc
      .array(fc.constantFrom('a', 'b', 'É', 'e\u0301', 'ß', ' ', '天', '👩‍👩‍👧', '👍🏽', 'ﬃ', 'ี', 'ด', '.', '한', 'か\u3099'), { maxLength: 30 })
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, text, text, (content, search, contains) => {
        const query = parseSearch(search);
        const ends = new Set([...new Intl.Segmenter(undefined, { granularity: 'grapheme' }).segment(content)].map((part) => part.index + part.segment.length));
        let free = 0;
        for (const [start, end] of highlights(content, query ? positiveTerms(query) : [], contains)) {
          expect(start).toBeGreaterThanOrEqual(free);
          expect(end).toBeGreaterThan(start);
          expect(ends.has(end)).toBe(true);
          expect(content.slice(start, end).isWellFormed()).toBe(true);
          free = end;
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('the way to the newest matches', () => {
  const known = {
    total: 1_000_000,
    inTime: 1_000_000,
    matching: 100_000,
    bySender: null,
    visible: 1_000_000,
    rooms: 500,
    oneRoom: false,
    byTrigrams: false,
    byBeginning: false,
    dayRows: 1_400,
  };
  const first = (more: Partial<typeof known>) => waysTo(26, { ...known, ...more })[0]?.way;

  test('is time for a word that is everywhere', () => expect(first({})).toBe('time'));
  test('is the newest days of the index for words that are in every hundredth message, then all', () =>
    expect(waysTo(500, { ...known, matching: 10_000 })).toEqual([
      { way: 'index', rows: 75_000 },
      { way: 'index', rows: null },
    ]));
  test('is no part of a day', () => expect(waysTo(500, { ...known, matching: 10_000, dayRows: 300_000 })[0]).toEqual({ way: 'index', rows: 300_000 }));
  test('knows the newest days though years of silence lie between them', () => {
    const day = 86_400_000;
    // A hundredth each: ninety of them within ninety days, ten after 1,000 days of silence.
    const bounds = [...Array.from({ length: 91 }, (_, at) => (10_000 + at) * day), ...Array.from({ length: 10 }, (_, at) => (11_090 + at) * day)];
    const calendar = { bounds, total: 1_000_000 };
    const all = { from: 10_000, to: 11_099 };
    expect(newestDays(calendar, all, 50_000)).toEqual({ from: 11_094, to: 11_099 });
    expect(newestDays(calendar, all, 200_000)).toEqual({ from: 10_080, to: 11_099 });
    expect(newestDays(calendar, all, 600_000)).toBeUndefined();
    expect(newestDays(calendar, { from: 10_000, to: 10_049 }, 100_000)).toEqual({ from: 10_040, to: 10_049 });
    expect(newestDays({ bounds: [], total: 10 }, all, 1)).toBeUndefined();
    expect(rowsOfADay(calendar, all)).toBe(10_000);
  });
  test('is the index for a rare one', () => expect(first({ matching: 40 })).toBe('index'));
  test('is the rooms for somebody who is in few small ones', () => expect(first({ visible: 90, rooms: 3 })).toBe('rooms'));
  test('is the room for a common word in a large one', () => expect(first({ visible: 200_000, rooms: 1, oneRoom: true })).toBe('room'));
  test('is the index for a part that a walk would have to look for longer than twice what the index costs', () =>
    expect(waysTo(26, { ...known, matching: 2_200, byTrigrams: true })).toEqual([{ way: 'index', rows: null }]));
  test('goes through a small room to its end, and asks nothing else after it', () =>
    expect(waysTo(26, { ...known, visible: 60, rooms: 1, oneRoom: true })).toEqual([{ way: 'room', rows: null }]));
  test('always ends with one that reads all', () => {
    const share = fc.integer({ min: 0, max: 1_000_000 });
    fc.assert(
      fc.property(
        share,
        share,
        share,
        fc.option(share),
        fc.option(share),
        fc.boolean(),
        fc.integer({ min: 1, max: 2_000 }),
        (total, inTime, visible, matching, bySender, oneRoom, wanted) => {
          const steps = waysTo(wanted, {
            total,
            inTime,
            visible,
            matching,
            bySender,
            oneRoom,
            rooms: oneRoom ? 1 : 10,
            byTrigrams: total % 2 === 0,
            byBeginning: total % 3 === 0,
            dayRows: visible % 2 ? visible / 100 : null,
          });
          expect(steps.at(-1)?.rows).toBeNull();
          expect(steps.slice(0, -1).every((step) => step.rows !== null)).toBe(true);
        },
      ),
    );
  });
});

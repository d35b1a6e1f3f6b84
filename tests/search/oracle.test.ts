/** 300 drawn searches over 20,000 real messages (ORACLE_MESSAGES=50000 for more): results, order, highlights and page walks are those of the oracle, exactly. */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { parseSearch, partOf, toTsquery } from '../../src/messages/search.ts';
import { dayOf, sieveOf } from '../../src/messages/search-keys.ts';
import type { Way } from '../../src/messages/search-plan.ts';
import { createSearchQueries, type Wanted } from '../../src/messages/search-queries.ts';
import { createSearch } from '../../src/messages/search-service.ts';
import type { FindMessages, FoundMessage } from '../../src/messages/model.ts';
import { freshOpenDatabase } from '../support/postgres.ts';
import { fillLibrary, type Library } from './library.ts';
import { answer, type Question } from './oracle.ts';

const SIZE = Number(process.env.ORACLE_MESSAGES ?? 20_000);
const QUERIES = 300;

let database: Awaited<ReturnType<typeof freshOpenDatabase>>;
let library: Library;
let search: ReturnType<typeof createSearch>;

beforeAll(async () => {
  database = await freshOpenDatabase({ deadlineMs: 60_000 });
  library = await fillLibrary(database, SIZE);
  search = createSearch({ queries: createSearchQueries(database) });
}, 120_000);
afterAll(() => database[Symbol.asyncDispose]());

const as = (userId: string) => ({ userId, sessionId: userId, role: 'user' as const });

/** All pages, or the first `most` items. */
async function walk(userId: string, query: FindMessages, most = Number.POSITIVE_INFINITY): Promise<{ items: FoundMessage[]; whole: boolean }> {
  const items: FoundMessage[] = [];
  let cursor: string | undefined;
  do {
    const page = await search.find(as(userId), { ...query, cursor });
    items.push(...page.items);
    cursor = page.nextCursor ?? undefined;
  } while (cursor && items.length < most);
  return { items, whole: cursor === undefined };
}

/** A small generator with a seed: the same questions every time. */
function draws(seed: number) {
  let state = seed;
  const next = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const below = (bound: number) => Math.floor(next() * bound);
  return { chance: (share: number) => next() < share, below, of: <T>(list: readonly T[]): T => list[below(list.length)]! };
}

function drawn(seed: number): { reader: Library['everywhere']; question: Omit<Question, 'rooms'>; limit: number } {
  const draw = draws(seed * 7_919);
  const text = () => draw.of(library.messages).text;
  const word = () => draw.of(text().split(/\s+/).filter(Boolean).concat('the', 'ubuntu', '天気', 'café')).replaceAll('"', '');
  const phrase = () => {
    const words = text().split(/\s+/);
    const at = draw.below(Math.max(1, words.length - 1));
    return `"${words
      .slice(at, at + 2 + draw.below(2))
      .join(' ')
      .replaceAll('"', '')}"`;
  };
  const term = () => (draw.chance(0.2) ? phrase() : draw.chance(0.3) ? word().slice(0, 1 + draw.below(4)) : word());
  const terms = () => {
    const parts = [term()];
    while (draw.chance(0.4) && parts.length < 4) parts.push(...(draw.chance(0.4) ? [draw.of(['or', 'OR'])] : []), draw.chance(0.2) ? `-${term()}` : term());
    return [...parts.join(' ')].slice(0, 200).join('');
  };
  const part = () => {
    const characters = [...text()];
    const at = draw.below(Math.max(1, characters.length - 3));
    const some = characters.slice(at, at + 3 + draw.below(8)).join('');
    return [...some].length >= 3 ? some : 'the';
  };
  const question: Omit<Question, 'rooms'> = {};
  if (draw.chance(0.8)) question.search = terms();
  if (draw.chance(question.search === undefined ? 0.8 : 0.1)) question.contains = part();
  if (draw.chance(0.2)) question.room = draw.of(library.rooms);
  if (draw.chance(0.15)) question.user = draw.of(library.people);
  if (draw.chance(0.15)) question.since = draw.of(library.messages).at;
  if (draw.chance(0.15)) question.until = draw.of(library.messages).at;
  const reader = draw.chance(0.6) ? library.everywhere : draw.chance(0.5) ? library.hall : library.somewhere;
  return { reader, question, limit: 1 + draw.below(100) };
}

test(`${QUERIES} drawn questions are answered as the oracle answers them`, async () => {
  let filled = 0;
  for (let seed = 1; seed <= QUERIES; seed++) {
    const { reader, question, limit } = drawn(seed);
    const expected = answer(library.messages, { ...question, rooms: reader.rooms });
    const { items, whole } = await walk(reader.id, { ...question, limit }, 150);
    const told = items.map(({ id, highlights }) => (highlights ? { id, highlights } : { id }));
    // The question stands in the comparison, so that a difference names it.
    expect({ seed, question, whole, found: told } as unknown).toEqual({
      seed,
      question,
      whole: expected.length <= items.length,
      found: expected.slice(0, items.length),
    });
    if (!whole) expect(items.length).toBeGreaterThanOrEqual(150);
    if (expected.length > 0) filled++;
  }
  expect(filled).toBeGreaterThan(QUERIES / 3);
}, 120_000);

test('every way to the newest matches leads to the same ones', async () => {
  const queries = createSearchQueries(database);
  const anywhere = { below: null, floor: null };
  const byId = new Map(library.messages.map((message) => [message.id, message]));
  let sliced = 0;
  for (let seed = 1; seed <= 60; seed++) {
    const { reader, question } = drawn(seed);
    const query = question.search === undefined ? undefined : parseSearch(question.search);
    const part = question.contains === undefined ? undefined : partOf(question.contains);
    if (query === null || part === null) continue;
    const wanted: Wanted = {
      callerId: reader.id,
      room: question.room ?? null,
      sender: question.user ?? null,
      words: query ? toTsquery(query) : null,
      sieve: query ? sieveOf(query) : null,
      part: part ?? null,
      since: question.since ?? null,
      until: question.until ?? null,
    };
    const ways: Way[] = ['time', 'rooms'];
    if (wanted.room) ways.push('room');
    if (wanted.sender) ways.push('sender');
    if (wanted.words || wanted.part) ways.push('index');
    const all = answer(library.messages, { ...question, rooms: reader.rooms });
    const expected = all.slice(0, 30);
    for (const way of ways) {
      const rows = await queries.newest(wanted, anywhere, { way, rows: null }, 30);
      expect({ seed, question, way, found: rows.map((row) => row.id) } as unknown).toEqual({ seed, question, way, found: expected.map((each) => each.id) });
    }
    // From the day of the tenth match on: those of these days, and no other.
    const tenth = expected[9] && byId.get(expected[9].id);
    if (wanted.words && wanted.part === null && tenth) {
      const days = { from: dayOf(tenth.at), to: dayOf(tenth.at) + 60 };
      const rows = await queries.newest(wanted, anywhere, { way: 'index', rows: 1, days }, 30);
      const inDays = all.filter(({ id }) => dayOf(byId.get(id)!.at) >= days.from && dayOf(byId.get(id)!.at) <= days.to).slice(0, 30);
      expect({ seed, question, found: rows.map((row) => row.id) } as unknown).toEqual({ seed, question, found: inDays.map((each) => each.id) });
      sliced++;
    }
  }
  expect(sliced).toBeGreaterThan(10);
}, 60_000);

test('a walk by relevance finds the same messages, each once, best first and then newest', async () => {
  for (const words of ['ubuntu', 'the', 'install or reinstall', '"how do i"', '"the the"', '"in the end" -i', '天気', 'package -ubuntu', 'kernel mod']) {
    const expected = answer(library.messages, { search: words, rooms: library.everywhere.rooms });
    const { items } = await walk(library.everywhere.id, { search: words, sort: 'relevance', limit: 100 });
    expect(items.map((item) => item.id).sort()).toEqual(expected.map((item) => item.id).sort());
    const lights = new Map(expected.map(({ id, highlights }) => [id, highlights]));
    for (const { id, highlights } of items) expect(highlights).toEqual(lights.get(id)!);
  }
}, 60_000);

test('relevance is how often the words occur, over the logarithm of the length', async () => {
  const byId = new Map(library.messages.map((message) => [message.id, message]));
  const { items } = await walk(library.somewhere.id, { search: '"naive"', sort: 'relevance', limit: 7 });
  const { items: rare } = await walk(library.everywhere.id, { search: '"sound"', sort: 'relevance', limit: 100 });
  expect(rare.length).toBeGreaterThan(100);
  for (const list of [items, rare]) {
    const keys = list.map((item) => {
      const tokens = byId.get(item.id)!.tokens;
      const places = tokens.filter((token) => token.text === (list === rare ? 'sound' : 'naive')).length;
      let score = 0;
      for (let at = 1; at <= places; at++) score += 0.1 / (at * at) / 1.64493406685;
      return { score: score / Math.log2(tokens.length + 1), at: item.createdAt, id: item.id };
    });
    for (let at = 1; at < keys.length; at++) {
      const [better, worse] = [keys[at - 1]!, keys[at]!];
      if (Math.abs(better.score - worse.score) > 1e-6) expect(better.score).toBeGreaterThan(worse.score);
      else expect([better.at, better.id] >= [worse.at, worse.id]).toBe(true);
    }
  }
}, 60_000);

test('somebody who is in no room finds nothing, and a room he is not in holds nothing for him', async () => {
  expect((await search.find(as(library.nowhere.id), { search: 'ubuntu' })).items).toEqual([]);
  expect((await search.find(as(library.everywhere.id), { search: 'ubuntu', room: library.rooms[0] })).items.length).toBeGreaterThan(0);
  expect((await search.find(as(library.somewhere.id), { search: 'ubuntu', room: library.rooms[0] })).items).toEqual([]);
  expect((await search.find(as(library.everywhere.id), { room: Bun.randomUUIDv7() })).items).toEqual([]);
});

test('what was deleted or edited away is not found, what was edited in is', async () => {
  const message = library.messages.at(-1)!;
  await database.sql`update messages set content = 'now it says zanzibar', edited_at = now(), updated_at = now() where id = ${message.id}`;
  expect((await search.find(as(library.everywhere.id), { search: 'zanzibar' })).items.map((item) => item.id)).toEqual([message.id]);
  await database.sql`update messages set content = '', deleted_at = now(), updated_at = now() where id = ${message.id}`;
  expect((await search.find(as(library.everywhere.id), { search: 'zanzibar' })).items).toEqual([]);
  const { items } = await search.find(as(library.everywhere.id), { limit: 100, since: message.at });
  expect(items.map((item) => item.id)).not.toContain(message.id);
});

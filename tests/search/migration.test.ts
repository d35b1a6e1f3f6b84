/** A database that was filled before the search index held pairs and days is migrated with its rows in it, and answers as before. */
import { expect, test } from 'bun:test';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrate } from '../../src/db/migrate.ts';
import { createSearchQueries } from '../../src/messages/search-queries.ts';
import { createSearch } from '../../src/messages/search-service.ts';
import { createRoomQueries } from '../../src/rooms/queries.ts';
import { freshOpenDatabase } from '../support/postgres.ts';
import { fillLibrary } from './library.ts';

const NEWEST = join(import.meta.dir, '../../drizzle');

test('messages of an earlier version are found by phrases, in days and as unread after the migration', async () => {
  await using database = await freshOpenDatabase({ empty: true, deadlineMs: 60_000 });
  const folder = await mkdtemp(join(tmpdir(), 'parlour-earlier-'));
  try {
    await cp(NEWEST, folder, { recursive: true });
    const file = join(folder, 'meta/_journal.json');
    const journal = JSON.parse(await readFile(file, 'utf8')) as { entries: { tag: string }[] };
    await writeFile(file, JSON.stringify({ entries: journal.entries.filter(({ tag }) => tag < '0062') }));
    await migrate(database, folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const library = await fillLibrary(database, 3_000);
  const search = createSearch({ queries: createSearchQueries(database) });
  const words = database.sql<{ words: string }>`select string_agg(search::text, '|' order by id) as words from messages`;
  const [before] = await words;

  expect(await migrate(database)).toContain('0062_search_keys');
  const [after] = await database.sql<{ words: string; anew: string }>`
    select string_agg(search::text, '|' order by id) as words, string_agg(parlour_tsvector(content)::text, '|' order by id) as anew from messages`;
  expect(after!.words).toBe(before!.words);
  expect(after!.anew).toBe(before!.words);

  const caller = { userId: library.everywhere.id, sessionId: library.everywhere.id, role: 'user' as const };
  for (const [phrase, inText] of [
    ['"to be or not to be"', /\bto be or not to be\b/i],
    ['"天気"', /天気/],
    ['"how do i"', /\bhow\W+do\W+i\b/i],
  ] as const) {
    const { items } = await search.find(caller, { search: phrase, limit: 100 });
    const expected = library.messages.filter(({ text }) => inText.test(text)).length;
    expect(expected).toBeGreaterThan(0);
    expect(items.length).toBe(Math.min(100, expected));
  }
  const [room] = await createRoomQueries(database).list(library.everywhere.id, { kind: 'mine' }, undefined, undefined, 1);
  expect(room!.me!.unread).toBe(Math.min(100, room!.messageCount));
}, 60_000);

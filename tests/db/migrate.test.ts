import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '../../src/db/client.ts';
import { migrate, migrationNames, pendingMigrations } from '../../src/db/migrate.ts';
import { freshDatabase, freshOpenDatabase } from '../support/postgres.ts';

let folder: string;
const write = async (files: Record<string, string>): Promise<void> => {
  await rm(join(folder), { recursive: true, force: true });
  await mkdir(join(folder, 'meta'), { recursive: true });
  const entries = Object.keys(files).map((tag, idx) => ({ idx, version: '7', when: idx, tag, breakpoints: true }));
  await writeFile(join(folder, 'meta/_journal.json'), JSON.stringify({ entries }));
  for (const [tag, text] of Object.entries(files)) await writeFile(join(folder, `${tag}.sql`), text);
};
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parlour-migrations-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const TABLES = 'create table a (n int);\n--> statement-breakpoint\ncreate index a_n on a (n);';
const FUNCTION = 'create function twice(n int) returns int language plpgsql as $$ begin return n * 2; end $$;';

describe('migrating', () => {
  test('applies what is missing, in order, and then nothing', async () => {
    await using database = await freshOpenDatabase({ empty: true });
    await write({ '0000_tables': TABLES });
    expect(await pendingMigrations(database, folder)).toEqual(['0000_tables']);
    expect(await migrate(database, folder)).toEqual(['0000_tables']);
    await write({ '0000_tables': TABLES, '0001_function': FUNCTION });
    expect(await pendingMigrations(database, folder)).toEqual(['0001_function']);
    expect(await migrate(database, folder)).toEqual(['0001_function']);
    expect(await migrate(database, folder)).toEqual([]);
    expect(await pendingMigrations(database, folder)).toEqual([]);
    expect((await database.sql`select twice(21) as n`)[0].n).toBe(42);
  });

  test('by ten nodes at once applies each migration once, and all come up', async () => {
    await using fresh = await freshDatabase({ empty: true });
    await write({ '0000_tables': TABLES, '0001_slow': `select pg_sleep(0.3); ${FUNCTION}`, '0002_rows': 'insert into a values (1)' });
    const nodes = Array.from({ length: 10 }, () => openDatabase({ url: fresh.url, pool: 1, deadlineMs: 1_000 }));
    const applied = await Promise.all(nodes.map((node) => migrate(node, folder)));
    expect(applied.flat().sort()).toEqual(['0000_tables', '0001_slow', '0002_rows']);
    expect((await nodes[0]!.sql<{ n: number }>`select count(*) as n from a`)[0]?.n).toBe(1);
    await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()));
  });

  test('waits longer than a query may take', async () => {
    await using fresh = await freshDatabase({ empty: true });
    await write({ '0000_slow': 'select pg_sleep(1.2)' });
    await using first = openDatabase({ url: fresh.url, pool: 1, deadlineMs: 500 });
    await using second = openDatabase({ url: fresh.url, pool: 1, deadlineMs: 500 });
    const applied = await Promise.all([migrate(first, folder), migrate(second, folder)]);
    expect(applied.flat()).toEqual(['0000_slow']);
  });

  test('undoes a migration that breaks halfway, and says which one', async () => {
    await using database = await freshOpenDatabase({ empty: true });
    await write({ '0000_tables': TABLES, '0001_broken': 'create table b (n int);\n--> statement-breakpoint\nselect nonsense();' });
    expect(migrate(database, folder)).rejects.toThrow('Migration 0001_broken: function nonsense() does not exist');
    await migrate(database, folder).catch(() => {});
    expect(await pendingMigrations(database, folder)).toEqual(['0001_broken']);
    expect((await database.sql`select to_regclass('b') as b, to_regclass('a')::text as a`)[0]).toEqual({ b: null, a: 'a' });
    await write({ '0000_tables': TABLES, '0001_broken': 'create table b (n int)' });
    expect(await migrate(database, folder)).toEqual(['0001_broken']);
  });

  test('this version, on an empty database: every file is in the journal and every name is applied', async () => {
    await using database = await freshOpenDatabase({ empty: true, deadlineMs: 30_000 });
    const files = [...new Bun.Glob('*.sql').scanSync(join(import.meta.dir, '../../drizzle'))].map((file) => file.replace(/\.sql$/, '')).sort();
    expect((await migrationNames()).toSorted()).toEqual(files);
    expect(await migrate(database)).toEqual(await migrationNames());
    expect(await pendingMigrations(database)).toEqual([]);
  });
});

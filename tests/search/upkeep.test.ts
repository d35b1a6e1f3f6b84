/** The merging of the search indexes' pending lists: behind writes, never while idle, on one node at a time, over restarts of Postgres. */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { openDatabase } from '../../src/db/client.ts';
import { migrate } from '../../src/db/migrate.ts';
import { createLog } from '../../src/lib/log.ts';
import { createMessageQueries } from '../../src/messages/queries.ts';
import { PAUSE_MS, startSearchUpkeep } from '../../src/messages/search-upkeep.ts';
import { freshOpenDatabase, ownPostgres } from '../support/postgres.ts';
import { until } from '../support/wait.ts';
import { aDraft, aPerson, aRoom } from '../support/world.ts';

type Db = Awaited<ReturnType<typeof freshOpenDatabase>>;

const silent = createLog({ level: 'silent' });
let db: Db;
beforeAll(async () => {
  db = await freshOpenDatabase();
});
afterAll(() => db[Symbol.asyncDispose]());

/** Twenty messages, each in the pending lists of both indexes until somebody merges them. */
async function write(to: Pick<Db, 'sql'>): Promise<void> {
  const person = await aPerson(to);
  const room = await aRoom(to, person);
  const drafts = Array.from({ length: 20 }, (_, at) => aDraft(room, person, `message number ${at} about wombats`));
  await createMessageQueries(to as Db).append(drafts, false);
}

/** Pages on the pending lists, by pgstattuple's own reading of the indexes: looking merges nothing. */
async function pending(of: Pick<Db, 'sql'>): Promise<number> {
  await of.sql`create extension if not exists pgstattuple`;
  const [row] = await of.sql<{ pages: number }>`
    select (pgstatginindex('messages_search')).pending_pages + (pgstatginindex('messages_contains')).pending_pages as pages`;
  return row!.pages;
}

/** When the upkeep's connection last asked for a merge. */
async function lastMerge(of: Pick<Db, 'sql'>): Promise<string | undefined> {
  const rows = await of.sql<{ at: string }>`
    select query_start as at from pg_stat_activity where datname = current_database() and query like '%gin_clean_pending_list%' and pid <> pg_backend_pid()`;
  return rows[0]?.at;
}

test('what was written is merged soon, and nothing is asked while nothing is written', async () => {
  await write(db);
  expect(await pending(db)).toBeGreaterThan(0);
  await using upkeep = startSearchUpkeep({ db, log: silent });
  await until('the pages left by an earlier process are merged', async () => (await pending(db)) === 0);

  await write(db);
  expect(await pending(db)).toBeGreaterThan(0);
  upkeep.wrote();
  await until('new pages are merged', async () => (await pending(db)) === 0);

  const asked = await lastMerge(db);
  expect(asked).toBeDefined();
  await Bun.sleep(4 * PAUSE_MS);
  expect(await lastMerge(db)).toBe(asked);
});

test('one node merges at a time; the other comes back to it', async () => {
  await using upkeep = startSearchUpkeep({ db, log: silent });
  await until('idle', async () => (await pending(db)) === 0);
  const other = db.alone();
  try {
    await other`select pg_advisory_lock(7275687)`;
    await write(db);
    const before = await lastMerge(db);
    upkeep.wrote();
    await until('it asked', async () => (await lastMerge(db)) !== before);
    expect(await pending(db)).toBeGreaterThan(0);
    await other`select pg_advisory_unlock(7275687)`;
    await until('its turn came', async () => (await pending(db)) === 0);
  } finally {
    await other.end({ timeout: 1 });
  }
});

test('it goes on after a crash of Postgres, and closes beside one that is frozen', async () => {
  await using postgres = await ownPostgres();
  await using own = openDatabase({ url: postgres.url, pool: 2, deadlineMs: 3_000 });
  await migrate(own);
  {
    await using upkeep = startSearchUpkeep({ db: own, log: silent });
    await write(own);
    upkeep.wrote();
    await until('merged before the crash', async () => (await pending(own)) === 0);
    await postgres.stop('kill');
    upkeep.wrote();
    await Bun.sleep(2 * PAUSE_MS); // it meets nobody
    await postgres.start();
    await until('Postgres answers', () => own.ping().then(Boolean, () => false), 10_000);
    await write(own);
    upkeep.wrote();
    await until('merged after the crash', async () => (await pending(own)) === 0, 10_000);
  }
  const upkeep = startSearchUpkeep({ db: own, log: silent });
  await until('open', () => lastMerge(own));
  await postgres.freeze();
  upkeep.wrote();
  await Bun.sleep(2 * PAUSE_MS); // its question is in flight
  const from = performance.now();
  await upkeep[Symbol.asyncDispose]();
  expect(performance.now() - from).toBeLessThan(2_500);
  await postgres.thaw();
}, 30_000);

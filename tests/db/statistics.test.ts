/** What the server has Postgres look at by itself, on a real one whose autovacuum stays away. */
import { expect, test } from 'bun:test';
import { startStatistics } from '../../src/db/statistics.ts';
import { createLog } from '../../src/lib/log.ts';
import { createMessageQueries } from '../../src/messages/queries.ts';
import { createSearchQueries } from '../../src/messages/search-queries.ts';
import { freshOpenDatabase } from '../support/postgres.ts';
import { aDraft, aPerson, aRoom } from '../support/world.ts';

const BATCH = 250;

test('the times of messages are looked at again when a tenth is new, and only they', async () => {
  await using db = await freshOpenDatabase({ pool: 1, deadlineMs: 10_000 });
  await db.sql.unsafe('alter table messages set (autovacuum_enabled = false)');
  const ann = await aPerson(db, 'ann');
  const roomId = await aRoom(db, ann);
  const { append } = createMessageQueries(db);
  const { bounds } = createSearchQueries(db);
  // Each at a time of its own: what many messages share is no part of the histogram.
  const BEGIN = Date.parse('2026-01-01T00:00:00Z');
  let sent = 0;
  const at = () => new Date(BEGIN + sent * 60_000);
  const send = async (batches: number) => {
    for (let batch = 0; batch < batches; batch++)
      await append(
        Array.from({ length: BATCH }, () => aDraft(roomId, ann, `number ${++sent}`, { at: at().toISOString() })),
        false,
      );
    await db.sql`select pg_stat_force_next_flush()`;
  };
  const newest = async () => Number((await bounds())?.at(-1) ?? 0);
  const unlooked = async () => (await db.sql<{ n: number }>`select n_mod_since_analyze::int as n from pg_stat_user_tables where relname = 'messages'`)[0]!.n;
  const until = async (right: () => Promise<boolean>) => {
    for (const end = performance.now() + 15_000; !(await right()); await Bun.sleep(100)) if (performance.now() > end) return false;
    return true;
  };

  await send(24);
  await db.sql.unsafe('analyze');
  const first = await newest();
  expect(first).toBe(at().getTime());
  await using _looking = startStatistics({ db, log: createLog({ level: 'silent' }) });
  // Its first look: what is there is what it goes by.
  expect(
    await until(
      async () =>
        (
          await db.sql`select 1 from pg_stat_activity where datname = current_database() and query like '%freshen_statistics() as%' and pid <> pg_backend_pid() and state = 'idle'`
        ).length > 0,
    ),
  ).toBe(true);

  await send(1);
  await Bun.sleep(3_000);
  expect(await newest()).toBe(first);

  await send(3);
  expect(await until(async () => (await newest()) > first)).toBe(true);
  // A look at all columns would have reset this; it is autovacuum's, after every half.
  expect(await unlooked()).toBe(4 * BATCH);
}, 60_000);

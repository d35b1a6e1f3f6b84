/**
 * A machine whose clock is stepped: its servers (stepped.ts is loaded into them) and its Postgres, where now() and clock_timestamp()
 * of a schema of ours stand before the system's. Redis keeps the time.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '../../src/db/client.ts';
import { migrate } from '../../src/db/migrate.ts';
import { type FreshDatabase, freshDatabase } from './postgres.ts';
import { until } from './wait.ts';

export type Clock = {
  /** Migrated; its clock goes with that of the servers. */
  database: FreshDatabase;
  /** For the servers' environment. */
  env: Record<string, string>;
  /** Puts everything this far from the true time. */
  step: (milliseconds: number, servers?: readonly { pid: number }[]) => Promise<void>;
  [Symbol.asyncDispose]: () => Promise<void>;
};

export async function openClock(): Promise<Clock> {
  const folder = mkdtempSync(join(tmpdir(), 'parlour-clock-'));
  const file = join(folder, 'milliseconds');
  const database = await freshDatabase({ empty: true });
  const db = openDatabase({ url: database.url, pool: 1, deadlineMs: 30_000 });
  await db.sql.unsafe(`do $$ begin
    create schema stepped;
    create table stepped.clock (by interval not null);
    insert into stepped.clock values ('0');
    create function stepped.clock_timestamp() returns timestamptz language sql volatile as 'select pg_catalog.clock_timestamp() + c.by from stepped.clock c';
    create function stepped.now() returns timestamptz language sql stable as 'select pg_catalog.now() + c.by from stepped.clock c';
    execute format('alter database %I set search_path = public, stepped, pg_catalog', current_database());
  end $$`);
  {
    // On connections of their own, so that defaults of columns are made of these functions as well.
    await using fresh = openDatabase({ url: database.url, pool: 1, deadlineMs: 30_000 });
    await migrate(fresh);
  }
  return {
    database,
    env: { BUN_OPTIONS: `--preload=${join(import.meta.dir, 'stepped.ts')}`, STEPPED_CLOCK: file },
    async step(milliseconds, servers = []) {
      writeFileSync(file, String(milliseconds));
      await db.sql.unsafe(`update stepped.clock set by = ${milliseconds} * interval '1 millisecond'`);
      for (const { pid } of servers) process.kill(pid, 'SIGUSR2');
      for (const { pid } of servers) {
        const said = `${file}.${pid}`;
        await until('the server has that time', () => existsSync(said) && readFileSync(said, 'utf8') === String(milliseconds));
      }
    },
    async [Symbol.asyncDispose]() {
      await db[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/**
 * Applies the migrations in drizzle/ (drizzle-kit's journal and files). Any number of nodes may start at once: every migration
 * is one transaction that takes an advisory lock first, so a node that dies halfway leaves nothing and no lock behind.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type postgres from 'postgres';
import type { Database } from './client.ts';
import { sqlState, translate } from './failures.ts';

const FOLDER = join(import.meta.dir, '../../drizzle');
const LOCK_KEY = 7_275_686;

type Migration = { name: string; text: string };

/**
 * Names of the migrations applied by this call, in order; empty when there was nothing to do or another node did it. Waits
 * for other nodes as long as it takes. Throws AppError `unavailable` without a database; the SQL error of a broken migration as it is.
 */
export async function migrate(database: Pick<Database, 'alone'>, folder = FOLDER): Promise<string[]> {
  const migrations = await readMigrations(folder);
  const client = database.alone();
  try {
    await client.unsafe(`select pg_advisory_xact_lock(${LOCK_KEY});
      create table if not exists parlour_migrations (name text primary key, hash text not null, applied_at timestamptz not null default now())`);
    const applied: string[] = [];
    for (let missing = await missingOf(client, migrations); missing[0] !== undefined; missing = await missingOf(client, migrations)) {
      if (await apply(client, missing[0])) applied.push(missing[0].name);
    }
    if (applied.length > 0) await analyzeFilled(client);
    return applied;
  } catch (error) {
    throw translate(error);
  } finally {
    await client.end({ timeout: 5 });
  }
}

/** Names of the migrations that this version has and the database has not; throws `unavailable`. */
export async function pendingMigrations(database: Pick<Database, 'sql'>, folder = FOLDER): Promise<string[]> {
  const migrations = await readMigrations(folder);
  return (await missingOf(database.sql, migrations)).map(({ name }) => name);
}

/** The names that drizzle/meta/_journal.json lists, in order. */
export async function migrationNames(folder = FOLDER): Promise<string[]> {
  const { entries } = JSON.parse(await readFile(join(folder, 'meta/_journal.json'), 'utf8')) as { entries: { idx: number; tag: string }[] };
  return entries.sort((a, b) => a.idx - b.idx).map(({ tag }) => tag);
}

/**
 * Lets Postgres look at what is there. Not at empty tables: of those it would write down that they are empty, and plans from
 * then take one index for as good as another (a page of rooms took 349 ms instead of 3, measured). Of a table that it never
 * looked at it assumes ten pages, and plans well.
 */
async function analyzeFilled(client: postgres.Sql): Promise<void> {
  const filled = await client<{ name: string }[]>`
    select format('%I.%I', relnamespace::regnamespace, relname) as name from pg_class
    where relkind = 'r' and relnamespace = current_schema()::regnamespace and pg_relation_size(oid) > 0`;
  if (filled.length > 0) await client.unsafe(`analyze ${filled.map(({ name }) => name).join(', ')}`);
}

async function readMigrations(folder: string): Promise<Migration[]> {
  const names = await migrationNames(folder);
  return Promise.all(names.map(async (name) => ({ name, text: await readFile(join(folder, `${name}.sql`), 'utf8') })));
}

async function missingOf(sql: Pick<Database, 'sql'>['sql'] | postgres.Sql, migrations: readonly Migration[]): Promise<Migration[]> {
  const query = sql as Database['sql'];
  const rows: { name: string }[] = await query<{ name: string }>`select name from parlour_migrations`.catch((error: unknown) => {
    if (sqlState(error) === '42P01') return [] as never; // no table yet: nothing was ever applied
    throw error;
  });
  const done = new Set(rows.map(({ name }) => name));
  return migrations.filter(({ name }) => !done.has(name));
}

/**
 * False when another node was faster. The whole file goes out as one simple query, which Postgres runs as one transaction:
 * there is no moment at which a lost connection could let the rest of it run elsewhere, without the lock. The name is written
 * first: a node that waited for the lock fails on it, and nothing has happened.
 */
async function apply(client: postgres.Sql, { name, text }: Migration): Promise<boolean> {
  const hash = createHash('sha256').update(text).digest('hex');
  const statements = text.split('--> statement-breakpoint').map((statement) => statement.trim().replace(/;$/, ''));
  const whole = [
    `select pg_advisory_xact_lock(${LOCK_KEY})`,
    `insert into parlour_migrations (name, hash) values ('${name.replaceAll("'", "''")}', '${hash}')`,
    ...statements.filter((statement) => statement !== ''),
  ].join(';\n');
  try {
    await client.unsafe(whole);
    return true;
  } catch (error) {
    if (sqlState(error) === '23505' && (error as { table_name?: string }).table_name === 'parlour_migrations') return false;
    if (error instanceof Error) error.message = `Migration ${name}: ${error.message}`;
    throw error;
  }
}

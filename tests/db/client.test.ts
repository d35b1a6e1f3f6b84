import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { sql as drizzleSql } from 'drizzle-orm';
import { pgTable, bigint, jsonb, timestamp, uuid } from 'drizzle-orm/pg-core';
import { openDatabase } from '../../src/db/client.ts';
import { sqlState, violatedConstraint } from '../../src/db/failures.ts';
import { isoTime, parseArray } from '../../src/db/types.ts';
import { AppError } from '../../src/errors.ts';
import { freshOpenDatabase, ownPostgres } from '../support/postgres.ts';
import { until } from '../support/wait.ts';

const failure = async (promise: PromiseLike<unknown>): Promise<AppError> => {
  try {
    await promise;
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('It did not fail.');
};

let database: Awaited<ReturnType<typeof freshOpenDatabase>>;
beforeAll(async () => {
  database = await freshOpenDatabase({ empty: true, pool: 1 });
});
afterAll(() => database[Symbol.asyncDispose]());

const things = pgTable('things', {
  id: uuid().primaryKey(),
  n: bigint({ mode: 'number' }).notNull(),
  data: jsonb().$type<{ a: number[] } | string>(),
  at: timestamp({ withTimezone: true, mode: 'date' }),
});

describe('a query', () => {
  test('is prepared, as a tagged template and through Drizzle alike', async () => {
    await database.sql`create table if not exists things (id uuid primary key, n bigint not null, data jsonb, at timestamptz)`;
    const id = crypto.randomUUID();
    for (let i = 0; i < 3; i++) {
      await database.sql`select n as tagged from things where id = ${id}`;
      await database.orm.select({ n: things.n }).from(things).where(drizzleSql`${things.id} = ${id}`);
    }
    const statements = await database.sql<{
      statement: string;
      uses: number;
    }>`select statement, generic_plans + custom_plans as uses from pg_prepared_statements`;
    const uses = (part: string): number[] => statements.filter(({ statement }) => statement.includes(part)).map(({ uses }) => uses);
    expect(uses('as tagged')).toEqual([3]);
    expect(uses('"things"."id" = $1')).toEqual([3]);
  });

  test('takes and gives arrays with NULL, braces, quotes, backslashes, blanks and nothing in them', async () => {
    const texts = ['a', '', 'NULL', null, '{}', '"', '\\', '\\"', 'a,b', ' x ', 'line\nbreak', 'é🙂', 'null'];
    const ids = [crypto.randomUUID(), crypto.randomUUID()];
    const [row] = await database.sql`
      select ${texts}::text[] as texts, ${ids}::uuid[] as ids, ${[1, -2, 9007199254740991]}::int8[] as numbers, ${[null, 3]}::int8[] as holes,
        ${[]}::uuid[] as none, ${[{ a: '"\\' }, [1], 'null', null]}::jsonb[] as documents, ${database.sql.array([true, false, null], 16)} as flags,
        ${database.sql.array([new Date(0)], 1184)} as times, array[array[1,2],array[3,4]]::text as nested`;
    expect(row.texts).toEqual(texts);
    expect(row.ids).toEqual(ids);
    expect(row.numbers).toEqual([1, -2, 9007199254740991]);
    expect(row.holes).toEqual([null, 3]);
    expect(row.none).toEqual([]);
    expect(row.documents).toEqual([{ a: '"\\' }, [1], null, null]);
    expect(row.flags).toEqual([true, false, null]);
    expect(row.times).toEqual(['1970-01-01T00:00:00.000Z']);
    const [counted] = await database.sql<{ count: number }>`select count(*) from unnest(${texts}::text[], ${texts.map(() => ids[0]!)}::uuid[]) as t(a, b)`;
    expect(counted?.count).toBe(texts.length);
  });

  test('brings int8 as number, timestamptz as ISO string with milliseconds, and json parsed', async () => {
    const [row] = await database.sql`select 9007199254740991::int8 as big, count(*) as n, '2026-02-03 04:05:06.789123+02'::timestamptz as at,
      '2026-02-03 04:05:06Z'::timestamptz as whole, ${{ a: [1, 'x'] }}::jsonb as doc, ${database.sql.json('text')} as text, null::jsonb as nothing, ${new Date(5)}::timestamptz as later`;
    expect(row).toEqual({
      big: 9007199254740991,
      n: 1,
      at: '2026-02-03T02:05:06.789Z',
      whole: '2026-02-03T04:05:06.000Z',
      doc: { a: [1, 'x'] },
      text: 'text',
      nothing: null,
      later: '1970-01-01T00:00:00.005Z',
    });
  });

  test('composes of fragments, identifiers and lists', async () => {
    const only = database.sql`where n > ${1}`;
    const rows = await database.sql`select ${database.sql('n')} from (values (1), (2), (3)) as t(n) ${only} and n in ${database.sql([2, 9])}`;
    expect([...rows]).toEqual([{ n: 2 }]);
  });

  test('through Drizzle writes and reads dates, numbers and json as the schema says', async () => {
    const row = { id: crypto.randomUUID(), n: 42, data: { a: [1, 2] }, at: new Date('2026-01-02T03:04:05.678Z') };
    await database.orm.insert(things).values(row);
    await database.orm.insert(things).values({ id: crypto.randomUUID(), n: 43, data: 'text' });
    expect(await database.orm.select().from(things).where(drizzleSql`n = 42`)).toEqual([row]);
    expect((await database.orm.select().from(things).where(drizzleSql`n = 43`))[0]?.data).toBe('text');
  });

  test('refuses transactions over several statements', () => {
    expect(() => database.orm.transaction(async () => {})).toThrow('one statement');
  });
});

describe('a failure', () => {
  test('becomes an AppError that keeps its SQLSTATE and constraint', async () => {
    const { sql } = database;
    await sql`create table unique_names (name text constraint one_name unique, parent text constraint known references unique_names (name))`;
    await sql`insert into unique_names values ('ann')`;
    const taken = await failure(sql`insert into unique_names values ('ann')`);
    expect([taken.code, sqlState(taken), violatedConstraint(taken)]).toEqual(['conflict', '23505', 'one_name']);
    const orphan = await failure(sql`insert into unique_names values ('bob', 'nobody')`);
    expect([orphan.code, sqlState(orphan), violatedConstraint(orphan)]).toEqual(['not_found', '23503', 'known']);
    expect((await failure(sql`select ${'a\u0000b'}::text`)).code).toBe('invalid');
    expect((await failure(sql`select ${'x'}::uuid`)).code).toBe('invalid');
    expect((await failure(sql`select 9223372036854775807 + 1::int8`)).code).toBe('invalid');
    expect(
      (await failure(database.orm.execute(drizzleSql`insert into unique_names values ('ann')`).catch((error: Error) => Promise.reject(error.cause)))).code,
    ).toBe('conflict');
  });

  test('that nobody foresaw comes as it is', async () => {
    expect(await database.sql`select * from nowhere`.catch((error: unknown) => [error instanceof AppError, sqlState(error)])).toEqual([false, '42P01']);
  });
});

describe('the deadline', () => {
  test('of the server comes first, so that an abandoned statement does not commit later', async () => {
    await using slow = await freshOpenDatabase({ empty: true, deadlineMs: 500 });
    const error = await failure(slow.sql`select pg_sleep(5)`);
    expect([error.code, sqlState(error)]).toEqual(['unavailable', '57014']);
    expect(slow.stats()).toMatchObject({ inFlight: 0, expired: 0 });
  });

  test('also ends waiting for a connection, and what was abandoned there is never run', async () => {
    await using slow = await freshOpenDatabase({ empty: true, pool: 1, deadlineMs: 600 });
    await slow.sql`create table marks (n int)`;
    await slow.sql`set statement_timeout = 0`;
    // Fills the only connection's pipeline: 100 queries go out behind the sleeper, the others wait in the queue.
    const sleeper = failure(slow.sql`select pg_sleep(1.5)`);
    const waiting = Array.from({ length: 150 }, (_, n) => failure(slow.sql`insert into marks values (${n})`));
    expect((await Promise.all([sleeper, ...waiting])).map(({ code }) => code)).toEqual(Array(151).fill('unavailable'));
    await until('the connection is free again', async () => (await slow.sql`select 1`.catch(() => [])).length === 1);
    const [row] = await slow.sql<{ highest: number }>`select coalesce(max(n), -1)::int as highest from marks`;
    expect(row?.highest).toBeLessThan(101);
    expect(slow.stats().inFlight).toBe(0);
  });

  test('has company in a bound: beyond it nothing is done, and that is said', async () => {
    await using small = await freshOpenDatabase({ empty: true, bound: 10 });
    const all = await Promise.allSettled(Array.from({ length: 30 }, () => small.sql`select pg_sleep(0.05)`));
    const refused = all.filter((one) => one.status === 'rejected').map((one) => (one.reason as AppError).code);
    expect(refused).toEqual(Array(20).fill('overloaded'));
    expect(small.stats()).toMatchObject({ inFlight: 0, refused: 20 });
  });
});

describe('a database that', () => {
  test('is not there answers unavailable at once', async () => {
    await using nowhere = openDatabase({ url: 'postgres://u:p@127.0.0.1:1/x', pool: 2, deadlineMs: 3_000 });
    const from = performance.now();
    expect((await failure(nowhere.ping())).code).toBe('unavailable');
    expect(performance.now() - from).toBeLessThan(2_000);
  });

  test('is restarted is used again within two seconds', async () => {
    await using postgres = await ownPostgres();
    await using client = openDatabase({ url: postgres.url, pool: 4, deadlineMs: 3_000 });
    await client.ping();
    for (const how of ['immediate', 'fast', 'kill'] as const) {
      await postgres.stop(how);
      expect((await failure(client.ping())).code).toBe('unavailable');
      await postgres.start();
      const back = performance.now();
      await until('an answer', () => client.ping().catch(() => 0), 2_000);
      expect(performance.now() - back).toBeLessThan(2_000);
    }
  }, 60_000);

  test('freezes costs each query its deadline, then gets a new pool, and works again when it thaws', async () => {
    await using postgres = await ownPostgres();
    let rebuilt = 0;
    await using client = openDatabase({ url: postgres.url, pool: 2, deadlineMs: 1_000, onRebuild: () => rebuilt++ });
    await client.ping();
    await postgres.freeze();
    const from = performance.now();
    expect((await failure(client.sql`select 2`)).code).toBe('unavailable');
    expect(performance.now() - from).toBeLessThan(1_500);
    await until('the canary gives up', () => rebuilt > 0, 8_000);
    await postgres.thaw();
    await until('an answer', () => client.ping().catch(() => 0), 5_000);
    expect(client.stats().inFlight).toBe(0);
  }, 60_000);

  test('lets the only connection of a pool wait for a lock is not silent: its own timeouts decide', async () => {
    await using holder = openDatabase({ url: database.url, pool: 1, deadlineMs: 10_000 });
    let rebuilt = 0;
    await using client = openDatabase({ url: database.url, pool: 1, deadlineMs: 10_000, onRebuild: () => rebuilt++ });
    const held = holder.sql`select pg_advisory_lock(77), pg_sleep(5.5)`.then(() => holder.sql`select pg_advisory_unlock(77)`);
    await Bun.sleep(100);
    expect(await client.sql`select pg_advisory_xact_lock_shared(77)::text as locked`).toHaveLength(1);
    await held;
    expect(rebuilt).toBe(0);
  }, 30_000);

  test('no longer answers on one of its connections, which stays open, gets a new pool', async () => {
    const fresh = await freshOpenDatabase({ empty: true });
    await using proxy = await muteable(Number(new URL(fresh.url).port));
    const url = new URL(fresh.url);
    url.port = String(proxy.port);
    let rebuilt = 0;
    await using client = openDatabase({ url: url.href, pool: 2, deadlineMs: 500, onRebuild: () => rebuilt++ });
    await Promise.all([client.sql`select pg_sleep(0.1)`, client.sql`select pg_sleep(0.1)`]);
    proxy.muteOne();
    // More at a time than connections: else the driver has always a better one to give.
    const burst = () => Promise.allSettled(Array.from({ length: 8 }, () => client.sql`select pg_sleep(0.005)`));
    await until('the pool is replaced', () => burst().then(() => rebuilt > 0), 20_000);
    // From here on nothing hits the dead connection.
    for (let n = 0; n < 20; n++) expect((await burst()).every(({ status }) => status === 'fulfilled')).toBe(true);
    await fresh[Symbol.asyncDispose]();
  }, 60_000);

  test('loses half of its backends again and again leaves nothing stuck', async () => {
    await using postgres = await ownPostgres();
    await using client = openDatabase({ url: postgres.url, pool: 4, deadlineMs: 3_000 });
    await using killer = openDatabase({ url: postgres.url, pool: 1, deadlineMs: 3_000 });
    let running = true;
    let answered = 0;
    const workers = Array.from({ length: 24 }, async () => {
      while (running) {
        await client.sql`select pg_sleep(0.001)`.then(
          () => answered++,
          () => Bun.sleep(1),
        );
      }
    });
    try {
      for (let round = 0; round < 10; round++) {
        await killer.sql`select count(pg_terminate_backend(pid)) from pg_stat_activity where pid <> pg_backend_pid() and datname = 'parlour' and pid % 2 = ${round % 2}`;
        const before = answered;
        await until('answers after the storm', () => answered > before + 50, 3_000);
      }
    } finally {
      running = false;
      await Promise.all(workers);
    }
    expect(client.stats().inFlight).toBe(0);
  }, 60_000);
});

test('times are cut to ISO 8601, and what looks odd is parsed', () => {
  expect(isoTime('2026-11-21 04:57:25+00')).toBe('2026-11-21T04:57:25.000Z');
  expect(isoTime('2026-11-21 04:57:25.1+00')).toBe('2026-11-21T04:57:25.100Z');
  expect(isoTime('2026-11-21 04:57:25.12+00')).toBe('2026-11-21T04:57:25.120Z');
  expect(isoTime('2026-11-21 04:57:25.123456+00')).toBe('2026-11-21T04:57:25.123Z');
  expect(isoTime('2026-11-21 06:57:25.5+02')).toBe('2026-11-21T04:57:25.500Z');
  expect(isoTime('infinity')).toBe('infinity');
});

test('array text is read back element by element', () => {
  expect(parseArray('{}')).toEqual([]);
  expect(parseArray('{1,NULL,3}', Number)).toEqual([1, null, 3]);
  expect(parseArray('{"a,b","NULL",NULL,"\\"\\\\"}')).toEqual(['a,b', 'NULL', null, '"\\']);
});

/** Passes connections on to a port of 127.0.0.1, until one of them is made mute: open, but nothing comes or goes. */
async function muteable(target: number) {
  const pairs: Socket[][] = [];
  const server = createServer((near) => {
    const far = connect({ host: '127.0.0.1', port: target });
    pairs.push([near, far]);
    near.pipe(far);
    far.pipe(near);
    for (const socket of [near, far]) socket.on('error', () => {});
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    port: (server.address() as AddressInfo).port,
    muteOne() {
      const [near, far] = pairs[0]!;
      near!.unpipe();
      far!.unpipe();
      near!.pause();
      far!.pause();
    },
    async [Symbol.asyncDispose]() {
      for (const socket of pairs.flat()) socket.destroy();
      await new Promise((done) => server.close(done));
    },
  };
}

test('a result that was cut off in the middle leaves nothing in the next one of that connection', async () => {
  await using database = await freshOpenDatabase({ pool: 1 });
  await using other = openDatabase({ url: database.url, pool: 1, deadlineMs: 3_000 });
  const [{ pid }] = (await database.sql<{ pid: number }>`select pg_backend_pid() as pid`) as unknown as [{ pid: number }];
  const cut = database.sql`select n, repeat('x', 1000) as text, pg_sleep(case when n > 200 then 0.05 else 0 end) from generate_series(1, 1000) n`.then(
    () => 'answered',
    () => 'cut off',
  );
  await Bun.sleep(300);
  await other.sql`select pg_terminate_backend(${pid}::int)`;
  expect(await cut).toBe('cut off');
  const next = async (): Promise<number[]> => (await database.sql<{ n: number }>`select n from generate_series(1, 3) n`).map(({ n }) => n);
  let rows = await next().catch(() => undefined);
  for (let tries = 0; rows === undefined && tries < 20; tries++) {
    await Bun.sleep(100);
    rows = await next().catch(() => undefined);
  }
  expect(rows).toEqual([1, 2, 3]);
});

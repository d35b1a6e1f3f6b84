/**
 * How Postgres answers what is asked all the time, on 100,000 real messages: never by reading a table through, never by sorting more rows
 * than the answer needs. The plans are those that really ran (auto_explain), inside SQL functions too, first and cached ones.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Dataset, fillDataset } from '../bench/dataset.ts';
import { createAuthQueries } from '../src/auth/queries.ts';
import { openDatabase } from '../src/db/client.ts';
import { migrate } from '../src/db/migrate.ts';
import { createLog } from '../src/messages/log.ts';
import type { FindMessages } from '../src/messages/model.ts';
import { createMessageQueries } from '../src/messages/queries.ts';
import { createSearchQueries } from '../src/messages/search-queries.ts';
import { createSearch, RANKED_TOGETHER } from '../src/messages/search-service.ts';
import { createRealtimeQueries } from '../src/realtime/queries.ts';
import { createRoomQueries } from '../src/rooms/queries.ts';
import { createUserQueries } from '../src/users/queries.ts';
import { type OwnPostgres, ownPostgres } from './support/postgres.ts';
import { until } from './support/wait.ts';
import { aDraft, brokenRooms } from './support/world.ts';

const MESSAGES = 100_000;
/** A prepared statement gets its own plan five times, and may get a cached one from then on. */
const RUNS = 7;

let postgres: OwnPostgres;
let db: ReturnType<typeof openDatabase>;
let dataset: Dataset;

beforeAll(async () => {
  postgres = await ownPostgres({ fsync: 'off', shared_buffers: '256MB', random_page_cost: 1.1, jit: 'off', log_min_messages: 'warning', autovacuum: 'off' });
  {
    await using filling = openDatabase({ url: postgres.url, pool: 1, deadlineMs: 60_000 });
    await migrate(filling);
    const client = filling.alone();
    dataset = await fillDataset(client, { messages: MESSAGES });
    // More people, rooms and sessions than fit on a few pages: reading a table of ten pages through would be right.
    await client.unsafe(`
      insert into users (id, username, email) select gen_random_uuid(), 'more' || n, 'more' || n || '@example.org' from generate_series(1, 30000) n;
      insert into rooms (id, name, visibility) select gen_random_uuid(), 'More ' || n, case when n % 100 = 0 then 'public' else 'private' end from generate_series(1, 30000) n;
      insert into sessions (id, user_id, expires_at, ended_at)
        select gen_random_uuid(), u.id, now() + interval '30 days', case when random() < 0.5 then now() - interval '1 day' end from users u;
      analyze users, rooms, sessions`);
    await client.unsafe(`
      alter database parlour set session_preload_libraries = 'auto_explain';
      alter database parlour set auto_explain.log_min_duration = 0;
      alter database parlour set auto_explain.log_analyze = on;
      alter database parlour set auto_explain.log_timing = off;
      alter database parlour set auto_explain.log_buffers = on;
      alter database parlour set auto_explain.log_nested_statements = on;
      alter database parlour set auto_explain.log_format = 'json'`);
    await client.end({ timeout: 5 });
  }
  // One connection, so that each statement's plans are cached in one place.
  db = openDatabase({ url: postgres.url, pool: 1, deadlineMs: 30_000 });
}, 60_000);
afterAll(async () => {
  await db?.[Symbol.asyncDispose]();
  await postgres?.[Symbol.asyncDispose]();
});

type Node = {
  'Node Type': string;
  'Relation Name'?: string;
  'Index Name'?: string;
  'Actual Rows': number;
  'Actual Loops'?: number;
  'Rows Removed by Filter'?: number;
  'Shared Hit Blocks'?: number;
  'Shared Read Blocks'?: number;
  Plans?: Node[];
};

const usedIndexes = new Set<string>();

/** Every plan that Postgres logs while `work` runs. */
async function plansOf(work: () => Promise<unknown>): Promise<{ query: string; plan: Node }[]> {
  const log = join(dirname(postgres.folder), 'log');
  const from = readFileSync(log, 'utf8').length;
  for (let run = 0; run < RUNS; run++) await work();
  const mark = crypto.randomUUID();
  await db.sql.unsafe(`select '${mark}'`);
  const text = await until('the log is written', () => {
    const some = readFileSync(log, 'utf8').slice(from);
    return some.includes(mark) && some.trimEnd().endsWith('}') ? some : undefined;
  });
  const found = [...text.matchAll(/ plan:\n((?:\t.*\n)+)/g)].map(([, json]) => JSON.parse(json!) as { 'Query Text': string; Plan: Node });
  return found.filter((each) => !each['Query Text'].includes(mark)).map((each) => ({ query: each['Query Text'], plan: each.Plan }));
}

const nodesOf = (plan: Node): Node[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];

/** What a plan does that it must not: tables read through, and sorts of more than `sorted` rows. */
function faults(plan: Node, sorted: number): string[] {
  return nodesOf(plan).flatMap((node) => {
    if (node['Index Name']) usedIndexes.add(node['Index Name']);
    // Never run: a branch that was not taken, or an estimate (EXPLAIN).
    if (!node['Actual Loops']) return [];
    // Postgres' own tables are a few pages.
    if (node['Relation Name']?.startsWith('pg_')) return [];
    if (node['Node Type'] === 'Seq Scan') return [`reads ${node['Relation Name']} through`];
    if (!/Sort$/.test(node['Node Type'])) return [];
    const rows = Math.max(...(node.Plans ?? []).map((child) => child['Actual Rows'] * (child['Actual Loops'] ?? 0))) / node['Actual Loops'];
    return rows > sorted ? [`sorts ${rows} rows`] : [];
  });
}

/** `sorted`: the most rows that the answer may have to put in order. */
function answers(name: string, work: () => Promise<unknown>, sorted = 101): void {
  test(name, async () => {
    const plans = await plansOf(work);
    expect(plans.length).toBeGreaterThanOrEqual(RUNS);
    const bad = plans.flatMap(({ query, plan }) => faults(plan, sorted).map((fault) => `${fault}: ${query.replace(/\s+/g, ' ').slice(0, 160)}`));
    expect([...new Set(bad)]).toEqual([]);
  });
}

const messages = () => createMessageQueries(db);
const rooms = () => createRoomQueries(db);
const users = () => createUserQueries(db.sql);
const auth = () => createAuthQueries(db.sql);
const realtime = () => createRealtimeQueries(db);

test('the data set keeps the invariants of every room', async () => {
  expect(await brokenRooms(db)).toEqual([]);
  const [row] = await db.sql<{ rooms: number; mine: number; few: number; hall: number }>`
    select (select count(*)::int from rooms) as rooms, (select count(*)::int from memberships where user_id = ${dataset.everywhere}) as mine,
      (select count(*)::int from memberships where user_id = ${dataset.somewhere}) as few, (select count(*)::int from messages where room_id = ${dataset.hall}) as hall`;
  expect(row).toMatchObject({ rooms: 31_011, mine: 500, few: 3 });
  expect(row!.hall / MESSAGES).toBeCloseTo(0.2, 2);
});

let sent = 0;
const batch = (size: number) =>
  messages().append(
    Array.from({ length: size }, (_, at) =>
      aDraft(dataset.large[at % 10]!, dataset.people[0]!, `sent now, number ${++sent}`, { clientMessageId: `now-${sent}` }),
    ),
    false,
  );
answers('a batch of sends', () => batch(256), 256);
answers('one send', () => batch(1));
answers('an edit', async () => {
  const [row] = await batch(1);
  await messages().change(row!.id, dataset.people[0]!, false, `edited ${++sent}`);
});
answers('a deletion', async () => {
  const [row] = await batch(1);
  await messages().change(row!.id, dataset.people[0]!, false, null);
});
answers('the newest page of history', () => messages().history(dataset.hall, dataset.everywhere, false, Number.MAX_SAFE_INTEGER, 100, 0, 0));
answers('a deep page of history', () => messages().history(dataset.hall, dataset.everywhere, false, 500, 100, 0, 0));
test('a page of history reads as many pages of the database at the beginning of a room as at its end', async () => {
  const reads = async (before: number) => {
    const plans = await plansOf(() => messages().history(dataset.hall, dataset.everywhere, false, before, 20, 0, 0));
    const blocks = plans.map(({ plan }) => plan['Shared Hit Blocks']! + plan['Shared Read Blocks']!);
    expect(blocks.length).toBe(RUNS);
    return Math.max(...blocks);
  };
  const newest = await reads(Number.MAX_SAFE_INTEGER);
  expect(newest).toBeGreaterThan(20);
  for (const before of [30, 5_000, 10_000]) expect((await reads(before)) / newest).toBeLessThan(1.3);
});
answers('history around a message', () => messages().history(dataset.hall, dataset.everywhere, false, 9_000, 50, 9_000, 50));
answers('events after a seq', () => createLog(db)(dataset.everywhere, [{ roomId: dataset.hall, after: 9_000 }], { most: 500, whole: false }), 501);
answers(
  'what 100 rooms missed',
  () =>
    createLog(db)(
      dataset.everywhere,
      dataset.small.slice(0, 100).map((roomId) => ({ roomId, after: 50 })),
      { most: 500, whole: true },
    ),
  // All of them in the order of the rooms, 60 to a room here.
  10_000,
);
answers('one message', async () => {
  const [row] = await db.sql<{
    id: string;
  }>`select id from messages where room_id = ${dataset.hall} and seq = (select max(seq) from messages where room_id = ${dataset.hall})`;
  await messages().one(row!.id, dataset.everywhere);
});
answers('a marker, with 20,000 unread', () => messages().markRead(dataset.hall, dataset.everywhere, 1));
answers('the readers of a message', () => messages().readers(dataset.large[0]!, dataset.people[0]!, 10, undefined, 26), 1_000);

// Somebody's rooms are sorted by their activity, which no index holds: every send would have to move it (storage.md).
answers('the rooms of somebody who is in 500', () => rooms().list(dataset.everywhere, { kind: 'mine' }, undefined, undefined, 101), 500);
answers('a later page of them', () => rooms().list(dataset.everywhere, { kind: 'mine' }, undefined, { at: '2026-09-30T00:00:00Z', id: dataset.hall }, 26), 500);
answers('what a socket is told at its opening', () => rooms().ready([dataset.everywhere], 200), 500);
answers('public rooms', () => rooms().list(dataset.everywhere, { kind: 'public' }, undefined, undefined, 101), 500);
answers('one room, with 20,000 unread', () => rooms().one(dataset.hall, dataset.everywhere));
test('20,000 own messages behind a marker are passed in the index alone, and what others wrote among them is counted', async () => {
  const [loner] = await db.sql<{ room: string; person: string }>`
    with person as (insert into users (id, username) values (gen_random_uuid(), 'loner') returning id),
    room as (insert into rooms (id, name, last_seq, message_count) values (gen_random_uuid(), 'Alone', 20003, 20003) returning id),
    joined as (insert into memberships (room_id, user_id) select r.id, p.id from room r, person p)
    select r.id as room, p.id as person from room r, person p`;
  const { room, person } = loner!;
  await db.sql`insert into messages (id, room_id, seq, sender_id, content, created_at)
    select gen_random_uuid(), ${room}, n, case when n % 10000 = 1 then ${dataset.people[0]!}::uuid else ${person}::uuid end, 'said to myself', '2020-01-01'::timestamptz + n * interval '1 second' from generate_series(1, 20003) n`;
  const seen = async () => (await rooms().one(room, person))!.me!.unread;
  expect(await seen()).toBe(3);
  await db.sql`vacuum messages`;
  const plans = await plansOf(async () => expect(await seen()).toBe(3));
  const shapes = plans.filter(({ query }) => query.includes('others.unread'));
  expect(shapes.length).toBeGreaterThanOrEqual(RUNS);
  // Some 110 of the index's entries to a page; in the table it were 20,003.
  for (const { plan } of shapes) expect(plan['Shared Hit Blocks']! + plan['Shared Read Blocks']!).toBeLessThan(400);
});
answers('where somebody stands', () => rooms().standing(dataset.hall, dataset.everywhere));
answers('the members of the hall', () => rooms().members(dataset.hall, undefined, undefined, 101), 1_100);

answers('people by name', () => users().findByUsername('PERSON17'));
answers('a page of people', () => users().list({ callerId: dataset.everywhere, all: false, after: 'person3' }, 101));
answers('people whose name begins with what hardly anybody has', () => users().list({ callerId: dataset.everywhere, all: false, query: 'zzz' }, 101), 101);
answers('people whose first name is rare', () => users().list({ callerId: dataset.everywhere, all: false, query: 'Person 17' }, 101), 400);
answers('people whose name begins as everybody does', () => users().list({ callerId: dataset.everywhere, all: false, query: 'mo' }, 101), 202);
answers('one account', () => users().find(dataset.everywhere));
answers('a login', () => auth().byLogin('person17'));
answers('whose token it is', () => auth().persons(dataset.people.slice(0, 100).map((userId) => ({ userId, sessionId: userId, expiresAt: 0 }))), 300);
answers('a login by e-mail', () => auth().byLogin('more17@example.org'));
answers('how sessions stand', () => auth().standings([{ sessionId: dataset.hall, userId: dataset.everywhere } as never]));
answers('a list of sessions', () => auth().list(dataset.everywhere, undefined, 26));
answers('the poll of a node with 1,000 rooms', () => realtime().poll(dataset.small, 10), 1_000);

const finds =
  (query: FindMessages, who: 'everywhere' | 'somewhere' = 'everywhere') =>
  async () => {
    const userId = dataset[who];
    const page = await createSearch({ queries: createSearchQueries(db) }).find({ userId, sessionId: userId, role: 'user' }, query);
    if (page.nextCursor)
      await createSearch({ queries: createSearchQueries(db) }).find({ userId, sessionId: userId, role: 'user' }, { ...query, cursor: page.nextCursor });
  };
const few = 2_500;
answers('a search for a word in every tenth', finds({ search: 'ubuntu' }), 200);
answers('a search for a rare word', finds({ search: '"sarge"' }), few);
answers('a search for the beginning of a word', finds({ search: 'pac' }), few);
answers('a search for a phrase', finds({ search: '"how do i"' }), few);
answers('a search for a phrase of common words that hardly occurs', finds({ search: '"the the"' }), 200);
answers('a search for words that are being typed', finds({ search: 'how do i' }), few);
answers('a search by relevance for two common words', finds({ search: 'can ubuntu', sort: 'relevance' }), few);
answers('a search for what is nowhere', finds({ search: 'zzyzxqv' }), 26);
answers('a search in a script without spaces', finds({ search: '天気' }), few);
answers('a search by relevance', finds({ search: 'ubuntu', sort: 'relevance' }), RANKED_TOGETHER * 2);
answers('a search by relevance for a rare word', finds({ search: '"sarge"', sort: 'relevance' }), few);
answers('a search for a common part', finds({ contains: 'ing' }), 26);
answers('a search for a rare part', finds({ contains: 'zzyz' }), 26);
answers('a search for signs', finds({ contains: ':-)' }), few);
answers('a search in one room', async () => finds({ search: 'ubuntu', room: dataset.hall })(), 26);
answers("a search among one person's messages", async () => finds({ search: 'ubuntu', user: dataset.people[5]! })(), few);
answers('a search in a month', finds({ search: 'ubuntu', since: '2025-01-15T00:00:00Z', until: '2025-02-15T00:00:00Z' }), few);
answers('a search of somebody who is in 3 small rooms', finds({ search: 'ubuntu' }, 'somewhere'), 300);
answers('all messages, newest first', finds({}), 26);

test('every index of the large tables is used by one of these', async () => {
  const rows = await db.sql<{ name: string }>`
    select indexrelname as name from pg_stat_user_indexes where relname in ('messages', 'room_events', 'rooms', 'memberships', 'users', 'sessions')`;
  const elsewhere = new Set([
    // Holds that two people have one conversation; looked up when it is opened.
    'rooms_direct',
  ]);
  expect(rows.map(({ name }) => name).filter((name) => !usedIndexes.has(name) && !elsewhere.has(name))).toEqual([]);
});

test('what is asked all the time is prepared', async () => {
  const rows = await db.sql<{ statement: string; plans: number }>`select statement, (generic_plans + custom_plans)::int as plans from pg_prepared_statements`;
  for (const part of ['append_messages', 'room_shapes', 'rooms_of', 'change_message', 'message.created', 'seq >= ', '@@ ', 'parlour_parts', 'sessions s']) {
    expect(rows.filter(({ statement, plans }) => statement.includes(part) && plans >= RUNS).map(() => part)).toContain(part);
  }
});

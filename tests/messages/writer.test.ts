/** The one writer against a real Postgres: every item its own outcome, a gapless seq, and what happens when a flush fails. */
import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test';
import type { Database } from '../../src/db/client.ts';
import { AppError } from '../../src/errors.ts';
import { createMessageQueries } from '../../src/messages/queries.ts';
import { type Appended, createWriter, type Draft, type Writer } from '../../src/messages/writer.ts';
import { createMetrics } from '../../src/metrics.ts';
import { freshOpenDatabase } from '../support/postgres.ts';
import { aDraft, aPerson, aRoom, brokenRooms } from '../support/world.ts';

let db: Database;
let ann: string;
let bob: string;
let hall: string;
let told: { draft: Draft; row: Appended }[] = [];
const metrics = createMetrics();

beforeAll(async () => {
  db = await freshOpenDatabase();
  ann = await aPerson(db, 'ann');
  bob = await aPerson(db, 'bob');
  hall = await aRoom(db, ann, bob);
});
afterEach(async () => expect(await brokenRooms(db)).toEqual([]));
afterAll(async () => {
  metrics[Symbol.dispose]();
  await db[Symbol.asyncDispose]();
});

function aWriter(append = createMessageQueries(db).append, deadlineMs = 3_000): Writer {
  told = [];
  return createWriter({
    append,
    committed: (items) => told.push(...items),
    metrics,
    refusedData: (error) => error instanceof AppError && error.code === 'invalid',
    worthAnother: (error) => error instanceof Error && error.message === 'connection lost',
    deadlineMs,
  });
}

test('sends of one tick are one batch, in the order of the calls', async () => {
  const batches: number[] = [];
  const { append } = createMessageQueries(db);
  const writer = aWriter((drafts, again) => {
    batches.push(drafts.length);
    return append(drafts, again);
  });
  const rows = await Promise.all(Array.from({ length: 50 }, (_, n) => writer.write(aDraft(hall, n % 2 ? ann : bob, `message ${n}`))));
  expect(batches).toEqual([50]);
  const seqs = rows.map((row) => row.seq);
  expect(seqs).toEqual(seqs.map((_, n) => seqs[0]! + n));
  expect(told.map(({ row }) => row.seq)).toEqual(seqs);
});

test('long texts make small batches: what Postgres folds for its search indexes must fit into its time', async () => {
  const batches: number[] = [];
  const { append } = createMessageQueries(db);
  const writer = aWriter((drafts, again) => {
    batches.push(drafts.reduce((sum, { content }) => sum + content.length, 0));
    return append(drafts, again);
  });
  const rows = await Promise.all(Array.from({ length: 40 }, (_, n) => writer.write(aDraft(hall, ann, `${n} ${'天気'.repeat(1_900)}`))));
  expect(Math.max(...batches)).toBeLessThanOrEqual(65_536);
  expect(rows.map(({ outcome }) => outcome)).toEqual(Array(40).fill('stored'));
  const seqs = rows.map((row) => row.seq);
  expect(seqs).toEqual(seqs.map((_, n) => seqs[0]! + n));
}, 30_000);

test('a hundred duplicates at once make one row, and all get it', async () => {
  const writer = aWriter();
  const rows = await Promise.all(Array.from({ length: 100 }, () => writer.write(aDraft(hall, ann, 'once', { clientMessageId: 'dup' }))));
  expect(new Set(rows.map((row) => row.id)).size).toBe(1);
  expect(rows.map((row) => row.outcome).sort()).toEqual([...Array(99).fill('duplicate'), 'stored']);
  const [row] = await db.sql<{ n: number }>`select count(*) as n from messages where client_message_id = 'dup'`;
  expect(row?.n).toBe(1);
});

test('the same id with another content or another reply is a conflict, in one batch and later', async () => {
  const writer = aWriter();
  const [first, twin] = await Promise.all([
    writer.write(aDraft(hall, ann, 'a', { clientMessageId: 'c' })),
    writer.write(aDraft(hall, ann, 'b', { clientMessageId: 'c' })),
  ]);
  expect([first.outcome, twin.outcome]).toEqual(['stored', 'conflict']);
  expect((await writer.write(aDraft(hall, ann, 'b', { clientMessageId: 'c' }))).outcome).toBe('conflict');
  expect((await writer.write(aDraft(hall, ann, 'a', { clientMessageId: 'c', replyTo: first.id }))).outcome).toBe('conflict');
  expect((await writer.write(aDraft(hall, bob, 'b', { clientMessageId: 'c' }))).outcome).toBe('stored');
});

test('an edited message still recognises its repeat, and answers as it is now', async () => {
  const writer = aWriter();
  const first = await writer.write(aDraft(hall, ann, 'old', { clientMessageId: 'edited' }));
  await createMessageQueries(db).change(first.id, ann, false, 'new');
  const again = await writer.write(aDraft(hall, ann, 'old', { clientMessageId: 'edited' }));
  expect(again).toMatchObject({ outcome: 'duplicate', id: first.id, seq: first.seq, content: 'new' });
  expect(again.editedAt).not.toBeNull();
});

test('one bad item never fails its neighbours', async () => {
  const writer = aWriter();
  const stranger = await aPerson(db);
  const elsewhere = await writer.write(aDraft(await aRoom(db, ann), ann, 'other room'));
  const [good, outsider, noRoom, badReply, alsoGood] = await Promise.all([
    writer.write(aDraft(hall, ann, 'good')),
    writer.write(aDraft(hall, stranger, 'let me in')),
    writer.write(aDraft(Bun.randomUUIDv7(), ann, 'nowhere')),
    writer.write(aDraft(hall, ann, 'reply', { replyTo: elsewhere.id })),
    writer.write(aDraft(hall, bob, 'good too')),
  ]);
  expect([good, outsider, noRoom, badReply, alsoGood].map((row) => row.outcome)).toEqual(['stored', 'stranger', 'stranger', 'invalid_reply', 'stored']);
  expect(alsoGood.seq).toBe(good.seq + 1);
});

test('data that Postgres refuses is parted from its neighbours', async () => {
  const writer = aWriter();
  const results = await Promise.allSettled(Array.from({ length: 9 }, (_, n) => writer.write(aDraft(hall, ann, n === 4 ? 'a\0b' : `fine ${n}`))));
  expect(results.map((result) => result.status)).toEqual([...Array(4).fill('fulfilled'), 'rejected', ...Array(4).fill('fulfilled')]);
});

test('a batch whose connection was lost after the commit is stored once, and answered as stored', async () => {
  const { append } = createMessageQueries(db);
  let calls = 0;
  const writer = aWriter(async (drafts, again) => {
    const rows = await append(drafts, again);
    if (++calls === 1) throw new Error('connection lost');
    return rows;
  });
  const rows = await Promise.all([writer.write(aDraft(hall, ann, 'x', { clientMessageId: 'again' })), writer.write(aDraft(hall, ann, 'y'))]);
  expect(calls).toBe(2);
  expect(rows.map((row) => row.outcome)).toEqual(['stored', 'stored']);
  expect(rows[1]!.seq).toBe(rows[0]!.seq + 1);
  expect(told).toHaveLength(2);
});

test('a failed batch fails its own senders only', async () => {
  const { append } = createMessageQueries(db);
  const writer = aWriter((drafts, again) =>
    drafts.some((draft) => draft.content === 'poison') ? Promise.reject(new AppError('unavailable')) : append(drafts, again),
  );
  const lost = writer.write(aDraft(hall, ann, 'poison'));
  await expect(lost).rejects.toThrow(AppError);
  expect((await writer.write(aDraft(hall, ann, 'next'))).outcome).toBe('stored');
});

test('beyond the bound a send is refused at once and not written', async () => {
  let release = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { append } = createMessageQueries(db);
  const writer = aWriter(async (drafts, again) => {
    await gate;
    return append(drafts, again);
  });
  const sends = Array.from({ length: 9_000 }, (_, n) => writer.write(aDraft(hall, ann, `flood ${n}`)));
  const refused = sends.slice(8_192);
  for (const result of await Promise.allSettled(refused)) expect(result).toMatchObject({ status: 'rejected', reason: { code: 'overloaded' } });
  release();
  for (const row of await Promise.all(sends.slice(0, 8_192))) expect(row.outcome).toBe('stored');
}, 20_000);

test('appends, edits, deletions and joins at once leave no hole', async () => {
  const room = await aRoom(db, ann, bob);
  const queries = createMessageQueries(db);
  const writer = aWriter();
  const firsts = await Promise.all(Array.from({ length: 40 }, (_, n) => writer.write(aDraft(room, ann, `first ${n}`))));
  await Promise.all([
    ...firsts.map((row) => queries.change(row.id, ann, false, 'edited')),
    ...firsts.map((row) => queries.change(row.id, ann, false, null)),
    ...firsts.map((row) => queries.change(row.id, bob, false, null)),
    ...Array.from({ length: 40 }, (_, n) => writer.write(aDraft(room, bob, `second ${n}`))),
  ]);
  const [row] = await db.sql<{ deleted: number }>`select count(*) as deleted from messages where room_id = ${room} and deleted_at is not null and content = ''`;
  expect(row?.deleted).toBe(40);
});

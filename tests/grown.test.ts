/**
 * A server is started empty and grows for a while before autovacuum looks at its tables. Statements are prepared by then, their
 * plans cached: each must still read about what its answer needs, whatever the tables looked like when it was planned.
 */
import { expect, test } from 'bun:test';
import { createAuthQueries } from '../src/auth/queries.ts';
import type { Database } from '../src/db/client.ts';
import { createLog } from '../src/messages/log.ts';
import { createMessageQueries } from '../src/messages/queries.ts';
import { createRealtimeQueries } from '../src/realtime/queries.ts';
import { createRoomQueries } from '../src/rooms/queries.ts';
import { freshOpenDatabase } from './support/postgres.ts';
import { aDraft, aPerson, aRoom } from './support/world.ts';

/** From the sixth run on a prepared statement, or one inside a function, may keep its plan. */
const PLANNED = 8;
const ROOMS = 400;
const MESSAGES = 6_000;
/** Index entries and rows that a write may read: a dozen that decide about each of its 40 rows. */
const FOR_A_WRITE = 500;
/** And any other call: its page, and the 400 people, 400 rooms and 800 memberships, which Postgres may hash while they are so few. */
const FOR_A_READ = 2_500;
const WRITES = ['a send', 'a reply', 'sends into many rooms', 'a repeat', 'a batch that was sent again'];

/** Entries of indexes and rows of tables that this connection has read. */
async function entriesRead({ sql }: Database): Promise<number> {
  await sql`select pg_stat_force_next_flush()`;
  const [row] = await sql<{ n: number }>`
    select (select sum(idx_tup_read) from pg_stat_user_indexes)::int + (select sum(seq_tup_read) from pg_stat_user_tables)::int as n`;
  return row!.n;
}

const befores = {
  'had nothing in it': async () => {},
  'was analyzed with one room and three messages': async (db, [ann, bob]) => {
    const roomId = await aRoom(db, ann!, bob!);
    await createMessageQueries(db).append(
      Array.from({ length: 3 }, (_, n) => aDraft(roomId, ann!, `before ${n}`, { clientMessageId: `before-${n}` })),
      false,
    );
    await db.sql.unsafe('analyze');
  },
  'was analyzed full of messages without ids of their clients': async (db, [ann, bob]) => {
    const roomId = await aRoom(db, ann!, bob!);
    for (let n = 0; n < 4; n++)
      await createMessageQueries(db).append(
        Array.from({ length: 250 }, () => aDraft(roomId, ann!, 'before')),
        false,
      );
    await db.sql.unsafe('analyze');
  },
} satisfies Record<string, (db: Database, people: string[]) => Promise<void>>;

for (const [when, before] of Object.entries(befores)) {
  test(`what was planned when the database ${when} still reads little when it has grown`, async () => {
    // One connection: its cached plans are what is looked at.
    await using db = await freshOpenDatabase({ pool: 1, deadlineMs: 10_000 });
    await db.sql.unsafe(`alter table messages set (autovacuum_enabled = false); alter table rooms set (autovacuum_enabled = false);
      alter table memberships set (autovacuum_enabled = false); alter table users set (autovacuum_enabled = false);
      alter table room_events set (autovacuum_enabled = false); alter table sessions set (autovacuum_enabled = false)`);
    const messages = createMessageQueries(db);
    const rooms = createRoomQueries(db);
    const realtime = createRealtimeQueries(db);
    const auth = createAuthQueries(db.sql);
    const readLog = createLog(db);
    const people = [await aPerson(db, 'ann'), await aPerson(db, 'bob')];
    const [ann, bob] = people as [string, string];
    await before(db, people);
    const roomId = await aRoom(db, ann, bob);

    let sent = 0;
    const send = (into: string, size = 1, replyTo: string | null = null) =>
      messages.append(
        Array.from({ length: size }, () => aDraft(into, ann, `number ${++sent}`, { clientMessageId: `c-${sent}`, replyTo })),
        false,
      );
    let last = '';
    const rooms40 = [roomId];
    const calls: Record<string, () => Promise<unknown>> = {
      'a send': async () => {
        last = (await send(roomId))[0]!.id;
      },
      'a reply': () => send(roomId, 1, last),
      'sends into many rooms': () =>
        messages.append(
          rooms40.map((id) => aDraft(id, ann, `number ${++sent}`, { clientMessageId: `c-${sent}` })),
          false,
        ),
      'a repeat': () => messages.append([aDraft(roomId, ann, `number ${sent}`, { clientMessageId: `c-${sent}` })], false),
      'a batch that was sent again': () => messages.append([aDraft(roomId, ann, `number ${++sent}`, { clientMessageId: `c-${sent}` })], true),
      'an edit': () => messages.change(last, ann, false, `edited ${++sent}`),
      'a message': () => messages.one(last, bob),
      'a page of history': () => messages.history(roomId, ann, false, Number.MAX_SAFE_INTEGER, 20, 0, 0),
      'what a room missed': async () => {
        const [head] = await db.sql<{ seq: number }>`select last_seq as seq from rooms where id = ${roomId}`;
        await readLog(ann, [{ roomId, after: head!.seq - 5 }], { most: 500, whole: true });
      },
      'a marker': () => messages.markRead(roomId, ann, sent),
      'where somebody stands': () => messages.standing(roomId, bob),
      'one room': () => rooms.one(roomId, ann),
      'the rooms of somebody who is in few': () => rooms.ready([bob], 200),
      'a poll': () => realtime.poll([roomId], 0),
      'a session': () => auth.standings([{ sessionId: roomId, userId: ann } as never]),
    };
    for (let run = 0; run < PLANNED; run++) for (const call of Object.values(calls)) await call();

    await db.sql`
      with made as (insert into users (id, username) select gen_random_uuid(), 'more' || n from generate_series(1, ${ROOMS}::int) n returning id),
      opened as (insert into rooms (id, name, member_count, created_at) select gen_random_uuid(), 'More', 2, now() from generate_series(1, ${ROOMS}::int) returning id),
      pairs as (select o.id as room_id, m.id as user_id from (select id, row_number() over () as n from opened) o join (select id, row_number() over () as n from made) m using (n)),
      signed as (insert into sessions (id, user_id, expires_at) select gen_random_uuid(), id, now() + interval '1 day' from made)
      insert into memberships (room_id, user_id, role, joined_at)
      select room_id, user_id, 'owner', now() - interval '1 day' from pairs union all select room_id, ${ann}::uuid, 'member', now() - interval '1 day' from pairs`;
    const others = await db.sql<{ id: string }>`select room_id as id from memberships where user_id = ${ann} and room_id <> ${roomId}`;
    for (let n = 0; n < MESSAGES / 250; n++)
      await messages.append(
        Array.from({ length: 250 }, (_, at) => aDraft(others[(n * 250 + at) % others.length]!.id, ann, `grown ${++sent}`, { clientMessageId: `c-${sent}` })),
        false,
      );
    await send(roomId, 250);
    rooms40.push(...others.slice(0, 39).map(({ id }) => id));

    const greedy = async (names: readonly string[], most: number): Promise<[string, number][]> => {
      const read: [string, number][] = [];
      for (const name of names) {
        const from = await entriesRead(db);
        await calls[name]!();
        read.push([name, (await entriesRead(db)) - from]);
      }
      return read.filter(([, entries]) => entries > most);
    };
    // The write path at once; the others when somebody has looked at what has grown.
    expect(await greedy(WRITES, FOR_A_WRITE)).toEqual([]);
    const [row] = await db.sql<{ analyzed: string[] }>`select freshen_statistics() as analyzed`;
    expect(row!.analyzed).toContain('public.messages');
    expect(await greedy(Object.keys(calls), FOR_A_READ)).toEqual([]);
    const [again] = await db.sql<{ analyzed: string[] }>`select freshen_statistics() as analyzed`;
    expect(again!.analyzed).toEqual([]);
  }, 60_000);
}

/** People and rooms straight in a database, for tests below the doors; and the invariant that every room must keep. */
import type { Database } from '../../src/db/client.ts';
import type { Draft } from '../../src/messages/writer.ts';

type Sql = Pick<Database, 'sql'>;

export async function aPerson({ sql }: Sql, name = `p${Bun.randomUUIDv7().slice(-12)}`): Promise<string> {
  const id = Bun.randomUUIDv7();
  await sql`insert into users (id, username) values (${id}, ${name})`;
  return id;
}

/** A private group; the first of `people` owns it. */
export async function aRoom({ sql }: Sql, ...people: string[]): Promise<string> {
  const id = Bun.randomUUIDv7();
  await sql`insert into rooms (id, name, owner_id, member_count) values (${id}, 'Hall', ${people[0]!}, ${people.length})`;
  await sql`insert into memberships (room_id, user_id, role)
    select ${id}, u, case when n = 1 then 'owner' else 'member' end from unnest(${people}::uuid[]) with ordinality as p(u, n)`;
  return id;
}

export const aDraft = (roomId: string, senderId: string, content: string, more: Partial<Draft> = {}): Draft => ({
  id: Bun.randomUUIDv7(),
  roomId,
  senderId,
  clientMessageId: null,
  content,
  replyTo: null,
  at: null,
  ...more,
});

/** Rooms whose log has a hole, a double or a wrong count (storage.md): must be empty after every test. */
export async function brokenRooms({ sql }: Sql): Promise<unknown[]> {
  return await sql`
    with log as (
      select room_id, seq from messages union all select room_id, seq from room_events
    ), counted as (
      select room_id, count(*) as n, count(distinct seq) as distinct_n, max(seq) as top from log group by 1
    )
    select r.id, r.first_seq, r.last_seq, c.n, c.top, r.member_count, r.message_count from rooms r left join counted c on c.room_id = r.id
    where r.last_seq - r.first_seq + 1 <> coalesce(c.n, 0) or coalesce(c.n, 0) <> coalesce(c.distinct_n, 0) or coalesce(c.top, r.first_seq - 1) <> r.last_seq
      or r.member_count <> (select count(*) from memberships m where m.room_id = r.id)
      or r.message_count <> (select count(*) from messages m where m.room_id = r.id and m.deleted_at is null)`;
}

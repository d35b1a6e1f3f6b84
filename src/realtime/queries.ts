/** The SQL that only the socket side asks: the one poll, who may still hear a room, whose rooms are whose. Reads, but for a new epoch. */
import type { Database } from '../db/client.ts';
import type { LeaveReason } from '../events.ts';
import type { Standing } from '../lib/access.ts';
import type { Caller } from '../users/model.ts';

export type PollRow =
  | { kind: 'room'; id: string; text: string; seq: number; count: number }
  | { kind: 'ended'; id: string; text: 'revoked' | 'disabled'; seq: null; count: null }
  | { kind: 'added'; id: string; text: string; seq: null; count: null }
  | { kind: 'timeline'; id: null; text: string; seq: null; count: null };

/** More new memberships than these in one window are an import; the rest is found by reading the list of rooms. */
const POLL_ROWS = 20_000;

export type RealtimeQueries = ReturnType<typeof createRealtimeQueries>;

export function createRealtimeQueries({ sql }: Pick<Database, 'sql'>) {
  return {
    /**
     * All that a node asks once a second, in one statement: the heads of its rooms, the sessions that ended and the memberships
     * that were made within the last `seconds`, and the timeline of the database. What lies further ahead is from before the
     * database's clock was set back, and no news.
     */
    async poll(roomIds: readonly string[], seconds: number): Promise<PollRow[]> {
      return await sql<PollRow>`
        select 'room' as kind, r.id, r.epoch as text, r.last_seq as seq, r.member_count as count from rooms r where r.id = any(${roomIds}::uuid[])
        union all
        select 'ended', s.id, case when u.disabled_at is null then 'revoked' else 'disabled' end, null, null
        from sessions s join users u on u.id = s.user_id
        where s.ended_at > now() - make_interval(secs => ${seconds}::float8) and s.ended_at < now() + make_interval(secs => ${seconds}::float8)
        union all
        (select 'added', m.room_id, m.user_id::text, null, null from memberships m
         where m.joined_at > now() - make_interval(secs => ${seconds}::float8) and m.joined_at < now() + make_interval(secs => ${seconds}::float8) limit ${POLL_ROWS}::int)
        union all
        select 'timeline', null, left(pg_walfile_name(pg_current_wal_lsn()), 8), null, null`;
    },

    /** Where these people stand: `seq` and `reason` of the last `member.left` of each who is no member any more. */
    async strangers(roomId: string, userIds: readonly string[]): Promise<{ userId: string; seq: number | null; reason: LeaveReason | null }[]> {
      return await sql<{ userId: string; seq: number | null; reason: LeaveReason | null }>`
        select w.user_id as "userId", e.seq, e.reason
        from unnest(${userIds}::uuid[]) as w(user_id)
        left join lateral (
          select v.seq, v.payload ->> 'reason' as reason from room_events v
          where v.room_id = ${roomId} and v.type = 'member.left' and v.payload -> 'member' -> 'user' ->> 'id' = w.user_id::text order by v.seq desc limit 1
        ) e on true
        where not exists (select from memberships m where m.room_id = ${roomId} and m.user_id = w.user_id)`;
    },

    /** One room for `ready`, and where the person stands. */
    async entry(userId: string, roomId: string) {
      const [row] = await sql<NonNullable<Standing> & { roomId: string; epoch: string; lastSeq: number; readSeq: number | null }>`
        select r.id as "roomId", r.epoch, r.last_seq as "lastSeq", m.read_seq as "readSeq", r.kind, r.visibility, m.role
        from rooms r left join memberships m on m.room_id = r.id and m.user_id = ${userId} where r.id = ${roomId}`;
      return row;
    },

    async standing(userId: string, roomId: string): Promise<Standing> {
      const [row] = await sql<NonNullable<Standing>>`
        select r.kind, r.visibility, m.role from rooms r left join memberships m on m.room_id = r.id and m.user_id = ${userId} where r.id = ${roomId}`;
      return row;
    },

    async roleOf(userId: string): Promise<Caller['role']> {
      const [row] = await sql<{ role: Caller['role'] }>`select role from users where id = ${userId}`;
      return row?.role ?? 'user';
    },

    /** The members of rooms, as pairs. */
    async members(roomIds: readonly string[]): Promise<{ roomId: string; userId: string }[]> {
      return await sql<{ roomId: string; userId: string }>`
        select m.room_id as "roomId", m.user_id as "userId" from memberships m where m.room_id = any(${roomIds}::uuid[])`;
    },

    /** Which of these people are members of which of these rooms. */
    async memberships(userIds: readonly string[], roomIds: readonly string[]): Promise<{ roomId: string; userId: string }[]> {
      return await sql<{ roomId: string; userId: string }>`
        select m.room_id as "roomId", m.user_id as "userId" from memberships m
        where m.user_id = any(${userIds}::uuid[]) and m.room_id = any(${roomIds}::uuid[])`;
    },

    /**
     * Gives rooms a new epoch whose log is shorter than what was published of it (or all of them: `regardless`), because seqs
     * are being used again. Under each row's lock, and named after the database's timeline, so that of several nodes that notice
     * one does it: an epoch that was begun on this timeline is not replaced for its sake.
     */
    async renewEpochs(rooms: readonly { roomId: string; epoch: string; head: number }[], regardless: boolean): Promise<{ roomId: string }[]> {
      return await sql<{ roomId: string }>`
        update rooms r set epoch = t.name || '.' || gen_random_uuid()
        from unnest(${rooms.map((room) => room.roomId)}::uuid[], ${rooms.map((room) => room.epoch)}::text[], ${rooms.map((room) => room.head)}::bigint[])
          as w(room_id, epoch, head), left(pg_walfile_name(pg_current_wal_lsn()), 8) as t(name)
        where r.id = w.room_id and r.epoch = w.epoch and ((${regardless} and not starts_with(r.epoch, t.name || '.')) or r.last_seq < w.head)
        returning r.id as "roomId"`;
    },

    /** The same for the next rooms by id, whoever follows them, unless they have an epoch of this timeline. Returns the last id; undefined at the end. */
    async renewNext(after: string, rooms: number): Promise<string | undefined> {
      const [row] = await sql<{ id: string }>`
        with part as materialized (select r.id from rooms r where r.id > ${after}::uuid order by r.id limit ${rooms}::int for no key update),
        renewed as (
          update rooms r set epoch = t.name || '.' || gen_random_uuid() from part p, left(pg_walfile_name(pg_current_wal_lsn()), 8) as t(name)
          where r.id = p.id and not starts_with(r.epoch, t.name || '.')
        )
        select p.id from part p order by p.id desc limit 1`;
      return row?.id;
    },
  };
}

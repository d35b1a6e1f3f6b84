/** The SQL that reads rooms, members and invites. Rows become wire shapes here; nothing is decided and nothing is written, but a revocation. */
import type postgres from 'postgres';
import type { Database } from '../db/client.ts';
import type { Standing } from '../lib/access.ts';
import { UNREAD_EXACT } from '../limits.ts';
import type { Invite, Member, Room } from './model.ts';

type Fragment = postgres.Fragment;
type Role = Member['role'];
type RoomRow = Omit<Room, 'me'> & { role: Role | null; readSeq: number; unread: number };

/** Behind an item of a list: its time and its id. */
export type Place = { at: string; id: string } | undefined;

/** Which rooms a list walks. `of`: a person's groups, seen by an admin. */
export type RoomScope = { kind: 'mine' | 'public' | 'all' } | { kind: 'of'; userId: string };

const roomOf = ({ role, readSeq, unread, lastMessage, ...room }: RoomRow): Room => ({
  ...room,
  me: role === null ? null : { role, readSeq, unread },
  lastMessage,
});

export type RoomQueries = ReturnType<typeof createRoomQueries>;

export function createRoomQueries({ sql }: Pick<Database, 'sql'>) {
  /** Rooms as `userId` sees them, in the order of `ids`, an expression for an array of room ids. */
  const shown = async (userId: string, ids: Fragment): Promise<Room[]> => {
    const rows = await sql<RoomRow>`
      select id, kind, name, description, visibility, owner_id as "ownerId", peer, epoch, last_seq as "lastSeq", member_count as "memberCount",
        message_count as "messageCount", created_at as "createdAt", updated_at as "updatedAt", last_activity_at as "lastActivityAt",
        role, read_seq as "readSeq", unread, last_message as "lastMessage"
      from room_shapes(${userId}, ${ids}, ${UNREAD_EXACT + 1})`;
    return rows.map(roomOf);
  };

  const isPublic = (): Fragment => sql`r.visibility = 'public'`;
  const isGroup = (): Fragment => sql`r.kind = 'group'`;

  return {
    /** One room as `userId` sees it, whether he may or not. */
    async one(roomId: string, userId: string): Promise<Room | undefined> {
      const [room] = await shown(userId, sql`array[${roomId}::uuid]`);
      return room;
    },

    /** Most recently active first, as `viewerId` sees them. `query`: the name contains it, without case. */
    async list(viewerId: string, scope: RoomScope, query: string | undefined, place: Place, limit: number): Promise<Room[]> {
      const at = place?.at ?? null;
      const id = place?.id ?? null;
      if (scope.kind === 'mine' || scope.kind === 'of') {
        const [personId, groups] = scope.kind === 'of' ? [scope.userId, true] : [viewerId, false];
        return shown(
          viewerId,
          sql`array(select room_id from rooms_of(${personId}, ${groups}, ${query ?? null}::text, ${at}::timestamptz, ${id}::uuid, ${limit}))`,
        );
      }
      return shown(
        viewerId,
        sql`array(
          select r.id from rooms r where ${scope.kind === 'public' ? isPublic() : isGroup()}
            and (${query ?? null}::text is null or position(lower(${query ?? null}::text) in lower(r.name)) > 0)
            and (${at}::timestamptz is null or (r.last_activity_at, r.id) < (${at}::timestamptz, ${id}::uuid))
          order by r.last_activity_at desc, r.id desc limit ${limit}::int)`,
      );
    },

    /** How many rooms a scope has. */
    async count(userId: string, scope: RoomScope): Promise<number> {
      const counted =
        scope.kind === 'mine'
          ? sql`memberships m where m.user_id = ${userId}`
          : scope.kind === 'of'
            ? sql`memberships m where m.user_id = ${scope.userId} and (select r.kind from rooms r where r.id = m.room_id) = 'group'`
            : sql`rooms r where ${scope.kind === 'public' ? isPublic() : isGroup()}`;
      const [row] = await sql<{ n: number }>`select count(*)::int as n from ${counted}`;
      return row!.n;
    },

    /** What a socket is told at its opening, without what costs: the most recently active rooms of each of these people (`ord`: whose, from 1). */
    async ready(userIds: readonly string[], limit: number) {
      return await sql<{ ord: number; roomId: string; epoch: string; lastSeq: number; readSeq: number; lastActivityAt: string }>`
        select w.ord, r.room_id as "roomId", r.epoch, r.last_seq as "lastSeq", r.read_seq as "readSeq", r.last_activity_at as "lastActivityAt"
        from unnest(${userIds}::uuid[]) with ordinality as w(user_id, ord)
        cross join lateral rooms_of(w.user_id, false, null, null, null, ${limit}) r`;
    },

    /** Where `userId` stands towards a room, and how many its members are. */
    async standing(roomId: string, userId: string): Promise<(NonNullable<Standing> & { memberCount: number }) | undefined> {
      const [row] = await sql<NonNullable<Standing> & { memberCount: number }>`
        select r.kind, r.visibility, m.role, r.member_count as "memberCount"
        from rooms r left join memberships m on m.room_id = r.id and m.user_id = ${userId} where r.id = ${roomId}`;
      return row;
    },

    async accountExists(userId: string): Promise<boolean> {
      const rows = await sql`select from users u where u.id = ${userId} and u.deleted_at is null`;
      return rows.length > 0;
    },

    async member(roomId: string, userId: string): Promise<Member | undefined> {
      const [row] = await sql<{ member: Member | null }>`select member_shape(${roomId}, ${userId}) as member`;
      return row?.member ?? undefined;
    },

    /** Oldest first. `query`: username, first or last name begins with it, without case. */
    async members(roomId: string, query: string | undefined, place: Place, limit: number): Promise<Member[]> {
      const behind = place ? sql`and (m.joined_at, m.user_id) > (${place.at}::timestamptz, ${place.id}::uuid)` : sql``;
      const named =
        query === undefined
          ? sql``
          : sql`and exists (
              select from users u, lower(${query}) as begins
              where u.id = m.user_id and u.deleted_at is null
                and (starts_with(lower(u.username), begins) or starts_with(lower(u.first_name), begins) or starts_with(lower(u.last_name), begins)))`;
      return await sql<Member>`
        select public_user(u) as "user", m.role, m.read_seq as "readSeq", m.joined_at as "joinedAt"
        from (
          select m.* from memberships m where m.room_id = ${roomId} ${behind} ${named} order by m.joined_at, m.user_id limit ${limit}::int
        ) m join users u on u.id = m.user_id
        order by m.joined_at, m.user_id`;
    },

    async roomIdsOf(userId: string): Promise<string[]> {
      return (await sql<{ roomId: string }>`select m.room_id as "roomId" from memberships m where m.user_id = ${userId} order by m.room_id`).map(
        ({ roomId }) => roomId,
      );
    },

    /** Deleted accounts that are still members somewhere, because the process that was at it ended. */
    async departing(): Promise<string[]> {
      const rows = await sql<{ id: string }>`
        select u.id from users u where u.deleted_at is not null and exists (select from memberships m where m.user_id = u.id)`;
      return rows.map(({ id }) => id);
    },

    /** Newest first, without the revoked ones; used-up and expired ones are among them. */
    async invites(roomId: string, place: { at: string; code: string } | undefined, limit: number): Promise<Invite[]> {
      const behind = place ? sql`and (i.created_at, i.code) < (${place.at}::timestamptz, ${place.code})` : sql``;
      return await sql<Invite>`
        select i.code, i.room_id as "roomId", i.max_uses as "maxUses", i.uses, i.expires_at as "expiresAt", i.creator_id as "creatorId", i.created_at as "createdAt"
        from invites i where i.room_id = ${roomId} and i.revoked_at is null ${behind} order by i.created_at desc, i.code desc limit ${limit}::int`;
    },

    /** Where a code leads that can still be used. */
    async invitation(code: string): Promise<{ id: string; name: string; memberCount: number } | undefined> {
      const [row] = await sql<{ id: string; name: string; memberCount: number }>`
        select r.id, r.name, r.member_count as "memberCount" from invites i join rooms r on r.id = i.room_id
        where i.code = ${code} and i.revoked_at is null and (i.max_uses is null or i.uses < i.max_uses) and (i.expires_at is null or i.expires_at > clock_timestamp())`;
      return row;
    },

    /** Whether there was something to revoke. */
    async revoke(roomId: string, code: string): Promise<boolean> {
      const rows =
        await sql`update invites i set revoked_at = clock_timestamp() where i.code = ${code} and i.room_id = ${roomId} and i.revoked_at is null returning i.code`;
      return rows.length > 0;
    },
  };
}

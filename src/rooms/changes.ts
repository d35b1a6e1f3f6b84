/** Every write of rooms: one call of one SQL function each (drizzle/0025 to 0036), which locks the room, judges the caller's right and takes the seqs. */
import type { Database } from '../db/client.ts';
import type { LeaveReason, RoomChanges } from '../events.ts';
import type { Member } from './model.ts';
import type { Refused, Taken } from './outcomes.ts';

type Refusal<O> = { outcome: O };
type Admitted = Taken & { outcome: 'done'; member: Member };
type Present = { outcome: 'unchanged'; member: Member };
type Left = Taken & { outcome: 'done'; payload: { member: Member; reason: LeaveReason } };

export type Created =
  | { outcome: 'done'; people: string[] }
  | { outcome: 'unknown'; unknownIds: number[] | null; unknownNames: number[] | null }
  | Refusal<'gone'>;
export type Opened = { outcome: 'done' | 'unchanged'; roomId: string } | Refusal<'not_found' | 'gone'>;
export type Joined = Admitted | Present | Refusal<Refused>;
export type Added = ((Admitted | Present) & { userId: string }) | Refusal<'unknown' | 'not_found' | 'forbidden'>;
export type Accepted = ((Admitted | { outcome: 'unchanged' }) & { roomId: string }) | Refusal<'not_found' | 'gone'>;
export type Gone = Left | Refusal<'not_found' | 'forbidden' | 'conflict'>;
/** The second row, when there is one, is the passing on of what he owned. */
export type Departed =
  | (Taken & { outcome: 'done'; type: 'member.left' | 'room.updated'; payload: Left['payload'] | { changes: RoomChanges } })
  | Refusal<'erased' | 'not_found'>;
export type Changed = Admitted | Present | Refusal<'not_found' | 'forbidden' | 'conflict'>;
export type Updated = (Taken & { outcome: 'done'; payload: { changes: RoomChanges } }) | Refusal<'unchanged' | 'unknown' | 'not_found' | 'forbidden'>;
export type Deleted = { outcome: 'done'; people: string[] } | Refusal<'not_found' | 'forbidden'>;
export type Invited = { outcome: 'done'; createdAt: string } | Refusal<'not_found' | 'forbidden'>;

export type NewRoom = {
  id: string;
  creatorId: string;
  name: string;
  description: string;
  visibility: 'private' | 'public';
  memberIds: readonly string[];
  memberUsernames: readonly string[];
  /** ISO 8601, of imported rooms only. */
  at: string | null;
};

/** Who asks, as the functions take it: whether he is an admin is the session's word, what he is in the room they look up. */
type Actor = { userId: string; role: 'user' | 'admin' };
const isAdmin = (actor: Actor) => actor.role === 'admin';

export type RoomChangesSql = ReturnType<typeof createRoomChanges>;

export function createRoomChanges({ sql }: Pick<Database, 'sql'>) {
  return {
    async create(room: NewRoom): Promise<Created> {
      const [row] = await sql<Created>`
        select outcome, people, unknown_ids as "unknownIds", unknown_names as "unknownNames"
        from create_room(${room.id}, ${room.creatorId}, ${room.name}, ${room.description}, ${room.visibility},
          ${room.memberIds}::uuid[], ${room.memberUsernames}::text[], ${room.at}::timestamptz)`;
      return row!;
    },

    async open(id: string, openerId: string, otherId: string): Promise<Opened> {
      const [row] = await sql<Opened>`select outcome, room_id as "roomId" from open_conversation(${id}, ${openerId}, ${otherId})`;
      return row!;
    },

    /** `at` (ISO 8601): an imported sender, who needs no right. */
    async join(roomId: string, actor: Actor, at: string | null = null): Promise<Joined> {
      const [row] = await sql<Joined>`select outcome, epoch, seq, at, member from join_room(${roomId}, ${actor.userId}, ${isAdmin(actor)}, ${at}::timestamptz)`;
      return row!;
    },

    /** Imported senders, in their order. The rooms are taken in one order first, as every batch takes them. */
    async joinAll(joining: readonly { roomId: string; userId: string; at: string }[]): Promise<Joined[]> {
      return await sql<Joined>`
        with joining as materialized (
          select * from unnest(${joining.map(({ roomId }) => roomId)}::uuid[], ${joining.map(({ userId }) => userId)}::uuid[], ${joining.map(({ at }) => at)}::timestamptz[])
            with ordinality as j(room_id, user_id, at, ord)
        ), joined as materialized (
          select j.ord, i.* from (select * from joining order by room_id, ord) j, lateral join_room(j.room_id, j.user_id, true, j.at) i
        )
        select outcome, epoch, seq, at, member from joined order by ord`;
    },

    async add(roomId: string, actor: Actor, person: { userId?: string; username?: string }, role: 'moderator' | 'member'): Promise<Added> {
      const [row] = await sql<Added>`
        select outcome, user_id as "userId", epoch, seq, at, member
        from add_member(${roomId}, ${actor.userId}, ${isAdmin(actor)}, ${person.userId ?? null}::uuid, ${person.username ?? null}::text, ${role})`;
      return row!;
    },

    async leave(roomId: string, actor: Actor): Promise<Gone> {
      const [row] = await sql<Gone>`select outcome, epoch, seq, at, payload from leave_room(${roomId}, ${actor.userId})`;
      return row!;
    },

    async remove(roomId: string, actor: Actor, userId: string): Promise<Gone> {
      const [row] = await sql<Gone>`select outcome, epoch, seq, at, payload from remove_member(${roomId}, ${actor.userId}, ${isAdmin(actor)}, ${userId})`;
      return row!;
    },

    async depart(roomId: string, userId: string, actorId: string | null): Promise<Departed[]> {
      return await sql<Departed>`select outcome, epoch, seq, at, type, payload from depart_room(${roomId}, ${userId}, ${actorId}::uuid)`;
    },

    async changeMember(roomId: string, actor: Actor, userId: string, role: 'moderator' | 'member'): Promise<Changed> {
      const [row] = await sql<Changed>`
        select outcome, epoch, seq, at, member from change_member(${roomId}, ${actor.userId}, ${isAdmin(actor)}, ${userId}, ${role})`;
      return row!;
    },

    async update(roomId: string, actor: Actor, changes: RoomChanges): Promise<Updated> {
      const { name = null, description = null, visibility = null, ownerId = null } = changes;
      const [row] = await sql<Updated>`
        select outcome, epoch, seq, at, payload
        from update_room(${roomId}, ${actor.userId}, ${isAdmin(actor)}, ${name}::text, ${description}::text, ${visibility}::text, ${ownerId}::uuid)`;
      return row!;
    },

    async delete(roomId: string, actor: Actor): Promise<Deleted> {
      const [row] = await sql<Deleted>`select outcome, people from delete_room(${roomId}, ${actor.userId}, ${isAdmin(actor)})`;
      return row!;
    },

    async invite(code: string, roomId: string, actor: Actor, maxUses: number | null, expiresAt: string | null): Promise<Invited> {
      const [row] = await sql<Invited>`
        select outcome, created_at as "createdAt"
        from create_invite(${code}, ${roomId}, ${actor.userId}, ${isAdmin(actor)}, ${maxUses}::int, ${expiresAt}::timestamptz)`;
      return row!;
    },

    async accept(code: string, actor: Actor): Promise<Accepted> {
      const [row] = await sql<Accepted>`
        select outcome, room_id as "roomId", epoch, seq, at, member from accept_invite(${code}, ${actor.userId})`;
      return row!;
    },
  };
}

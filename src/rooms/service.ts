/** Rooms: what can be done with them, with the caller first. Rights of writes are judged by the SQL functions under the room's lock; here they become answers, and `live` is told after the commit. */
import type { Counts } from '../cache.ts';
import type { Database } from '../db/client.ts';
import { forbidden, invalid, issue, notFound } from '../errors.ts';
import type { Live } from '../events.ts';
import { cursorScope, decodeCursor, pageOf } from '../lib/cursor.ts';
import { INITIAL_MEMBERS, PAGE_DEFAULT } from '../limits.ts';
import { createRoomChanges } from './changes.ts';
import { createConversations } from './conversations.ts';
import { createDepartures } from './departures.ts';
import { createInvites } from './invites.ts';
import { createMembers } from './members.ts';
import type { Caller, ChangeRoom, CountedPage, CreateRoom, ListRooms, ListUserRooms, Room } from './model.ts';
import { eventOf, refusal } from './outcomes.ts';
import { ROOM_COUNTS, type RoomParts, roomCountsMoved } from './ports.ts';
import { createRoomQueries, type Place, type RoomScope } from './queries.ts';
import { createReadyRooms, roomsCursorScope } from './ready.ts';

export type Rooms = ReturnType<typeof createRooms>;

export function createRooms({ db, live, counts, onDeleted }: { db: Pick<Database, 'sql'>; live: Live; counts: Counts; onDeleted?: () => void }) {
  const queries = createRoomQueries(db);
  const changes = createRoomChanges(db);
  const parts: RoomParts = { queries, changes, live, counts };

  /** As the caller sees it. Throws not_found. */
  async function one(caller: Caller, roomId: string): Promise<Room> {
    const room = await queries.one(roomId, caller.userId);
    const seen = room && (room.me || (room.kind === 'group' && (room.visibility === 'public' || caller.role === 'admin')));
    if (!seen) throw notFound();
    return room;
  }

  /** Decoded before anybody asks for rights: what can be judged alone comes first (rest.md, "Order of checks"). */
  function placeOf(cursorOf: string, cursor: string | undefined): Place {
    if (!cursor) return undefined;
    const [at, id] = decodeCursor(cursorOf, cursor, ['time', 'id']) as [string, string];
    return { at, id };
  }

  async function page(
    caller: Caller,
    scope: RoomScope,
    place: Place,
    cursorOf: string,
    { limit = PAGE_DEFAULT, total, query }: Pick<ListRooms, 'limit' | 'total' | 'query'>,
  ): Promise<CountedPage<Room>> {
    const [rows, counted] = await Promise.all([
      queries.list(caller.userId, scope, query, place, limit + 1),
      total && query === undefined ? count(caller, scope) : null,
    ]);
    const shown = pageOf(
      rows,
      limit,
      cursorOf,
      (room) => [room.lastActivityAt, room.id],
      (room) => room,
    );
    return total ? { ...shown, total: counted } : shown;
  }

  /** What walks an index of one person is counted; what would walk all rooms comes from the cache. */
  async function count(caller: Caller, scope: RoomScope): Promise<number> {
    const compute = () => queries.count(caller.userId, scope);
    if (scope.kind === 'mine' || scope.kind === 'of') return compute();
    return (await counts.get(scope.kind === 'public' ? ROOM_COUNTS.public : ROOM_COUNTS.groups, compute)).value;
  }

  async function update(caller: Caller, roomId: string, wanted: ChangeRoom): Promise<Room> {
    const row = await changes.update(roomId, caller, wanted);
    if (row.outcome === 'unknown') throw invalid(issue('/ownerId', 'unknown', 'names no enabled member of the room'));
    if (row.outcome === 'done') {
      live.publish(row.epoch, [eventOf('room.updated', roomId, row, caller.userId, row.payload)]);
      if (row.payload.changes.visibility) counts.drop(ROOM_COUNTS.public);
    } else if (row.outcome !== 'unchanged') {
      throw refusal(row.outcome, { forbidden: 'That takes a moderator of the room; handing it over takes its owner.' });
    }
    return one(caller, roomId);
  }

  return {
    /** A new group, its creator the owner. Throws invalid (`unknown` at each person who has no enabled account; then nothing is made). */
    async create(caller: Caller, { name, description = '', visibility = 'private', memberIds = [], memberUsernames = [] }: CreateRoom): Promise<Room> {
      if (memberIds.length + memberUsernames.length > INITIAL_MEMBERS) {
        throw invalid(issue('/memberIds', 'too_long', `and memberUsernames must have at most ${INITIAL_MEMBERS} items together`));
      }
      const id = Bun.randomUUIDv7();
      const row = await changes.create({ id, creatorId: caller.userId, name, description, visibility, memberIds, memberUsernames, at: null });
      if (row.outcome === 'unknown') {
        const unknown = (field: string) => (at: number) => issue(`/${field}/${at}`, 'unknown', 'names no enabled account');
        throw invalid(...(row.unknownIds ?? []).map(unknown('memberIds')), ...(row.unknownNames ?? []).map(unknown('memberUsernames')));
      }
      if (row.outcome === 'gone') throw refusal(row.outcome);
      live.added(id, row.people);
      roomCountsMoved(counts);
      return one(caller, id);
    },

    one,

    /** My rooms, the public ones or, for admins, all groups; most recently active first. Throws forbidden, invalid (`/cursor`). */
    async list(caller: Caller, { scope = 'mine', query, limit, cursor, total }: ListRooms): Promise<CountedPage<Room>> {
      const cursorOf = roomsCursorScope(scope, query);
      const place = placeOf(cursorOf, cursor);
      if (scope === 'all' && caller.role !== 'admin') throw forbidden('Only admins may list all rooms.');
      return page(caller, { kind: scope }, place, cursorOf, { query, limit, total });
    },

    /** A person's rooms: one's own, or for admins the groups of anybody. Throws not_found, forbidden, invalid (`/cursor`). */
    async listOf(caller: Caller, userId: string, { cursor, ...paging }: ListUserRooms): Promise<CountedPage<Room>> {
      const cursorOf = cursorScope('listUserRooms', { userId });
      const place = placeOf(cursorOf, cursor);
      if (userId === caller.userId) return page(caller, { kind: 'mine' }, place, cursorOf, paging);
      if (!(await queries.accountExists(userId))) throw notFound();
      if (caller.role !== 'admin') throw forbidden('Only admins may see the rooms of another person.');
      return page(caller, { kind: 'of', userId }, place, cursorOf, paging);
    },

    /** The room as it is then. Throws not_found, forbidden, invalid (`unknown` at `/ownerId`). */
    update,

    /** With everything in it. Throws not_found, forbidden. */
    async remove(caller: Caller, roomId: string): Promise<void> {
      const row = await changes.delete(roomId, caller);
      if (row.outcome !== 'done') throw refusal(row.outcome, { forbidden: 'Only the owner of the room may delete it.' });
      live.removed(roomId, row.people);
      roomCountsMoved(counts);
      onDeleted?.();
    },

    members: createMembers(parts),
    invites: createInvites(parts, one),
    conversations: createConversations(parts, one),

    /** For sockets: a room as its member sees it, for `room.added`; null for others. */
    async roomFor(userId: string, roomId: string): Promise<Room | null> {
      const room = await queries.one(roomId, userId);
      return room?.me ? room : null;
    },
    /** For sockets: the most recently active rooms of a person, and a cursor of `GET /rooms` behind them. */
    readyRooms: createReadyRooms(queries),

    ...createDepartures(parts, onDeleted),
  };
}

/** Members of a room: who they are, how they come, change and go. Rights of writes are judged under the room's lock (drizzle/). */
import { invalid, issue, notFound } from '../errors.ts';
import { mayRead } from '../lib/access.ts';
import { cursorScope, decodeCursor, pageOf } from '../lib/cursor.ts';
import { PAGE_DEFAULT } from '../limits.ts';
import type { AddMember, Caller, CountedPage, ListMembers, Member } from './model.ts';
import { eventOf, refusal } from './outcomes.ts';
import type { RoomParts } from './ports.ts';

const MODERATORS = { forbidden: 'That takes a moderator of the room.' };
const OWNERS = { forbidden: 'That takes the owner of the room.', conflict: 'The owner hands the room over first, with ownerId.' };

export function createMembers({ queries, changes, live }: RoomParts) {
  async function leave(caller: Caller, roomId: string): Promise<void> {
    const row = await changes.leave(roomId, caller);
    if (row.outcome !== 'done') throw refusal(row.outcome, { ...OWNERS, forbidden: 'A conversation of two can not be left.' });
    live.publish(row.epoch, [eventOf('member.left', roomId, row, caller.userId, row.payload)]);
  }

  return {
    /** Oldest first. Throws not_found, forbidden, invalid (`/cursor`). */
    async list(caller: Caller, roomId: string, { query, limit = PAGE_DEFAULT, cursor, total }: ListMembers): Promise<CountedPage<Member>> {
      const scope = cursorScope('listMembers', { roomId, query });
      const [at, id] = cursor ? (decodeCursor(scope, cursor, ['time', 'id']) as [string, string]) : [];
      const standing = await queries.standing(roomId, caller.userId);
      mayRead(standing, caller);
      const rows = await queries.members(roomId, query, at && id ? { at, id } : undefined, limit + 1);
      const page = pageOf(
        rows,
        limit,
        scope,
        (member) => [member.joinedAt, member.user.id],
        (member) => member,
      );
      return total ? { ...page, total: query === undefined ? standing!.memberCount : null } : page;
    },

    /** Throws not_found, forbidden. */
    async one(caller: Caller, roomId: string, userId: string): Promise<Member> {
      mayRead(await queries.standing(roomId, caller.userId), caller);
      const member = await queries.member(roomId, userId);
      if (!member) throw notFound();
      return member;
    },

    /** `added` is false when the person was there already, unchanged. Throws not_found, forbidden, invalid (both or neither named; `unknown`). */
    async add(caller: Caller, roomId: string, { userId, username, role = 'member' }: AddMember): Promise<{ member: Member; added: boolean }> {
      if ((userId === undefined) === (username === undefined)) {
        throw invalid(issue('', userId === undefined ? 'required' : 'mismatch', 'takes exactly one of userId and username'));
      }
      const row = await changes.add(roomId, caller, { userId, username }, role);
      if (row.outcome === 'unknown') throw invalid(issue(userId === undefined ? '/username' : '/userId', 'unknown', 'names no enabled account'));
      if (row.outcome === 'unchanged') return { member: row.member, added: false };
      if (row.outcome !== 'done') throw refusal(row.outcome, role === 'moderator' ? OWNERS : MODERATORS);
      live.publish(row.epoch, [eventOf('member.joined', roomId, row, caller.userId, { member: row.member })]);
      live.added(roomId, [row.userId]);
      return { member: row.member, added: true };
    },

    /** Another role. Throws not_found, forbidden, conflict (the owner). */
    async change(caller: Caller, roomId: string, userId: string, role: 'moderator' | 'member'): Promise<Member> {
      const row = await changes.changeMember(roomId, caller, userId, role);
      if (row.outcome !== 'done' && row.outcome !== 'unchanged') throw refusal(row.outcome, OWNERS);
      if (row.outcome === 'done') live.publish(row.epoch, [eventOf('member.updated', roomId, row, caller.userId, { member: row.member })]);
      return row.member;
    },

    /** Removing oneself is leaving. Throws not_found, forbidden, conflict (the owner). */
    async remove(caller: Caller, roomId: string, userId: string): Promise<void> {
      if (userId === caller.userId) return leave(caller, roomId);
      const row = await changes.remove(roomId, caller, userId);
      if (row.outcome !== 'done') throw refusal(row.outcome, { ...MODERATORS, conflict: OWNERS.conflict });
      live.publish(row.epoch, [eventOf('member.left', roomId, row, caller.userId, row.payload)]);
    },

    /** The caller's membership; a member's own is answered unchanged. Throws not_found, forbidden. */
    async join(caller: Caller, roomId: string): Promise<Member> {
      const row = await changes.join(roomId, caller);
      if (row.outcome === 'unchanged') return row.member;
      if (row.outcome !== 'done') throw refusal(row.outcome, { forbidden: 'Into a private room one is added or invited.' });
      live.publish(row.epoch, [eventOf('member.joined', roomId, row, caller.userId, { member: row.member })]);
      live.added(roomId, [caller.userId]);
      return row.member;
    },

    /** Throws not_found (no member), forbidden (a conversation), conflict (the owner). */
    leave,
  };
}

/** Invites: links that let people into a room. A code is a secret and the only thing that is asked of who comes with it. */
import { randomBytes } from 'node:crypto';
import { forbidden, invalid, issue, notFound } from '../errors.ts';
import { outsider } from '../lib/access.ts';
import { cursorScope, decodeCursor, pageOf } from '../lib/cursor.ts';
import { PAGE_DEFAULT } from '../limits.ts';
import type { Caller, CountedPage, CreateInvite, Invite, ListPaged, Room } from './model.ts';
import { eventOf, refusal } from './outcomes.ts';
import type { RoomParts } from './ports.ts';

/** 96 bits: at a thousand guesses a second, a million living codes are found once in two million years. */
const CODE_BYTES = 12;
/** What a code can look like; anything else in a path names nothing, and never reaches SQL. */
const CODE = /^[A-Za-z0-9_-]{10,64}$/;
const WHY = 'Invites are in the hands of the moderators of the room.';
/** Timestamps of the wire have years of four digits. */
const LAST_YEAR = 9_999;

export function createInvites({ queries, changes, live }: RoomParts, roomOf: (caller: Caller, roomId: string) => Promise<Room>) {
  /** Throws not_found, forbidden: invites are seen by those who may make them. */
  async function mayManage(caller: Caller, roomId: string): Promise<void> {
    const standing = await queries.standing(roomId, caller.userId);
    if (standing?.kind === 'group' && (caller.role === 'admin' || standing.role === 'owner' || standing.role === 'moderator')) return;
    throw standing?.role ? forbidden(WHY) : outsider(standing, caller);
  }

  return {
    /** Throws not_found, forbidden, invalid (`expiresAt` not in the future). */
    async create(caller: Caller, roomId: string, { maxUses: most, expiresAt }: CreateInvite): Promise<Invite> {
      const expires = expiresAt === undefined ? null : new Date(expiresAt);
      if (expires && expires.getTime() <= Date.now()) throw invalid(issue('/expiresAt', 'too_small', 'must be in the future'));
      if (expires && expires.getUTCFullYear() > LAST_YEAR) throw invalid(issue('/expiresAt', 'too_large', `must be before the year ${LAST_YEAR + 1} in UTC`));
      const maxUses = most ?? null;
      const code = randomBytes(CODE_BYTES).toString('base64url');
      const until = expires?.toISOString() ?? null;
      const row = await changes.invite(code, roomId, caller, maxUses, until);
      if (row.outcome !== 'done') throw refusal(row.outcome, { forbidden: WHY });
      return { code, roomId, maxUses, uses: 0, expiresAt: until, creatorId: caller.userId, createdAt: row.createdAt };
    },

    /** Newest first, all that weren't revoked. Throws not_found, forbidden, invalid (`/cursor`). */
    async list(caller: Caller, roomId: string, { limit = PAGE_DEFAULT, cursor, total }: ListPaged): Promise<CountedPage<Invite>> {
      const scope = cursorScope('listInvites', { roomId });
      const [at, code] = cursor ? (decodeCursor(scope, cursor, ['time', 'text']) as [string, string]) : [];
      await mayManage(caller, roomId);
      const rows = await queries.invites(roomId, at && code ? { at, code } : undefined, limit + 1);
      const page = pageOf(
        rows,
        limit,
        scope,
        (invite) => [invite.createdAt, invite.code],
        (invite) => invite,
      );
      return total ? { ...page, total: null } : page;
    },

    /** Throws not_found (also when it was revoked already), forbidden. */
    async revoke(caller: Caller, roomId: string, code: string): Promise<void> {
      await mayManage(caller, roomId);
      if (!CODE.test(code) || !(await queries.revoke(roomId, code))) throw notFound();
    },

    /** Where a code leads. Throws not_found: unknown, revoked, expired and used-up codes are the same to the world. */
    async look(code: string): Promise<{ room: { id: string; name: string; memberCount: number } }> {
      const room = CODE.test(code) ? await queries.invitation(code) : undefined;
      if (!room) throw notFound('This invite does not exist, or no longer.');
      return { room };
    },

    /** The room, with the caller as its member. Who is one already spends no use. Throws not_found. */
    async accept(caller: Caller, code: string): Promise<Room> {
      if (!CODE.test(code)) throw notFound('This invite does not exist, or no longer.');
      const row = await changes.accept(code, caller);
      if (row.outcome !== 'done' && row.outcome !== 'unchanged') throw refusal(row.outcome);
      if (row.outcome === 'done') {
        live.publish(row.epoch, [eventOf('member.joined', row.roomId, row, caller.userId, { member: row.member })]);
        live.added(row.roomId, [caller.userId]);
      }
      return roomOf(caller, row.roomId);
    },
  };
}

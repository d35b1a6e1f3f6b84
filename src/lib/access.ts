/** Who may see what is inside a room: members, and admins in groups. The one place of the rule "404 or 403". */
import { forbidden, notFound } from '../errors.ts';
import type { Caller } from '../users/model.ts';

/** Where a person stands towards a room; undefined or null when there is no such room. */
export type Standing = { kind: 'group' | 'direct'; visibility: 'private' | 'public'; role: 'owner' | 'moderator' | 'member' | null } | null | undefined;

/** Returns for those who may read; others learn 404, or 403 when the room is public. Throws not_found, forbidden. */
export function mayRead(standing: Standing, caller: Caller): void {
  if (standing?.role || (standing?.kind === 'group' && caller.role === 'admin')) return;
  throw outsider(standing, caller);
}

/** What somebody learns who would have to be a member: 403 where he may see the room, else 404. */
export function outsider(standing: Standing, caller: Caller): Error {
  const seen = standing?.kind === 'group' && (standing.visibility === 'public' || caller.role === 'admin');
  return seen ? forbidden('Only members of the room may do that.') : notFound();
}

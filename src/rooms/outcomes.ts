/** What the SQL functions of rooms answer, as the errors and events of the contract. Decides nothing: the functions have decided, under the lock. */
import { AppError, conflict, forbidden, notFound } from '../errors.ts';
import type { Event } from '../events.ts';

export type Refused = 'not_found' | 'forbidden' | 'conflict' | 'gone';

/** `gone`: the caller's own account was deleted while he asked. */
export function refusal(outcome: Refused, why: { forbidden?: string; conflict?: string } = {}): AppError {
  switch (outcome) {
    case 'not_found':
      return notFound();
    case 'forbidden':
      return forbidden(why.forbidden);
    case 'conflict':
      return conflict(why.conflict ?? 'The room is in no state for that.');
    case 'gone':
      return new AppError('session_revoked');
  }
}

/** What took a seq: its place in the room's log. */
export type Taken = { epoch: string; seq: number; at: string };

/** An event in the form of the log, whose `payload` is stored beside it: read back later, it is the same text. */
export const eventOf = (type: Event['type'], roomId: string, { seq, at }: Taken, actorId: string | null, payload: object): Event =>
  ({ type, roomId, seq, at, actorId, ...payload }) as Event;

/** Direct conversations: one per pair of people, for ever. */
import { invalid, issue } from '../errors.ts';
import type { Caller, Room } from './model.ts';
import { refusal } from './outcomes.ts';
import { ROOM_COUNTS, type RoomParts } from './ports.ts';

export function createConversations({ changes, live, counts }: RoomParts, roomOf: (caller: Caller, roomId: string) => Promise<Room>) {
  return {
    /**
     * The caller's conversation with a person; `opened` says that it is new. Throws invalid (with oneself), not_found (unknown
     * or deleted, or disabled when there is no conversation yet).
     */
    async open(caller: Caller, userId: string): Promise<{ room: Room; opened: boolean }> {
      if (userId === caller.userId) throw invalid(issue('', 'mismatch', 'takes another person'));
      const row = await changes.open(Bun.randomUUIDv7(), caller.userId, userId);
      if (row.outcome !== 'done' && row.outcome !== 'unchanged') throw refusal(row.outcome);
      const opened = row.outcome === 'done';
      if (opened) {
        live.added(row.roomId, [caller.userId, userId]);
        counts.drop(ROOM_COUNTS.every);
      }
      return { room: await roomOf(caller, row.roomId), opened };
    },
  };
}

/** A deleted account goes from its rooms, one statement a room, so that it can be taken up again wherever it was interrupted. */
import { eventOf } from './outcomes.ts';
import { type RoomParts, roomCountsMoved } from './ports.ts';

export function createDepartures({ queries, changes, live, counts }: RoomParts, onErased?: () => void) {
  /**
   * Ends all memberships of an account that is marked as deleted already: nobody can let it into a room any more. What it owned
   * passes on, or goes when nobody is left. `actorId`: who deleted it, when it wasn't the person.
   */
  async function leaveAll(userId: string, actorId: string | null = userId): Promise<void> {
    for (const roomId of await queries.roomIdsOf(userId)) {
      const rows = await changes.depart(roomId, userId, actorId);
      const [first] = rows;
      if (first?.outcome === 'done') {
        live.publish(
          first.epoch,
          rows.flatMap((row) => (row.outcome === 'done' ? [eventOf(row.type, roomId, row, actorId, row.payload)] : [])),
        );
      } else if (first?.outcome === 'erased') {
        live.removed(roomId, []);
        roomCountsMoved(counts);
        onErased?.();
      }
    }
  }

  return {
    leaveAll,
    /** Finishes what a process that ended in between has left: deleted accounts that are still members somewhere. */
    async resumeDepartures(): Promise<void> {
      for (const userId of await queries.departing()) await leaveAll(userId);
    },
  };
}

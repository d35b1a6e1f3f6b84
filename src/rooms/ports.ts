/** What the verbs of rooms are made of, and the names of the counts that they make stale. Types and names only. */
import type { Live } from '../events.ts';
import type { RoomChangesSql } from './changes.ts';
import type { RoomQueries } from './queries.ts';

/** Totals that no row carries, cached for all nodes; `drop` makes the next `get` compute anew. */
export type Counts = {
  get(key: string, compute: () => Promise<number>): Promise<{ value: number; asOf: string }>;
  drop(key: string): void;
};

export type RoomParts = { queries: RoomQueries; changes: RoomChangesSql; live: Live; counts: Counts };

/** Every room, conversations too (/stats) · groups (`scope=all`) · public ones (`scope=public`). */
export const ROOM_COUNTS = { every: 'rooms', groups: 'rooms:groups', public: 'rooms:public' } as const;

/** After a room came, went or changed its visibility. */
export function roomCountsMoved(counts: Counts): void {
  for (const key of Object.values(ROOM_COUNTS)) counts.drop(key);
}

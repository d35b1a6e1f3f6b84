/** What the verbs of rooms are made of, and the names of the counts that they make stale. Types and names only. */
import type { Counts } from '../cache.ts';
import type { Live } from '../events.ts';
import type { RoomChangesSql } from './changes.ts';
import type { RoomQueries } from './queries.ts';

export type RoomParts = { queries: RoomQueries; changes: RoomChangesSql; live: Live; counts: Counts };

/** Every room, conversations too (/stats) · groups (`scope=all`) · public ones (`scope=public`). */
export const ROOM_COUNTS = { every: 'rooms', groups: 'rooms:groups', public: 'rooms:public' } as const;

/** After a group came or went. */
export const roomCountsMoved = (counts: Counts): void => counts.drop(...Object.values(ROOM_COUNTS));

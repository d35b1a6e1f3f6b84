/** The rooms that a socket hears of at its opening, and the cursor with which GET /rooms goes on behind them. */
import { cursorScope, encodeCursor } from '../lib/cursor.ts';
import { READY_ROOMS } from '../limits.ts';
import type { RoomQueries } from './queries.ts';

export type ReadyRoom = { roomId: string; epoch: string; lastSeq: number; readSeq: number };

/** `mine` is what GET /rooms lists without a scope: a cursor of one is a cursor of the other. */
export const roomsCursorScope = (scope: 'mine' | 'public' | 'all', query: string | undefined): string => cursorScope('listRooms', { scope, query });

export function createReadyRooms(queries: Pick<RoomQueries, 'ready'>) {
  /** The most recently active rooms of a person; `next` is null when these are all. */
  return async function readyRooms(userId: string): Promise<{ rooms: ReadyRoom[]; next: string | null }> {
    const found = await queries.ready(userId, READY_ROOMS + 1);
    const rows = found.slice(0, READY_ROOMS);
    const last = rows.at(-1);
    const next = found.length > READY_ROOMS && last ? encodeCursor(roomsCursorScope('mine', undefined), [last.lastActivityAt, last.roomId]) : null;
    return { rooms: rows.map(({ lastActivityAt: _, ...room }) => room), next };
  };
}

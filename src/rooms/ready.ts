/** The rooms that a socket hears of at its opening, and the cursor with which GET /rooms goes on behind them. */
import { cursorScope, encodeCursor } from '../lib/cursor.ts';
import { createGather } from '../lib/gather.ts';
import { READY_ROOMS } from '../limits.ts';
import type { RoomQueries } from './queries.ts';

export type ReadyRoom = { roomId: string; epoch: string; lastSeq: number; readSeq: number };
type Row = Awaited<ReturnType<RoomQueries['ready']>>[number];

/** People in one statement. Each may bring 201 rows. */
const PEOPLE_AT_ONCE = 64;

/** `mine` is what GET /rooms lists without a scope: a cursor of one is a cursor of the other. */
export const roomsCursorScope = (scope: 'mine' | 'public' | 'all', query: string | undefined): string => cursorScope('listRooms', { scope, query });

export function createReadyRooms(queries: Pick<RoomQueries, 'ready'>) {
  /** Several sockets of one person that open at once are one question. */
  const ready = createGather<string, Row[]>(
    async (userIds) => {
      const people = [...new Set(userIds)];
      const rowsOf = new Map<string, Row[]>(people.map((userId) => [userId, []]));
      for (const row of await queries.ready(people, READY_ROOMS + 1)) rowsOf.get(people[row.ord - 1]!)!.push(row);
      return userIds.map((userId) => rowsOf.get(userId)!);
    },
    { most: PEOPLE_AT_ONCE, inFlight: 2 },
  );

  /** The most recently active rooms of a person; `next` is null when these are all. */
  return async function readyRooms(userId: string): Promise<{ rooms: ReadyRoom[]; next: string | null }> {
    const found = await ready(userId);
    const rows = found.slice(0, READY_ROOMS);
    const last = rows.at(-1);
    const next = found.length > READY_ROOMS && last ? encodeCursor(roomsCursorScope('mine', undefined), [last.lastActivityAt, last.roomId]) : null;
    return { rooms: rows.map(({ roomId, epoch, lastSeq, readSeq }) => ({ roomId, epoch, lastSeq, readSeq })), next };
  };
}

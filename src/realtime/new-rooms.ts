/**
 * `room.added`, once on each socket of whoever is new in a room: heard from the verb that did it, from its node over the bus, or
 * from the poll, whichever is first. What `ready` listed is not new.
 */
import type { Log } from '../lib/log.ts';
import { createTurns } from '../lib/turns.ts';
import type { Room } from '../rooms/model.ts';
import type { Connection } from './connection.ts';
import * as frames from './frames.ts';
import type { ReadyRoom } from './model.ts';
import type { Roster } from './roster.ts';

/** Longer than the window in which the poll repeats itself. */
const REMEMBER_MS = 60_000;
const FRESH_MS = 15_000;
/** An import or a seed makes thousands of memberships at once: asked for all together they would leave no query to anybody else. */
const ASKED_AT_ONCE = 16;

export type NewRooms = ReturnType<typeof createNewRooms>;

export type NewRoomsPorts = { log: Log; roster: Roster; roomFor: (userId: string, roomId: string) => Promise<Room | null> };

export function createNewRooms({ log, roster, roomFor }: NewRoomsPorts) {
  /** user and room → when it was told here, in order. */
  const told = new Map<string, number>();
  /** What the `ready` of young sockets listed, as marks: this is held for thousands at once after an outage. Two generations, so that none needs its age. */
  let fresh = new Map<Connection, number | Float64Array>();
  let aged = fresh;
  let agedAt = performance.now();
  const keyOf = (userId: string, roomId: string) => `${userId} ${roomId}`;

  function knows(connection: Connection, roomId: string): boolean {
    const listed = fresh.get(connection) ?? aged.get(connection);
    return listed !== undefined && (typeof listed === 'number' ? listed === markOf(roomId) : listed.includes(markOf(roomId)));
  }

  const inTurn = createTurns({ atOnce: ASKED_AT_ONCE, waiting: Number.POSITIVE_INFINITY });

  /** Whether it is news to a socket of theirs. */
  function isNews(userId: string, roomId: string): boolean {
    for (const connection of roster.of(userId)) if (!knows(connection, roomId)) return true;
    return false;
  }

  async function tell(userId: string, roomId: string): Promise<void> {
    if (!isNews(userId, roomId)) return;
    const room = await roomFor(userId, roomId);
    if (!room) return;
    const text = frames.roomAdded(room);
    for (const connection of roster.of(userId)) {
      if (connection.only !== '' && connection.only !== roomId) continue;
      connection.whenReady(() => knows(connection, roomId) || connection.send(text));
    }
  }

  return {
    /** Somebody came into a room. */
    added(userId: string, roomId: string): void {
      if (!roster.has(userId)) return;
      const key = keyOf(userId, roomId);
      if (told.has(key)) return;
      told.set(key, performance.now());
      inTurn(() => tell(userId, roomId)).catch((error) => {
        // The poll says it again within its window.
        told.delete(key);
        log.debug({ err: error }, 'room.added waits for the database');
      });
    },

    /** Somebody is out again: the next time he comes in it is news. */
    removed(userId: string, roomId: string): void {
      told.delete(keyOf(userId, roomId));
      const mark = markOf(roomId);
      for (const connection of roster.of(userId)) {
        for (const generation of [fresh, aged]) {
          const listed = generation.get(connection);
          if (listed === mark) generation.delete(connection);
          else if (listed instanceof Float64Array)
            generation.set(
              connection,
              listed.filter((known) => known !== mark),
            );
        }
      }
    },

    /** What a socket's `ready` listed. */
    known(connection: Connection, rooms: readonly ReadyRoom[]): void {
      if (rooms.length === 1) fresh.set(connection, markOf(rooms[0]!.roomId));
      else if (rooms.length > 1)
        fresh.set(
          connection,
          Float64Array.from(rooms, ({ roomId }) => markOf(roomId)),
        );
    },

    forget(connection: Connection): void {
      fresh.delete(connection);
      aged.delete(connection);
    },

    sweep(): void {
      const now = performance.now();
      for (const [key, at] of told) {
        if (now - at < REMEMBER_MS) break;
        told.delete(key);
      }
      if (now - agedAt < FRESH_MS) return;
      agedAt = now;
      aged = fresh;
      fresh = new Map();
    },
  };
}

/** The last 48 bits of the id, drawn at random for each room: a number takes no memory of its own. */
const markOf = (roomId: string): number => Number.parseInt(roomId.slice(-12), 16);

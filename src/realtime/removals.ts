/**
 * Cutting people off. A removal is heard of twice, on the room's channel in its place among the events and on the person's own,
 * and is told once on each socket. On a subscribed socket only the first way counts, so that it is the last frame of that room.
 */
import type { LeaveReason } from '../events.ts';
import type { Connection } from './connection.ts';
import type { Feed, Heard } from './feed.ts';
import * as frames from './frames.ts';
import { CLOSES } from './model.ts';
import type { Roster } from './roster.ts';

export type Removals = ReturnType<typeof createRemovals>;

export function createRemovals({ roster, close }: { roster: Roster; close: (connection: Connection, code: number) => void }) {
  /** `seq` is Infinity when the room is gone. */
  function tell(connection: Connection, roomId: string, seq: number, reason: LeaveReason): void {
    connection.busy?.lost?.add(roomId);
    connection.whenReady(() => {
      if (connection.only !== '' && connection.only !== roomId) return;
      if (!connection.learns(roomId, seq)) return;
      connection.send(frames.roomRemoved(roomId, Number.isFinite(seq) ? seq : undefined, reason));
      if (connection.only === roomId) close(connection, CLOSES.room);
    });
  }

  return {
    tell,

    /** In the tick in which the room's `member.left` is published: whoever of that person is in the topic is out of it first. */
    fence(feed: Feed, { userId, seq, reason }: Heard): void {
      for (const connection of [...roster.of(userId)]) {
        connection.leave(feed);
        tell(connection, feed.roomId, seq, reason || 'removed');
      }
    },

    /** From the person's own channel: sockets that hear the room wait for the fence. */
    left(userId: string, roomId: string, seq: number, reason: LeaveReason): void {
      for (const connection of [...roster.of(userId)]) {
        if (!connection.hearsRoom(roomId)) tell(connection, roomId, seq, reason);
      }
    },

    /** The room is gone, for these people and for everyone who hears it here. */
    gone(roomId: string, userIds: readonly string[], feed: Feed | undefined): void {
      const cut = (connection: Connection) => {
        if (feed) connection.leave(feed);
        tell(connection, roomId, Number.POSITIVE_INFINITY, 'deleted');
      };
      for (const userId of userIds) for (const connection of [...roster.of(userId)]) cut(connection);
      if (feed && feed.subscribers > 0) for (const connection of [...roster.all]) if (connection.hears(feed)) cut(connection);
    },
  };
}

/**
 * What is worth hearing only now: who is typing, how far somebody has read. Throttled where it begins, kept out of large rooms
 * and of rooms with somebody behind, and never sent to the person it is about but for his own read markers.
 */
import { EPHEMERAL_MEMBERS } from '../limits.ts';
import { roomTopic, userTopic } from '../events.ts';
import type { Bus } from './bus.ts';
import type { Connection } from './connection.ts';
import type { Deliver } from './deliver.ts';
import type { Feed } from './feed.ts';
import * as frames from './frames.ts';
import type { Roster } from './roster.ts';

/** At most one frame per user, room and kind in this time, and the last value at its end. */
const THROTTLE_MS = 3_000;

export type Ephemeral = ReturnType<typeof createEphemeral>;

export function createEphemeral(ports: { bus: Bus; roster: Roster; feeds: ReadonlyMap<string, Feed>; deliver: Deliver }) {
  const { bus, roster, feeds, deliver } = ports;
  const throttled = new Map<string, { timer: ReturnType<typeof setTimeout>; last: (() => void) | undefined }>();

  /** Runs `emit` now, or, within three seconds of the last time, at their end in place of what waited there. */
  function throttle(key: string, emit: () => void, always = false): void {
    const entry = throttled.get(key);
    if (entry && !always) {
      entry.last = emit;
      return;
    }
    emit();
    if (entry) entry.last = undefined;
    else open(key);
  }

  function open(key: string): void {
    const timer = setTimeout(() => {
      const { last } = throttled.get(key)!;
      throttled.delete(key);
      if (!last) return;
      last();
      open(key);
    }, THROTTLE_MS);
    throttled.set(key, { timer, last: undefined });
  }

  /** Within one tick Bun keeps unsubscribe, publish and subscribe in order (field notes), so this leaves out exactly the person's own sockets. */
  function toOthers(roomId: string, userId: string, text: string): void {
    const feed = feeds.get(roomId);
    if (!feed?.followed || feed.memberCount > EPHEMERAL_MEMBERS || feed.troubled) return;
    const own = roster.of(userId).filter((connection) => connection.open && connection.hears(feed));
    for (const { ws } of own) ws.unsubscribe(feed.topic);
    deliver.toTopic(feed, text);
    for (const { ws } of own) ws.subscribe(feed.topic);
  }

  function toOwn(userId: string, roomId: string, text: string): void {
    const send = (connection: Connection) => {
      if (connection.phase === 'ready' && (connection.only === '' || connection.only === roomId)) connection.send(text);
    };
    for (const connection of roster.of(userId)) send(connection);
  }

  return {
    /** From a member on this node. */
    typing(userId: string, roomId: string, active: boolean): void {
      throttle(
        `t${userId}${roomId}`,
        () => {
          toOthers(roomId, userId, frames.typing(roomId, userId, active));
          bus.send(roomTopic(roomId), `typing ${userId} ${active}`);
        },
        !active,
      );
    },

    /** A marker moved on this node: the person's own sockets hear each move, the room hears of it now and then. */
    read(userId: string, roomId: string, readSeq: number): void {
      const text = frames.readUpdated(roomId, userId, readSeq);
      toOwn(userId, roomId, text);
      bus.send(userTopic(userId), `read ${roomId} ${readSeq}`);
      throttle(`r${userId}${roomId}`, () => {
        toOthers(roomId, userId, text);
        bus.send(roomTopic(roomId), `read ${userId} ${readSeq}`);
      });
    },

    /** The same from other nodes. */
    heardTyping: (roomId: string, userId: string, active: boolean) => toOthers(roomId, userId, frames.typing(roomId, userId, active)),
    heardRead: (roomId: string, userId: string, readSeq: number) => toOthers(roomId, userId, frames.readUpdated(roomId, userId, readSeq)),
    heardOwnRead: (userId: string, roomId: string, readSeq: number) => toOwn(userId, roomId, frames.readUpdated(roomId, userId, readSeq)),

    stop(): void {
      for (const { timer } of throttled.values()) clearTimeout(timer);
      throttled.clear();
    },
  };
}

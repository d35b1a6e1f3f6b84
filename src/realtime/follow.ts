/**
 * Which rooms this node follows. The order is what makes it safe: first the room's channel is listened to, then, when that is
 * confirmed, epoch and last seq are read; what came in between is held and judged by them. Followers that come together share
 * one query, and a room is let go a while after its last subscriber.
 */
import type { Metrics } from '../metrics.ts';
import type { ReadLog } from '../messages/log.ts';
import type { Bus } from './bus.ts';
import type { Deliver } from './deliver.ts';
import { Feed } from './feed.ts';
import type { Rings } from './ring.ts';

/** Somebody who reconnects finds his rooms still followed. */
const LET_GO_MS = 30_000;

export type Follow = ReturnType<typeof createFollow>;

export function createFollow(ports: { bus: Bus; readLog: ReadLog; rings: Rings; metrics: Metrics; deliver: () => Deliver }) {
  const { bus, readLog, rings, metrics, deliver } = ports;
  const feeds = new Map<string, Feed>();
  const coming = new Map<Feed, Promise<void>>();

  async function begin(fresh: readonly Feed[]): Promise<void> {
    try {
      await bus.listen(fresh.map((feed) => feed.topic));
      const rooms = fresh.map(({ roomId }) => ({ roomId, after: null }));
      const pages = await readLog(null, rooms, { most: 1, whole: true });
      const byRoom = new Map(pages.map((page) => [page.roomId, page]));
      for (const feed of fresh) {
        const page = byRoom.get(feed.roomId);
        if (!page) {
          drop(feed);
          continue;
        }
        feed.epoch = page.epoch;
        feed.head = page.lastSeq;
        feed.memberCount = page.memberCount;
        feed.followed = true;
        deliver().drain(feed);
      }
    } catch (error) {
      for (const feed of fresh) drop(feed);
      throw error;
    } finally {
      for (const feed of fresh) coming.delete(feed);
    }
  }

  /** The room is gone, or nobody needs it here. */
  function drop(feed: Feed): void {
    feed.gone = true;
    if (feeds.get(feed.roomId) !== feed) return;
    feeds.delete(feed.roomId);
    bus.leave([feed.topic]);
    clearTimeout(feed.holdTimer);
    feed.ring.clear();
    metrics.followed.set(feeds.size);
  }

  return {
    feeds,
    drop,

    /** The feeds of these rooms, in order, kept until `unpin`. A feed whose room does not exist is `gone`. Throws unavailable. */
    async pin(roomIds: readonly string[]): Promise<Feed[]> {
      const fresh: Feed[] = [];
      const pinned = roomIds.map((roomId) => {
        let feed = feeds.get(roomId);
        if (!feed) {
          feed = new Feed(roomId, rings);
          feeds.set(roomId, feed);
          fresh.push(feed);
        }
        feed.pins++;
        return feed;
      });
      if (fresh.length > 0) {
        metrics.followed.set(feeds.size);
        const begun = begin(fresh);
        for (const feed of fresh) coming.set(feed, begun);
      }
      try {
        await Promise.all(new Set(pinned.map((feed) => coming.get(feed))));
      } catch (error) {
        this.unpin(pinned);
        throw error;
      }
      return pinned;
    },

    unpin(pinned: readonly Feed[]): void {
      const now = performance.now();
      for (const feed of pinned) {
        feed.pins--;
        feed.idleSince = now;
      }
    },

    /** Lets go what nobody has needed for a while. */
    sweep(): void {
      const before = performance.now() - LET_GO_MS;
      for (const feed of feeds.values()) if (feed.subscribers === 0 && feed.pins === 0 && feed.idleSince < before) drop(feed);
    },
  };
}

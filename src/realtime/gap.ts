/**
 * A node that fell behind a room, or that finds another log under the same room, says so to everyone who hears it: `gap`, and
 * live goes on behind it. Removals may lie in what is skipped, so before a word more is published whoever is no member any more
 * is cut off.
 */
import type { Metrics } from '../metrics.ts';
import type { Deliver } from './deliver.ts';
import type { Feed } from './feed.ts';
import * as frames from './frames.ts';
import type { GapReason } from './model.ts';
import type { RealtimeQueries } from './queries.ts';
import type { Removals } from './removals.ts';
import type { Roster } from './roster.ts';

export type Fall = ReturnType<typeof createFall>;

export function createFall(ports: { metrics: Metrics; queries: RealtimeQueries; roster: Roster; removals: Removals; deliver: Deliver }) {
  const { metrics, queries, roster, removals, deliver } = ports;

  /** Brings the feed to `to` of `epoch` without its events. Throws unavailable: then nothing has changed. */
  return async function fall(feed: Feed, epoch: string, to: number, reason: GapReason): Promise<void> {
    feed.paused = true;
    try {
      const people = new Set<string>();
      for (const connection of roster.all) if (connection.hears(feed)) people.add(connection.caller!.userId);
      const strangers = people.size > 0 ? await queries.strangers(feed.roomId, [...people]) : [];
      for (const { userId, seq, reason: why } of strangers) {
        for (const connection of [...roster.of(userId)]) {
          if (connection.leave(feed)) removals.tell(connection, feed.roomId, seq ?? to, why ?? 'removed');
        }
      }
      const from = reason === 'epoch' ? 1 : feed.head + 1;
      feed.ring.clear();
      feed.epoch = epoch;
      feed.head = to;
      feed.movedAt = performance.now();
      deliver.toTopic(feed, frames.gap(feed.roomId, epoch, from, to, reason));
      metrics.gaps.inc({ reason });
      if (reason === 'lost') metrics.lost.inc();
    } finally {
      feed.paused = false;
    }
    deliver.drain(feed);
  };
}

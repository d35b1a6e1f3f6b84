/**
 * Puts a room's events before its local subscribers in seq order: next in line is published, older is dropped, newer is held
 * for a moment and then read from the log. A removal is a fence: in the tick in which `member.left` is published, that
 * person's sockets leave the topic. It never asks Postgres itself.
 */
import type { Metrics } from '../metrics.ts';
import type { Feed, Heard } from './feed.ts';
import { Hold } from './hold.ts';
import type { Removals } from './removals.ts';

/** Events of one room may arrive out of order by the time of a hop between nodes; a hole that lasts longer is read. */
export const HOLD_MS = 50;

export type Deliver = ReturnType<typeof createDeliver>;

export type DeliverPorts = {
  metrics: Metrics;
  removals: Removals;
  /** Bun's publish: ≤ 0 when somebody is behind (the others did get it: never repeat it). */
  publish: (topic: string, text: string) => number;
  /** Somebody is behind: look for him. */
  trouble: () => void;
  /** Who came or went, for presence. */
  moved: (feed: Feed, heard: Heard) => void;
  /** The log has more than was heard, or is another one. */
  heal: (feed: Feed) => void;
};

export function createDeliver({ metrics, removals, publish, trouble, moved, heal }: DeliverPorts) {
  function toTopic(feed: Feed, text: string): void {
    if (feed.subscribers === 0) return;
    feed.troubled = publish(feed.topic, text) <= 0;
    if (feed.troubled) trouble();
  }

  /** The next event of the room. */
  function show(feed: Feed, heard: Heard): void {
    feed.head = heard.seq;
    feed.movedAt = performance.now();
    feed.ring.push({ seq: heard.seq, text: heard.text, leaver: heard.kind === 'left' ? heard.userId : '' });
    if (heard.kind !== 'other') {
      feed.memberCount += heard.kind === 'joined' ? 1 : -1;
      if (heard.kind === 'left') removals.fence(feed, heard);
      moved(feed, heard);
    }
    toTopic(feed, heard.text);
    metrics.published.inc();
  }

  /** Publishes what waited for the head to come this far; what still waits gets its time. */
  function drain(feed: Feed): void {
    const { hold } = feed;
    if (!hold || feed.paused) return;
    for (let next = hold.take(feed.head + 1); next; next = hold.take(feed.head + 1)) {
      if (next.epoch !== feed.epoch) {
        heal(feed);
        break;
      }
      show(feed, next);
    }
    hold.settle(feed.head);
    if (hold.highest > feed.head) arm(feed);
    else feed.hold = undefined;
  }

  function arm(feed: Feed): void {
    feed.holdTimer ??= setTimeout(() => {
      feed.holdTimer = undefined;
      if (feed.hold && feed.hold.highest > feed.head && !feed.gone) heal(feed);
    }, HOLD_MS);
  }

  return {
    toTopic,
    drain,

    /** An event from this node or another, in any order, any number of times. */
    accept(feed: Feed, heard: Heard): void {
      if (!feed.followed || feed.paused) {
        feed.hold ??= new Hold();
        feed.hold.add(heard);
      } else if (heard.epoch !== feed.epoch) heal(feed);
      else if (heard.seq === feed.head + 1) {
        show(feed, heard);
        if (feed.hold) drain(feed);
      } else if (heard.seq > feed.head) {
        feed.hold ??= new Hold();
        feed.hold.add(heard);
        arm(feed);
      }
    },

    /** The same for what was read from the log, where nothing lies between. */
    healed(feed: Feed, heard: Heard): void {
      if (heard.seq !== feed.head + 1) return;
      show(feed, heard);
      metrics.healed.inc();
    },
  };
}

/**
 * Subscribing and resuming: follow, read the log once, replay, then cut over to live in one tick. The log is the fence:
 * membership was true at the snapshot, and each removal after it is an event above the cursor, seen in the ring or on the topic.
 * Nothing here is published to others, and a socket joins a topic only in the tick that made it whole.
 */
import { AppError, invalid, issue, notFound } from '../errors.ts';
import { outsider } from '../lib/access.ts';
import { REPLAY_BYTES, REPLAY_EVENTS, REPLAY_EVENTS_PER_COMMAND, REPLAY_PACE_BYTES } from '../limits.ts';
import type { Connection } from './connection.ts';
import type { Feed } from './feed.ts';
import type { Follow } from './follow.ts';
import * as frames from './frames.ts';
import type { Heal } from './heal.ts';
import type { GapReason, Wanted } from './model.ts';
import type { Presence } from './presence.ts';
import type { Told } from './ring.ts';
import type { Snapshot, Snapshots } from './snapshots.ts';

/** A socket that does not report its drain is looked at again after this. */
const DRAIN_MS = 100;
/** Frames go out in portions: one write each, and a look at what the socket owes after each. */
const PORTION = 65_536;

export type Resume = ReturnType<typeof createResume>;

export type ResumePorts = {
  follow: Follow;
  heal: Heal;
  presence: Presence;
  snapshots: Snapshots;
  /** Rooms per socket. */
  roomsMost: number;
};

/** A room was named twice, or `after` came without the epoch that it counts in. Throws invalid. */
export function checkWanted(rooms: readonly Wanted[]): void {
  const seen = new Set<string>();
  rooms.forEach(({ roomId, after, epoch }, at) => {
    if (seen.has(roomId)) throw invalid(issue(`/rooms/${at}/roomId`, 'taken', 'is named twice'));
    seen.add(roomId);
    if (after !== undefined && epoch === undefined) throw invalid(issue(`/rooms/${at}/epoch`, 'required', 'is required with after'));
  });
}

/** What a snapshot of the log means for one room. `replay` frames lead up to the cursor; a gap jumps over to it. */
type Plan = { kind: 'live' } | { kind: 'replay'; replay: readonly string[] } | { kind: 'gap'; from: number; reason: GapReason } | { kind: 'unread' };

export function createResume({ follow, heal, presence, snapshots, roomsMost }: ResumePorts) {
  /** Which logs are worth reading at all: rooms whose heads show that a gap follows bring no events. */
  function cursors(feeds: readonly Feed[], wanted: readonly Wanted[]): { feed: Feed; after: number | null }[] {
    let left = REPLAY_EVENTS_PER_COMMAND;
    return wanted.map(({ after, epoch }, at) => {
      const feed = feeds[at]!;
      const missed = after === undefined || epoch !== feed.epoch ? 0 : feed.head - after;
      if (after === undefined || epoch !== feed.epoch || missed > Math.min(left, REPLAY_EVENTS)) return { feed, after: null };
      left -= Math.max(0, missed);
      return { feed, after };
    });
  }

  function plan({ after, epoch }: Wanted, feed: Feed, page: Snapshot, left: number): Plan {
    if (after === undefined) return { kind: 'live' };
    if (epoch !== page.epoch || after > page.lastSeq) return { kind: 'gap', from: 1, reason: 'epoch' };
    const missed = page.lastSeq - after;
    if (missed > REPLAY_EVENTS || missed > left) return { kind: 'gap', from: after + 1, reason: 'too_many' };
    const replay = missedOf(feed, page, after);
    if (!replay) return { kind: 'unread' };
    if (replay === 'lost') return { kind: 'gap', from: after + 1, reason: 'lost' };
    const bytes = replay.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    return bytes > REPLAY_BYTES ? { kind: 'gap', from: after + 1, reason: 'too_many' } : { kind: 'replay', replay };
  }

  /** What lies between the cursor and the snapshot, as it was read or from the ring; undefined when neither has it. */
  function missedOf(feed: Feed, page: Snapshot, after: number): Snapshot['missed'] {
    if (page.lastSeq === after) return [];
    if (page.missed) return page.missed;
    const told = feed.epoch === page.epoch && feed.head >= page.lastSeq ? feed.ring.plain(after, feed.head) : undefined;
    return told?.slice(0, page.lastSeq - after).map(({ text }) => text);
  }

  /** Sends, waiting for the socket to drain in between; false when there is no more sense in it. */
  async function replayTo(connection: Connection, roomId: string, texts: readonly string[]): Promise<boolean> {
    let at = 0;
    while (at < texts.length) {
      connection.ws.cork(() => {
        for (let size = 0; at < texts.length && size < PORTION; at++) {
          size += texts[at]!.length;
          connection.send(texts[at]!);
        }
      });
      while (connection.open && connection.ws.getBufferedAmount() > REPLAY_PACE_BYTES) await drained(connection);
      if (!connection.open || connection.busy?.lost?.has(roomId)) return false;
    }
    return true;
  }

  function drained(connection: Connection): Promise<void> {
    return new Promise((done) => {
      const { errands } = connection;
      const wake = (): void => {
        clearTimeout(timer);
        errands.drained = undefined;
        done();
      };
      const timer = setTimeout(wake, DRAIN_MS);
      errands.drained = wake;
    });
  }

  /** One room, from the snapshot to the topic. Returns how many events were replayed. Throws unavailable. */
  async function serve(connection: Connection, feed: Feed, first: Wanted, firstPage: Snapshot | undefined, left: number): Promise<number> {
    const { caller } = connection as { caller: NonNullable<Connection['caller']> };
    const { roomId } = feed;
    let want = first;
    let page = firstPage;
    let sent = 0;

    for (;;) {
      // A node that is behind the snapshot has less in its ring, and can't cut over.
      if (page && !feed.gone) await heal.reach(feed, page.epoch, page.lastSeq);
      if (!connection.open) return sent;
      if (feed.gone || !page?.standing?.role) {
        connection.send(frames.refused(roomId, page && !feed.gone ? asError(outsider(page.standing, caller)) : notFound()));
        return sent;
      }
      // Told of a removal after this snapshot was taken: nothing of it may be sent any more.
      const isLost = connection.busy?.lost?.has(roomId) ?? false;
      const step: Plan = isLost ? { kind: 'unread' } : plan(want, feed, page, left - sent);
      if (step.kind === 'replay' && step.replay.length > 0) {
        const whole = await replayTo(connection, roomId, step.replay);
        if (!connection.open) return sent;
        if (whole) {
          sent += step.replay.length;
          want = { roomId, after: page.lastSeq, epoch: page.epoch };
        }
      }
      if (step.kind !== 'unread' && !connection.busy?.lost?.has(roomId)) {
        if (cutOver(connection, feed, page, step)) return sent;
      }
      // Somebody was faster: removed, another epoch, or the ring has moved on. The next snapshot decides.
      connection.busy?.lost?.delete(roomId);
      [page] = await snapshots.read(caller.userId, [{ feed, after: want.after ?? null }]);
    }
  }

  /** The one tick: nothing is published between the last frame of the past and joining the topic. False: look again. */
  function cutOver(connection: Connection, feed: Feed, page: Snapshot, step: Exclude<Plan, { kind: 'unread' }>): boolean {
    if (!connection.open) return true;
    if (feed.gone || feed.paused || feed.epoch !== page.epoch || connection.busy?.lost?.has(feed.roomId)) return false;
    const since: readonly Told[] | undefined = feed.ring.after(page.lastSeq, feed.head);
    const { userId } = connection.caller!;
    if (!since || since.some((told) => told.leaver === userId)) return false;
    connection.ws.cork(() => {
      if (step.kind === 'gap') connection.send(frames.gap(feed.roomId, page.epoch, step.from, page.lastSeq, step.reason));
      if (step.kind !== 'live') for (const { text } of since) connection.send(text);
      if (step.kind !== 'gap') connection.send(frames.synced(feed.roomId, feed.epoch, feed.head));
    });
    connection.join(feed);
    void presence.snapshot(connection, feed);
    return true;
  }

  return {
    /**
     * Per room exactly one of `synced`, `gap`, `refused`, in the order listed; rooms of the command share 2,000 events.
     * Throws unavailable, overloaded: then what was not yet served is not subscribed.
     */
    async subscribe(connection: Connection, wanted: readonly Wanted[]): Promise<void> {
      if (wanted.length === 0) return;
      connection.errands.lost = new Set();
      const feeds = await follow.pin(wanted.map(({ roomId }) => roomId));
      try {
        for (const feed of feeds) connection.leave(feed);
        const asked = cursors(feeds, wanted);
        const pages = await snapshots.read(connection.caller!.userId, asked);
        let left = REPLAY_EVENTS_PER_COMMAND;
        for (let at = 0; at < wanted.length && connection.open; at++) {
          const want = wanted[at]!;
          if (connection.feedCount >= roomsMost) {
            const error = new AppError('limit_reached', `A socket hears at most ${roomsMost} rooms.`);
            connection.send(frames.refused(want.roomId, error));
            continue;
          }
          left -= await serve(connection, feeds[at]!, want, pages[at], left);
        }
      } finally {
        if (connection.busy) connection.busy.lost = undefined;
        follow.unpin(feeds);
      }
    },
  };
}

const asError = (error: Error): AppError => error as AppError;

/**
 * Reads what a room's log has and this node has not published, whatever was lost on the way. All heals of a node share one query
 * in flight; who asks meanwhile is in the next one.
 */
import { AppError } from '../errors.ts';
import type { Log } from '../lib/log.ts';
import { REPLAY_EVENTS } from '../limits.ts';
import type { LogPage, ReadLog } from '../messages/log.ts';
import type { Deliver } from './deliver.ts';
import { type Feed, markOf } from './feed.ts';
import type { Fall } from './gap.ts';

/** After a failure: Postgres is away, and asking again at once would not bring it back. */
const RETRY_MS = 250;
/** Rooms in one query. Each may bring 500 events. */
const ROOMS_AT_ONCE = 32;

export type Heal = ReturnType<typeof createHeal>;

export function createHeal(ports: { log: Log; readLog: ReadLog; deliver: () => Deliver; fall: () => Fall; gone: (feed: Feed) => void }) {
  const { log, readLog, deliver, fall, gone } = ports;
  let asked = new Set<Feed>();
  let running = false;
  let round = deferred();

  async function apply(feed: Feed, after: number, page: LogPage | undefined): Promise<void> {
    if (!page) return gone(feed);
    feed.memberCount = page.memberCount;
    if (page.epoch !== feed.epoch) return fall()(feed, page.epoch, page.lastSeq, 'epoch');
    if (page.lastSeq - after > REPLAY_EVENTS && page.lastSeq > feed.head) return fall()(feed, page.epoch, page.lastSeq, 'too_many');
    for (const event of page.events) {
      if (event.seq <= feed.head) continue;
      // seq is dense and the room is locked until commit: a number that is missing below one that is visible is lost.
      if (event.seq > feed.head + 1) {
        log.error({ roomId: feed.roomId, from: feed.head + 1, to: event.seq - 1 }, 'a hole in the log of a room');
        await fall()(feed, page.epoch, event.seq - 1, 'lost');
      }
      deliver().healed(feed, { ...markOf(event), epoch: page.epoch, seq: event.seq, text: JSON.stringify(event) });
    }
    if (page.lastSeq > feed.head) {
      log.error({ roomId: feed.roomId, from: feed.head + 1, to: page.lastSeq }, 'a hole in the log of a room');
      await fall()(feed, page.epoch, page.lastSeq, 'lost');
    }
    deliver().drain(feed);
  }

  async function heal(feeds: readonly Feed[]): Promise<void> {
    const cursors = feeds.map((feed) => ({ roomId: feed.roomId, after: feed.head }));
    const pages = await readLog(null, cursors, { most: REPLAY_EVENTS, whole: true, beyond: 'all' });
    const byRoom = new Map(pages.map((page) => [page.roomId, page]));
    for (let at = 0; at < feeds.length; at++) await apply(feeds[at]!, cursors[at]!.after, byRoom.get(feeds[at]!.roomId));
  }

  async function run(): Promise<void> {
    running = true;
    while (asked.size > 0) {
      const feeds = [...asked].slice(0, ROOMS_AT_ONCE);
      for (const feed of feeds) asked.delete(feed);
      const waiting = round;
      round = deferred();
      try {
        await heal(feeds.filter((feed) => feed.followed && !feed.gone));
        waiting.resolve();
      } catch (error) {
        waiting.resolve(error);
        if (!(error instanceof AppError)) log.error({ err: error }, 'healing failed');
        for (const feed of feeds) asked.add(feed);
        await Bun.sleep(RETRY_MS);
      }
    }
    running = false;
  }

  return {
    /** Has the feed brought up to its log, soon. */
    ask(feed: Feed): void {
      if (feed.gone || !feed.followed) return;
      asked.add(feed);
      if (!running) void run();
    },

    /**
     * Resolves when the feed has reached `seq` of `epoch`, or is gone, or when its log turned out to be of another epoch: then it
     * is in that one. Without looking, a resume that knows the new epoch before its node would read again until the poll does.
     * Throws unavailable.
     */
    async reach(feed: Feed, epoch: string, seq: number): Promise<void> {
      let isOther = feed.epoch !== epoch;
      while (!feed.gone && (isOther || (feed.epoch === epoch && (feed.head < seq || feed.paused)))) {
        const waiting = round;
        this.ask(feed);
        const failed = await waiting.promise;
        if (failed) throw failed;
        isOther = false;
      }
    },

    stop(): void {
      asked = new Set();
    },
  };
}

function deferred(): { promise: Promise<unknown>; resolve: (error?: unknown) => void } {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  return { promise, resolve };
}

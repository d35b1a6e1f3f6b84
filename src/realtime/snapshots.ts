/**
 * What resumes read of the log: membership, epoch, last seq and missed events in one statement, for all sockets that ask while one
 * is on its way. A room's missed events are read and encoded once for all of them, and put into its ring, which serves those who
 * come later. It decides nothing.
 */
import { REPLAY_EVENTS } from '../limits.ts';
import { createGather } from '../lib/gather.ts';
import type { LogPage, ReadLogs } from '../messages/log.ts';
import type { Feed } from './feed.ts';
import type { Told } from './ring.ts';

/** `after`: null when the room's events are not wanted. */
export type Wish = { userId: string; feed: Feed; after: number | null };

/**
 * A room as one statement saw it. `missed`: the events above the cursor, encoded; undefined when they were not read, because the
 * ring had them or nobody wanted them; `lost` when the log has not all that it should have.
 */
export type Snapshot = Pick<LogPage, 'epoch' | 'lastSeq' | 'standing'> & { missed: readonly string[] | 'lost' | undefined };

/** Rooms and events in one statement, and how many of these at once: one pool serves REST as well. */
const ROWS_AT_ONCE = 4_000;
const IN_FLIGHT = 2;

const weigh = ({ feed, after }: Wish): number =>
  after === null || feed.ring.plain(after, feed.head) ? 1 : 1 + Math.min(REPLAY_EVENTS, Math.max(0, feed.head - after));

export type Snapshots = ReturnType<typeof createSnapshots>;

export function createSnapshots(readLogs: ReadLogs) {
  /** Who reads a room's events: of those who can't have them from the ring the one who missed most. */
  function readersOf(wishes: readonly Wish[]): Map<Feed, number> {
    const readers = new Map<Feed, number>();
    wishes.forEach(({ feed, after }, at) => {
      if (after === null || feed.ring.plain(after, feed.head)) return;
      const reader = readers.get(feed);
      if (reader === undefined || wishes[reader]!.after! > after) readers.set(feed, at);
    });
    return readers;
  }

  /** Events that were published before this node followed the room join its ring in front. */
  function remember(feed: Feed, page: LogPage, texts: readonly string[]): void {
    if (feed.gone || !feed.followed || feed.paused || feed.epoch !== page.epoch || feed.head !== page.lastSeq) return;
    const before = feed.ring.first ?? feed.head + 1;
    const older: Told[] = [];
    page.events.forEach((event, at) => {
      if (event.seq < before) older.push({ seq: event.seq, text: texts[at]!, leaver: event.type === 'member.left' ? event.member.user.id : '' });
    });
    feed.ring.precede(older);
  }

  async function readTogether(wishes: readonly Wish[]): Promise<(Snapshot | undefined)[]> {
    const readers = readersOf(wishes);
    const questions = wishes.map(({ userId, feed, after }, at) => ({ userId, roomId: feed.roomId, after: readers.get(feed) === at ? after : null }));
    const pages = await readLogs(questions, { most: REPLAY_EVENTS, whole: true });
    const read = new Map<Feed, { from: number; texts: readonly string[] }>();
    for (const [feed, at] of readers) {
      const page = pages[at];
      // Strangers are shown no events: whoever else waits for them asks again.
      if (!page?.standing?.role) continue;
      const texts = page.events.map((event) => JSON.stringify(event));
      read.set(feed, { from: wishes[at]!.after!, texts });
      remember(feed, page, texts);
    }
    return pages.map((page, at) => {
      if (!page) return undefined;
      const { feed, after } = wishes[at]!;
      const { epoch, lastSeq, standing } = page;
      return { epoch, lastSeq, standing, missed: after === null ? undefined : missedOf(read.get(feed), after, lastSeq) };
    });
  }

  const ask = createGather(readTogether, { most: ROWS_AT_ONCE, inFlight: IN_FLIGHT, weigh });

  return {
    /** One snapshot a room, taken after the call; undefined where the room is gone. Throws unavailable, overloaded. */
    read: (userId: string, rooms: readonly { feed: Feed; after: number | null }[]): Promise<(Snapshot | undefined)[]> =>
      Promise.all(rooms.map(({ feed, after }) => ask({ userId, feed, after }))),
  };
}

/** What of the events above `from` lies above `after`. Too many were not read at all, and are nothing lost. */
function missedOf(read: { from: number; texts: readonly string[] } | undefined, after: number, lastSeq: number): Snapshot['missed'] {
  if (!read || after < read.from || lastSeq - read.from > REPLAY_EVENTS) return undefined;
  return read.texts.length === Math.max(0, lastSeq - read.from) ? read.texts.slice(after - read.from) : 'lost';
}

/**
 * The one poll: once a second a node asks Postgres how far its rooms are, which sessions ended and which memberships were made.
 * It heals whatever no publish brought: a lost hint, a node killed between commit and publish, a Redis that is frozen or dead.
 */
import type { Log } from '../lib/log.ts';
import { HOLD_MS } from './deliver.ts';
import type { Feed } from './feed.ts';
import type { PollRow, RealtimeQueries } from './queries.ts';

const POLL_MS = 1_000;
/** Sessions and memberships of this long ago are asked for, so that a few missed polls lose none. */
const WINDOW_SECONDS = 10;
/** After a failover all rooms get a new epoch, a few at a time: their rows are locked meanwhile. A million take some two minutes. */
const RENEWED_AT_ONCE = 500;
const RENEW_MS = 50;

export type PollPorts = {
  log: Log;
  queries: RealtimeQueries;
  feeds: ReadonlyMap<string, Feed>;
  heal: (feed: Feed) => void;
  gone: (feed: Feed) => void;
  /** Sessions that ended; told again for as long as they are in the window. */
  ended: (sessionIds: ReadonlySet<string>, why: 'revoked' | 'disabled') => void;
  /** A membership that was made; likewise. */
  added: (roomId: string, userId: string) => void;
  /** Called once a second, whatever became of the question. */
  tick: () => void;
};

export type Poll = ReturnType<typeof startPoll>;

export function startPoll({ log, queries, feeds, heal, gone, ended, added, tick }: PollPorts) {
  let answeredAt = performance.now();
  let timeline: string | undefined;
  let asking = false;
  let again = false;
  let stopped = false;

  function judge(feed: Feed, headBefore: number, row: Extract<PollRow, { kind: 'room' }> | undefined, behind: Feed[]) {
    if (!feed.followed || feed.gone || feed.paused) return;
    if (!row) return gone(feed);
    feed.memberCount = row.count;
    if (row.text !== feed.epoch) return heal(feed);
    // What was published before the question was committed before it: a shorter log is another log.
    if (row.seq < headBefore) behind.push(feed);
    else if (row.seq > feed.head) setTimeout(() => void (feed.head < row.seq && heal(feed)), HOLD_MS);
  }

  /**
   * After a failover that lost commits seqs are used again: such rooms get a new epoch, and their readers are told to begin anew.
   * `all`: the database is on another timeline, and nobody can say which rooms are whole.
   */
  async function failover(rooms: readonly Feed[], all: boolean): Promise<void> {
    const renewed = await queries.renewEpochs(
      rooms.map(({ roomId, epoch, head }) => ({ roomId, epoch, head })),
      all,
    );
    if (renewed.length > 0) log.error({ rooms: renewed.length }, 'the database has lost commits: rooms begin a new epoch');
    for (const feed of rooms) heal(feed);
    if (all) void renewOthers();
  }

  /** Then the rooms that nobody hears now: who comes back to one with a cursor must not go on at a seq that was used again. */
  async function renewOthers(): Promise<void> {
    let after: string | undefined = '00000000-0000-0000-0000-000000000000';
    while (after !== undefined && !stopped) {
      after = await queries.renewNext(after, RENEWED_AT_ONCE).catch(() => after);
      await Bun.sleep(RENEW_MS);
    }
  }

  async function ask(): Promise<void> {
    const followed = [...feeds.values()].filter((feed) => feed.followed);
    const heads = followed.map((feed) => feed.head);
    const seconds = Math.ceil((performance.now() - answeredAt) / 1_000) + WINDOW_SECONDS;
    const asked = performance.now();
    const rows = await queries.poll(
      followed.map((feed) => feed.roomId),
      seconds,
    );
    answeredAt = asked;
    const rooms = new Map<string, Extract<PollRow, { kind: 'room' }>>();
    const over = { revoked: new Set<string>(), disabled: new Set<string>() };
    for (const row of rows) {
      if (row.kind === 'room') rooms.set(row.id, row);
      else if (row.kind === 'ended') over[row.text].add(row.id);
      else if (row.kind === 'added') added(row.id, row.text);
      else {
        if (timeline !== undefined && timeline !== row.text) await failover(followed, true);
        timeline = row.text;
      }
    }
    if (over.revoked.size > 0) ended(over.revoked, 'revoked');
    if (over.disabled.size > 0) ended(over.disabled, 'disabled');
    const behind: Feed[] = [];
    for (const [at, feed] of followed.entries()) judge(feed, heads[at]!, rooms.get(feed.roomId), behind);
    if (behind.length > 0) await failover(behind, false);
  }

  async function poll(): Promise<void> {
    if (asking) {
      again = true;
      return;
    }
    asking = true;
    do {
      again = false;
      try {
        await ask();
      } catch (error) {
        log.debug({ err: error }, 'the poll was not answered');
      }
    } while (again && !stopped);
    asking = false;
  }

  const timer = setInterval(() => {
    tick();
    void poll();
  }, POLL_MS);
  timer.unref();
  // The first answer is what a later timeline is compared with: before anybody hears a room here.
  void poll();

  return {
    /** At once, because something may have been missed. */
    now: (): void => void (stopped || poll()),
    stop(): void {
      stopped = true;
      clearInterval(timer);
    },
  };
}

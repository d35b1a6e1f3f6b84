/**
 * Who of a room is online: whoever has a living socket on any node. Going is believed after a grace, coming and going are
 * gathered for a second per room, and rooms above 200 members hear a number alone, more rarely the larger they are.
 * It never holds up a delivery.
 */
import type { Log } from '../lib/log.ts';
import { EPHEMERAL_MEMBERS } from '../limits.ts';
import type { Connection } from './connection.ts';
import type { Deliver } from './deliver.ts';
import type { Feed, Heard } from './feed.ts';
import * as frames from './frames.ts';
import type { Lease } from './lease.ts';
import type { RealtimeQueries } from './queries.ts';
import type { Roster } from './roster.ts';

/** Rooms of this size are counted whenever it is asked for; larger ones are thinned: 11,000 members every five seconds. */
const COUNTED_AT_ONCE = 1_000;
const COUNTED_PER_MS = 2;

/** What a room has been told. `online` is kept for rooms that hear names; larger ones have `count` alone. */
type Room = {
  online: Set<string> | undefined;
  count: number;
  countedAt: number;
  stale: boolean;
  came: Set<string>;
  went: Set<string>;
  /** The first word to a socket, as long as nobody comes or goes: a storm of openings asks for it thousands of times. */
  text: string | undefined;
};

export type Presence = ReturnType<typeof createPresence>;

export type PresencePorts = {
  log: Log;
  graceMs: number;
  roster: Roster;
  queries: RealtimeQueries;
  deliver: Deliver;
  lease: Lease | undefined;
};

export function createPresence({ log, graceMs, roster, queries, deliver, lease }: PresencePorts) {
  const rooms = new Map<Feed, Room>();
  const lingering = new Map<string, ReturnType<typeof setTimeout>>();
  /** People whose state may have changed since the last gathering, with what it was. */
  const changed = new Map<string, boolean>();
  let loading: { feeds: Set<Feed>; done: Promise<void> } | undefined;
  let counting: Promise<unknown> = Promise.resolve();
  let gathering = false;

  const isOnline = (userId: string): boolean => roster.has(userId) || lingering.has(userId) || (lease?.away(userId) ?? false);

  /** Applies a change and remembers whose state it touched. */
  function change(userIds: Iterable<string>, apply: () => void): void {
    for (const userId of userIds) if (!changed.has(userId)) changed.set(userId, isOnline(userId));
    apply();
  }

  /** Reads who is in these rooms: one query at a time, and one for all that ask meanwhile. */
  function load(feed: Feed): Promise<void> {
    if (!loading) {
      const batch = { feeds: new Set<Feed>(), done: Promise.resolve() };
      batch.done = counting.then(() => {
        loading = undefined;
        return count([...batch.feeds]);
      });
      counting = batch.done.catch(() => {});
      loading = batch;
    }
    loading.feeds.add(feed);
    return loading.done;
  }

  /** Whether a large room may be counted again by now. */
  const mayCount = (feed: Feed, room: Room): boolean => performance.now() - room.countedAt > (feed.memberCount - COUNTED_AT_ONCE) / COUNTED_PER_MS;

  async function count(feeds: readonly Feed[]): Promise<void> {
    const online = new Map<string, Set<string>>(feeds.map((feed) => [feed.roomId, new Set()]));
    for (const { roomId, userId } of await queries.members(feeds.map((feed) => feed.roomId))) if (isOnline(userId)) online.get(roomId)!.add(userId);
    for (const feed of feeds) {
      const here = online.get(feed.roomId)!;
      const named = feed.memberCount <= EPHEMERAL_MEMBERS;
      const known = rooms.get(feed);
      // What a room was told stays: the difference goes out with the next gathering.
      if (known?.online && named) {
        for (const userId of here) if (!known.online.has(userId)) come(known, userId);
        for (const userId of known.online) if (!here.has(userId)) go(known, userId);
      } else {
        rooms.set(feed, {
          online: named ? here : undefined,
          count: here.size,
          countedAt: performance.now(),
          stale: false,
          came: new Set(),
          went: new Set(),
          text: undefined,
        });
      }
    }
  }

  function come(room: Room, userId: string): void {
    if (!room.went.delete(userId)) room.came.add(userId);
  }

  function go(room: Room, userId: string): void {
    if (!room.came.delete(userId)) room.went.add(userId);
  }

  async function gather(): Promise<void> {
    for (const feed of rooms.keys()) if (feed.subscribers === 0 && feed.pins === 0) rooms.delete(feed);
    const people = [...changed].filter(([userId, was]) => isOnline(userId) !== was);
    changed.clear();
    if (rooms.size > 0 && people.length > 0) await spread(people);
    for (const [feed, room] of rooms) {
      if (feed.troubled || feed.gone) continue;
      if (room.online) tellNames(feed, room, room.online);
      else if (room.stale && mayCount(feed, room)) {
        const before = room.count;
        await load(feed);
        const after = rooms.get(feed);
        if (after && after.count !== before) deliver.toTopic(feed, frames.presence(feed.roomId, after.count));
      }
    }
  }

  async function spread(people: [userId: string, was: boolean][]): Promise<void> {
    const feeds = new Map([...rooms.keys()].map((feed) => [feed.roomId, feed]));
    try {
      const userIds = people.map(([userId]) => userId);
      for (const { roomId, userId } of await queries.memberships(userIds, [...feeds.keys()])) {
        const room = rooms.get(feeds.get(roomId)!);
        if (!room) continue;
        room.stale = true;
        if (!room.online) continue;
        const is = isOnline(userId);
        if (is !== room.online.has(userId)) (is ? come : go)(room, userId);
      }
    } catch (error) {
      for (const [userId, was] of people) if (!changed.has(userId)) changed.set(userId, was);
      log.debug({ err: error }, 'presence waits for the database');
    }
  }

  function tellNames(feed: Feed, room: Room, online: Set<string>): void {
    if (feed.memberCount > EPHEMERAL_MEMBERS) {
      rooms.set(feed, { ...room, online: undefined, count: online.size, stale: true, text: undefined });
      return;
    }
    const came = [...room.came].filter((userId) => !online.has(userId));
    const went = [...room.went].filter((userId) => online.has(userId));
    room.came.clear();
    room.went.clear();
    if (came.length === 0 && went.length === 0) return;
    room.text = undefined;
    for (const userId of came) online.add(userId);
    for (const userId of went) online.delete(userId);
    deliver.toTopic(feed, frames.presence(feed.roomId, online.size, came, went));
  }

  return {
    isOnline,
    change,

    /** Everyone who is online here, for the lease. */
    *here(): Generator<string> {
      yield* roster.users;
      for (const userId of lingering.keys()) if (!roster.has(userId)) yield userId;
    },

    /** Call before the person's first socket enters the roster. */
    arriving(userId: string): void {
      change([userId], () => {});
      clearTimeout(lingering.get(userId));
      if (!lingering.delete(userId)) lease?.shout(userId, true);
    },

    /** Call in the tick in which the person's last socket has left the roster. */
    left(userId: string): void {
      const timer = setTimeout(() => {
        change([userId], () => lingering.delete(userId));
        if (!roster.has(userId)) lease?.shout(userId, false);
      }, graceMs);
      timer.unref();
      lingering.set(userId, timer);
    },

    /** The first word about a room on a socket: all who are online, oneself among them. */
    async snapshot(connection: Connection, feed: Feed): Promise<void> {
      try {
        const known = rooms.get(feed);
        if (!known || (!known.online && mayCount(feed, known))) await load(feed);
      } catch {
        return; // Postgres is away; presence is not worth an error.
      }
      const room = rooms.get(feed);
      if (!room || !connection.open || !connection.hears(feed)) return;
      if (!room.online) return connection.send(frames.presence(feed.roomId, Math.max(1, room.count)));
      const { userId } = connection.caller!;
      if (!room.online.has(userId)) return connection.send(frames.presence(feed.roomId, room.online.size + 1, [...room.online, userId]));
      room.text ??= frames.presence(feed.roomId, room.online.size, [...room.online]);
      connection.send(room.text);
    },

    /** Somebody came into a room or left it. */
    moved(feed: Feed, { kind, userId }: Heard): void {
      const room = rooms.get(feed);
      if (!room) return;
      room.stale = true;
      if (!room.online) return;
      if (kind === 'left') go(room, userId);
      else if (isOnline(userId)) come(room, userId);
    },

    /** Once a second. */
    tick(): void {
      lease?.tick();
      if (gathering) return;
      gathering = true;
      gather()
        .catch((error) => log.debug({ err: error }, 'presence waits for the database'))
        .finally(() => {
          gathering = false;
        });
    },

    async stop(): Promise<void> {
      for (const timer of lingering.values()) clearTimeout(timer);
      await lease?.stop();
    },
  };
}

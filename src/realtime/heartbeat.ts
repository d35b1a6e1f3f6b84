/**
 * The clock of all sockets: pings with the heads that moved, the time for a proof, the end of tokens, peers that are silent.
 * One timer and one walk over all sockets instead of a timer for each; a server that keeps sending never sees a dead peer
 * otherwise (oven-sh/bun PR 39255), so what counts is the last sign from the other side.
 */
import type { Config } from '../config.ts';
import type { Connection } from './connection.ts';
import type { Feed } from './feed.ts';
import * as frames from './frames.ts';
import { CLOSES } from './model.ts';
import type { Roster } from './roster.ts';

const HEADS = 100;
const EXPIRY_NOTICE_MS = 60_000;
const SPREAD = 0.2;

export type Heartbeat = ReturnType<typeof startHeartbeat>;

type Times = Pick<Config, 'wsHeartbeatSeconds' | 'wsIdleSeconds'>;

export function startHeartbeat({ config, roster, close }: { config: Times; roster: Roster; close: (connection: Connection, code: number) => void }) {
  const heartbeatMs = config.wsHeartbeatSeconds * 1_000;
  const idleMs = config.wsIdleSeconds * 1_000;

  /** When the next ping is due: the interval, give or take a fifth, so that sockets that came together don't stay together. */
  const nextPing = (now: number): number => now + heartbeatMs * (1 - SPREAD + 2 * SPREAD * Math.random());

  /**
   * Subscribed rooms that moved since they were last named: a client below one of these heads has missed something. Of more than
   * a ping names, those that moved first; the others are left to the next one, or who missed the last word of a room never learns.
   */
  function headsOf(connection: Connection, now: number): Record<string, number> | undefined {
    let moved: Feed[] | undefined;
    for (const feed of connection.feeds) {
      if (feed.movedAt <= connection.pingedAt) continue;
      moved ??= [];
      moved.push(feed);
    }
    connection.pingedAt = now;
    if (!moved) return undefined;
    if (moved.length > HEADS) {
      moved = moved.sort((a, b) => a.movedAt - b.movedAt).slice(0, HEADS);
      connection.pingedAt = moved.at(-1)!.movedAt;
    }
    return Object.fromEntries(moved.map((feed) => [feed.roomId, feed.head]));
  }

  function beat(connection: Connection, now: number, wall: number) {
    const { busy } = connection;
    if (busy && busy.leaveAt !== 0 && now >= busy.leaveAt) {
      if (busy.unanswered === 0) return close(connection, CLOSES.restart);
      // Who never pauses would else be cut off at the end, with commands that were carried out and not answered.
      busy.leaving = true;
    }
    if (connection.phase === 'opening' && now >= connection.dueAt) return close(connection, CLOSES.unproven);
    if (now - connection.heardAt >= idleMs) return close(connection, CLOSES.silent);
    if (connection.phase !== 'ready') return;
    if (wall >= connection.expiresAt) return close(connection, CLOSES.expired);
    if (!busy?.expiryTold && wall >= connection.expiresAt - EXPIRY_NOTICE_MS) tellExpiry(connection, wall);
    if (now < connection.dueAt) return;
    connection.send(frames.ping(headsOf(connection, now)));
    connection.dueAt = nextPing(now);
  }

  /** `token.expiring`, once for each token. */
  function tellExpiry(connection: Connection, wall: number): void {
    connection.errands.expiryTold = true;
    connection.send(frames.tokenExpiring(Math.max(0, Math.round(connection.expiresAt - wall))));
  }

  const timer = setInterval(
    () => {
      const now = performance.now();
      const wall = Date.now();
      for (const connection of roster.all) beat(connection, now, wall);
    },
    Math.min(250, heartbeatMs / 20),
  );
  timer.unref();

  return {
    /** The socket is ready: its pings begin, and a token that ends within the minute is told of at once. */
    begin(connection: Connection): void {
      const now = performance.now();
      connection.pingedAt = now;
      connection.dueAt = nextPing(now);
      const wall = Date.now();
      if (connection.expiresAt - EXPIRY_NOTICE_MS <= wall) tellExpiry(connection, wall);
    },
    stop: (): void => clearInterval(timer),
  };
}

/**
 * Finds the reader who is behind when a publish reports that somebody is, and closes him before he costs memory. A publish
 * only says that the worst subscriber is behind, so all sockets are looked at, a few times a second while there is trouble.
 */
import { SOCKET_OWED_BYTES } from '../limits.ts';
import type { Connection } from './connection.ts';
import type { Feed } from './feed.ts';
import { CLOSES } from './model.ts';
import type { Roster } from './roster.ts';

const LOOK_MS = 250;
/** A burst may be read within this; together with the looks and the end below it stays under five seconds. */
const PATIENCE_MS = 3_000;
/** The close frame waits behind half a megabyte; a peer that sleeps never reads it, and gets no more time than this. */
const LAST_MS = 1_000;

export type Slow = ReturnType<typeof createSlow>;

export function createSlow({ roster, feeds, close }: { roster: Roster; feeds: () => Iterable<Feed>; close: (connection: Connection, code: number) => void }) {
  let timer: ReturnType<typeof setTimeout> | undefined;

  function look(): void {
    timer = undefined;
    const now = performance.now();
    let behind = 0;
    for (const connection of [...roster.all]) {
      if (!connection.open) continue;
      const { ws } = connection;
      if (ws.getBufferedAmount() <= SOCKET_OWED_BYTES) {
        if (connection.busy) connection.busy.slowSince = 0;
        continue;
      }
      behind++;
      const { errands } = connection;
      if (errands.slowSince === 0) errands.slowSince = now;
      else if (now - errands.slowSince >= PATIENCE_MS) {
        close(connection, CLOSES.slow);
        setTimeout(() => ws.terminate(), LAST_MS);
      }
    }
    if (behind > 0) timer = setTimeout(look, LOOK_MS);
    else for (const feed of feeds()) feed.troubled = false;
  }

  return {
    /** A publish reported trouble. */
    trouble(): void {
      timer ??= setTimeout(look, LOOK_MS);
    },
    stop: (): void => clearTimeout(timer),
  };
}

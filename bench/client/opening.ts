/** Opens many sockets, some at a time: all at once would overflow the listener's queue. */
import type { Lean } from './socket.ts';

const OPENING = 64;
/** Presence, first snapshots and compiled code of the openings are over then. */
export const SETTLE_MS = 1_500;

export async function openAll(count: number, open: (at: number) => Promise<Lean>): Promise<Lean[]> {
  const sockets: Lean[] = [];
  for (let from = 0; from < count; from += OPENING) {
    sockets.push(...(await Promise.all(Array.from({ length: Math.min(OPENING, count - from) }, (_, at) => open(from + at)))));
  }
  return sockets;
}

/**
 * The state of one socket, in one object: who it belongs to, what it hears, what it still owes an answer to. Most sockets idle,
 * so whatever only a busy one needs is made when it is needed. It decides nothing.
 */
import type { ServerWebSocket } from 'bun';
import type { AppError } from '../errors.ts';
import type { Mailbox } from '../lib/mailbox.ts';
import type { Caller } from '../users/model.ts';
import type { Feed } from './feed.ts';

export type Socket = ServerWebSocket<Connection>;

/** What the request for the upgrade brought along; forgotten once the socket is open. */
export type Opening = {
  bearer: string | undefined;
  ticket: string | undefined;
  token: string | undefined;
  /** The client named subprotocols, and ours was not among them. */
  foreignProtocol: boolean;
  /** Why the socket is closed at once, e.g. too many openings from one address. */
  refusal: AppError | undefined;
  /** `/ws/chat/:roomId`, as it was written. */
  only: { roomId: string; after: string | undefined; epoch: string | undefined } | undefined;
};

/** A socket is `opening` until something proves who it is, `proving` while that is looked up, and at the end `closed`. */
export type Phase = 'opening' | 'proving' | 'ready' | 'closed';

/** Removals that were told, so that each is told once though it may be heard of twice. */
const TOLD_ROOMS = 64;

export class Connection {
  ws!: Socket;
  id = '';
  phase: Phase = 'opening';
  caller: Caller | undefined = undefined;
  /** Milliseconds of the wall clock; 0 until proven. */
  expiresAt = 0;
  expiryTold = false;
  /** The room of `/ws/chat/:roomId`; '' on a socket for all rooms. */
  only = '';
  /** The rooms whose topics the socket is in. */
  readonly feeds: Feed[] = [];
  /** performance.now() of the last sign of life; of the next ping, or before the proof the latest time for it. */
  heardAt = 0;
  dueAt = 0;
  pingedAt = 0;
  /** Since when it owes too much; 0 when it does not. */
  slowSince = 0;
  /** When a draining node closes it; 0: not yet decided. */
  leaveAt = 0;
  /** That time has come and answers are still owed: they go out, and what is said now has crossed with the close. */
  leaving = false;
  unanswered = 0;
  malformed = 0;
  limited: number[] | undefined = undefined;
  writes: Mailbox | undefined = undefined;
  subscriptions: Mailbox | undefined = undefined;
  /** Frames that came while the proof was looked up. */
  early: string[] | undefined = undefined;
  /** What is told once `ready` is out. */
  later: (() => void)[] | undefined = undefined;
  told: Map<string, number> | undefined = undefined;
  /** Rooms lost while a subscribe was on its way: the rest of their replay is not sent. */
  lost: Set<string> | undefined = undefined;
  /** Wakes a replay that waits for the socket to drain. */
  drained: (() => void) | undefined = undefined;

  constructor(public opening: Opening | undefined) {}

  get open(): boolean {
    return this.phase !== 'closed';
  }

  /** Text frames only. What a closed or overfull socket can't take is lost with it. */
  send(text: string): void {
    if (this.phase !== 'closed') this.ws.send(text);
  }

  /** Runs `tell` now, or after `ready`, which comes before everything that concerns rooms. */
  whenReady(tell: () => void): void {
    if (this.phase === 'ready') tell();
    else if (this.open) {
      this.later ??= [];
      this.later.push(tell);
    }
  }

  hears(feed: Feed): boolean {
    return this.feeds.includes(feed);
  }

  join(feed: Feed): void {
    if (this.hears(feed)) return;
    this.feeds.push(feed);
    feed.subscribers++;
    this.ws.subscribe(feed.topic);
  }

  leave(feed: Feed): boolean {
    const at = this.feeds.indexOf(feed);
    if (at < 0) return false;
    this.feeds[at] = this.feeds[this.feeds.length - 1]!;
    this.feeds.pop();
    if (--feed.subscribers === 0) feed.idleSince = performance.now();
    if (this.open) this.ws.unsubscribe(feed.topic);
    return true;
  }

  /** Whether this removal is news to the socket; from then on it is not. `seq` is Infinity when the room is gone. */
  learns(roomId: string, seq: number): boolean {
    this.told ??= new Map();
    if ((this.told.get(roomId) ?? 0) >= seq) return false;
    this.told.delete(roomId);
    if (this.told.size >= TOLD_ROOMS)
      for (const [oldest] of this.told) {
        this.told.delete(oldest);
        break;
      }
    this.told.set(roomId, seq);
    return true;
  }
}

/**
 * The state of one socket, in one object: who it belongs to, what it hears, when it was last heard. Most sockets idle, so what
 * only a busy one needs is in an object of its own (busy.ts) that is let go when there is nothing left to do. It decides nothing.
 */
import type { ServerWebSocket } from 'bun';
import type { Caller } from '../users/model.ts';
import { Busy, type Opening } from './busy.ts';
import type { Feed } from './feed.ts';

export type Socket = ServerWebSocket<Connection>;

/** A socket is `opening` until something proves who it is, `proving` while that is looked up, and at the end `closed`. */
export type Phase = 'opening' | 'proving' | 'ready' | 'closed';

/** Removals that were told, so that each is told once though it may be heard of twice. */
const TOLD_ROOMS = 64;

export class Connection {
  declare ws: Socket;
  declare phase: Phase;
  declare caller: Caller | undefined;
  /** Milliseconds of the wall clock; 0 until proven. */
  declare expiresAt: number;
  /** performance.now() of the last sign of life; of the next ping, or before the proof the latest time for it. */
  declare heardAt: number;
  declare dueAt: number;
  declare pingedAt: number;
  /** The rooms whose topics the socket is in; one is the rule for idle sockets, and needs no list. */
  declare private heard: Feed | Feed[] | undefined;
  /** What is going on; undefined while nothing is. */
  declare busy: Busy | undefined;

  // Assigned here and not as class fields: only so the engine makes room for them inside the object, without a second
  // allocation that doubles its size (measured: 336 bytes instead of 96).
  constructor(opening: Opening) {
    this.ws = undefined as unknown as Socket;
    this.phase = 'opening';
    this.caller = undefined;
    this.expiresAt = 0;
    this.heardAt = 0;
    this.dueAt = 0;
    this.pingedAt = 0;
    this.heard = undefined;
    this.busy = new Busy(opening);
  }

  get open(): boolean {
    return this.phase !== 'closed';
  }

  /** The room of `/ws/chat/:roomId`; '' on a socket for all rooms. */
  get only(): string {
    return this.busy?.only ?? '';
  }

  /** To write into; let go again by `rest`. */
  get errands(): Busy {
    this.busy ??= new Busy();
    return this.busy;
  }

  /** Lets go what only a busy socket needs, when nothing in it is needed any more. */
  rest(): void {
    if (this.busy?.isOver) this.busy = undefined;
  }

  /** Text frames only. What a closed or overfull socket can't take is lost with it. */
  send(text: string): void {
    if (this.phase !== 'closed') this.ws.send(text);
  }

  /** Runs `tell` now, or after `ready`, which comes before everything that concerns rooms. */
  whenReady(tell: () => void): void {
    if (this.phase === 'ready') tell();
    else if (this.open) {
      const { errands } = this;
      errands.later ??= [];
      errands.later.push(tell);
    }
  }

  /** A list of its own, which may be walked while rooms are left. */
  get feeds(): Feed[] {
    return this.heard === undefined ? [] : Array.isArray(this.heard) ? [...this.heard] : [this.heard];
  }

  get feedCount(): number {
    return this.heard === undefined ? 0 : Array.isArray(this.heard) ? this.heard.length : 1;
  }

  hears(feed: Feed): boolean {
    return this.heard === feed || (Array.isArray(this.heard) && this.heard.includes(feed));
  }

  hearsRoom(roomId: string): boolean {
    return Array.isArray(this.heard) ? this.heard.some((feed) => feed.roomId === roomId) : this.heard?.roomId === roomId;
  }

  join(feed: Feed): void {
    if (this.hears(feed)) return;
    if (this.heard === undefined) this.heard = feed;
    else if (Array.isArray(this.heard)) this.heard.push(feed);
    else this.heard = [this.heard, feed];
    feed.subscribers++;
    this.ws.subscribe(feed.topic);
  }

  leave(feed: Feed): boolean {
    if (!this.hears(feed)) return false;
    if (Array.isArray(this.heard)) {
      const at = this.heard.indexOf(feed);
      this.heard[at] = this.heard.at(-1)!;
      this.heard.pop();
    } else this.heard = undefined;
    if (--feed.subscribers === 0) feed.idleSince = performance.now();
    if (this.open) this.ws.unsubscribe(feed.topic);
    return true;
  }

  /** Whether this removal is news to the socket; from then on it is not. `seq` is Infinity when the room is gone. */
  learns(roomId: string, seq: number): boolean {
    const { errands } = this;
    errands.told ??= new Map();
    const { told } = errands;
    if ((told.get(roomId) ?? 0) >= seq) return false;
    told.delete(roomId);
    if (told.size >= TOLD_ROOMS)
      for (const [oldest] of told) {
        told.delete(oldest);
        break;
      }
    told.set(roomId, seq);
    return true;
  }
}

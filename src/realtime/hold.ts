/**
 * Events of one room that arrived before an earlier one. They wait shortly for it; what is beyond the bounds is forgotten but
 * for its number, because Postgres has it anyway.
 */
import type { Heard } from './feed.ts';

const HELD_EVENTS = 256;
const HELD_SIZE = 1_048_576;

export class Hold {
  private readonly events = new Map<number, Heard>();
  private size = 0;
  /** The highest seq that was ever held: the room's log reaches at least to here. */
  highest = 0;

  get count(): number {
    return this.events.size;
  }

  add(event: Heard): void {
    if (event.seq > this.highest) this.highest = event.seq;
    if (this.events.has(event.seq) || this.events.size >= HELD_EVENTS || this.size + event.text.length > HELD_SIZE) return;
    this.events.set(event.seq, event);
    this.size += event.text.length;
  }

  take(seq: number): Heard | undefined {
    const event = this.events.get(seq);
    if (event) {
      this.events.delete(seq);
      this.size -= event.text.length;
    }
    return event;
  }

  /** Forgets what is no longer ahead. */
  settle(head: number): void {
    for (const seq of this.events.keys()) if (seq <= head) this.take(seq);
  }
}

/**
 * The last events of each followed room as they were published, so that a resume can close the moment between its read of
 * the log and joining the topic, and need not read messages that are still here. All rooms of a node share one budget; the
 * room that was quiet longest is forgotten first.
 */

/** `leaver` is the person whom a `member.left` removes, else ''. */
export type Told = { readonly seq: number; readonly text: string; readonly leaver: string };

/** Bytes of text that all rings of a node keep together. */
export const RINGS_BYTES = 64 * 1_048_576;
/** A cut-over takes milliseconds; what is older than this many events is read from Postgres again. */
const RING_EVENTS = 1_024;
const PLAIN = '{"type":"message.created"';

export class Ring {
  private events: Told[] = [];
  /** UTF-16 units, as a measure of what is kept. */
  size = 0;

  constructor(private readonly rings: Rings) {}

  push(told: Told): void {
    this.events.push(told);
    let grown = told.text.length;
    if (this.events.length > RING_EVENTS) {
      const dropped = this.events.splice(0, RING_EVENTS / 4);
      for (const { text } of dropped) grown -= text.length;
    }
    this.size += grown;
    this.rings.grew(this, grown);
  }

  /** What was published above `cursor`, given the room's head; undefined when the ring doesn't reach back that far. */
  after(cursor: number, head: number): readonly Told[] | undefined {
    if (cursor >= head) return [];
    const first = this.events[0];
    if (!first || first.seq > cursor + 1) return undefined;
    return this.events.slice(cursor + 1 - first.seq);
  }

  /** The seq of the oldest event that is kept. */
  get first(): number | undefined {
    return this.events[0]?.seq;
  }

  /**
   * As `after`, if all of it are new messages: undefined too when one was changed, somebody came or left, because then a message
   * may have been another one when it was published than it is now, and only the log knows it as it is.
   */
  plain(cursor: number, head: number): readonly Told[] | undefined {
    const since = this.after(cursor, head);
    return since?.every(({ text }) => text.startsWith(PLAIN)) ? since : undefined;
  }

  /** Puts events that lead up to the oldest one in front, unless they are more than a ring holds. */
  precede(older: readonly Told[]): void {
    if (older.length === 0 || older.length + this.events.length > RING_EVENTS / 2) return;
    const first = this.first;
    if (first !== undefined && older.at(-1)!.seq !== first - 1) return;
    this.events = [...older, ...this.events];
    const grown = older.reduce((sum, { text }) => sum + text.length, 0);
    this.size += grown;
    this.rings.grew(this, grown);
  }

  clear(): void {
    this.events = [];
    const freed = this.size;
    this.size = 0;
    this.rings.left(this, freed);
  }
}

export class Rings {
  private total = 0;
  /** In the order of their last push. */
  private readonly byAge = new Set<Ring>();

  constructor(private readonly budget = RINGS_BYTES) {}

  grew(ring: Ring, by: number): void {
    this.total += by;
    this.byAge.delete(ring);
    this.byAge.add(ring);
    while (this.total > this.budget) {
      const [oldest] = this.byAge;
      if (!oldest) return;
      oldest.clear();
    }
  }

  left(ring: Ring, freed: number): void {
    this.total -= freed;
    this.byAge.delete(ring);
  }
}

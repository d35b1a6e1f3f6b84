/**
 * Every send of every client goes through here: sends of one tick are written by one statement, and while it is in flight
 * the next batch gathers. Rooms are divided between lanes, so that two flushes never hold the same room and a sender's
 * order stands. It never decides who may send: append_messages does, under the room's lock.
 */
import { AppError } from '../errors.ts';
import type { Metrics } from '../metrics.ts';

/** What append_messages said of one item. `content` is the present text of a duplicate and null for what was stored now. */
export type Appended = {
  outcome: 'stored' | 'duplicate' | 'conflict' | 'stranger' | 'forbidden' | 'invalid_reply' | 'retry_alone';
  id: string;
  seq: number;
  epoch: string;
  createdAt: string;
  updatedAt: string;
  editedAt: string | null;
  deletedAt: string | null;
  content: string | null;
  username: string;
  firstName: string;
  lastName: string;
};

export type Draft = {
  id: string;
  roomId: string;
  senderId: string;
  clientMessageId: string | null;
  content: string;
  replyTo: string | null;
  /** Only imported messages bring their own time (ISO 8601). */
  at: string | null;
};

type Waiting = { draft: Draft; since: number; done: (row: Appended) => void; fail: (error: unknown) => void };

export type WriterPorts = {
  /** One flush; the rows come back in the order of the drafts. Throws AppError, or a database error for a batch that Postgres refused. */
  append: (drafts: readonly Draft[], again: boolean) => Promise<Appended[]>;
  /** Called in commit order of each room, before the senders are answered. */
  committed: (items: readonly { draft: Draft; row: Appended }[]) => void;
  metrics: Metrics;
  /** Whether Postgres refused the batch for what is in it, so that halves may succeed. */
  refusedData: (error: unknown) => boolean;
  /** Whether the batch may be sent again: Postgres rolled it back (deadlock), or the connection was lost under it. */
  worthAnother: (error: unknown) => boolean;
  /** Longest that a send may wait, in milliseconds; a batch is not tried again later than half of it. */
  deadlineMs: number;
};

/** Measured on two cores: with one lane a flush has more to carry while the disk is busy; lanes are for more cores and later shards. */
export const LANES = 1;
/** A batch holds some hundred rows: larger ones hold their rooms longer and bring no more rows a second. */
const BATCH_ROWS = 256;
/**
 * Nor more text than Postgres can fold for its search indexes in a fraction of its statement's time: the dearest, 4,000 Chinese
 * characters, costs some 15 ms (76 on a busy machine), and 256 of those would fail together, again and again.
 */
const BATCH_LENGTH = 65_536;
/** Beyond these a send is refused at once with `overloaded`: it was not carried out. */
const QUEUE_ROWS = 8_192;
const QUEUE_AGE_MS = 2_000;
const RETRY_MS = 50;

export type Writer = ReturnType<typeof createWriter>;

export function createWriter({ append, committed, metrics, refusedData, worthAnother, deadlineMs }: WriterPorts) {
  const lanes = Array.from({ length: LANES }, () => ({ queue: [] as Waiting[], busy: false }));
  let queued = 0;

  const laneOf = (roomId: string) => lanes[Number.parseInt(roomId.slice(-4), 16) % LANES]!;

  /** A failed batch stays ahead of the next one of its lane; bad data is parted from its neighbours in halves. */
  async function write(batch: Waiting[], again = false, until = performance.now() + deadlineMs / 2): Promise<void> {
    try {
      const rows = await append(
        batch.map((waiting) => waiting.draft),
        again,
      );
      // Never trusted: an answer of another length would hand one sender the outcome of another.
      if (rows.length !== batch.length) throw new AppError('unavailable', 'The database answered something else. Whether it was stored is open.');
      settle(batch, rows);
    } catch (error) {
      if (worthAnother(error) && performance.now() < until) {
        await Bun.sleep(RETRY_MS * (0.5 + Math.random()));
        return write(batch, true, until);
      }
      if (refusedData(error) && batch.length > 1) {
        const half = batch.length >> 1;
        await write(batch.slice(0, half), again, until);
        return write(batch.slice(half), again, until);
      }
      for (const waiting of batch) waiting.fail(error);
    }
  }

  /** How many from the front make a batch; at least one. */
  function fitting(queue: readonly Waiting[]): number {
    let length = 0;
    let count = 0;
    while (count < Math.min(queue.length, BATCH_ROWS)) {
      length += queue[count]!.draft.content.length;
      if (length > BATCH_LENGTH && count > 0) break;
      count++;
    }
    return count;
  }

  function settle(batch: Waiting[], rows: Appended[]): void {
    const started = performance.now();
    committed(rows.flatMap((row, at) => (row.outcome === 'stored' ? [{ draft: batch[at]!.draft, row }] : [])));
    metrics.publishSeconds.observe((performance.now() - started) / 1_000);
    for (let at = 0; at < batch.length; at++) batch[at]!.done(rows[at]!);
  }

  async function run(lane: (typeof lanes)[number]): Promise<void> {
    lane.busy = true;
    // A microtask later, so that the other sends of this tick are in the batch.
    await Promise.resolve();
    while (lane.queue.length > 0) {
      const batch = lane.queue.splice(0, fitting(lane.queue));
      const started = performance.now();
      metrics.batchRows.observe(batch.length);
      metrics.queueSeconds.observe((started - batch[0]!.since) / 1_000);
      await write(batch);
      queued -= batch.length;
      metrics.queued.set(queued);
      metrics.flushSeconds.observe((performance.now() - started) / 1_000);
    }
    lane.busy = false;
  }

  return {
    /** The outcome of one send, after its commit. Writes of one room happen in the order of the calls. Throws overloaded, unavailable. */
    write(draft: Draft): Promise<Appended> {
      const lane = laneOf(draft.roomId);
      const since = performance.now();
      if (queued >= QUEUE_ROWS || (lane.queue.length > 0 && since - lane.queue[0]!.since > QUEUE_AGE_MS)) {
        return Promise.reject(new AppError('overloaded', 'Too many messages are waiting to be written. This one was not.', { retryAfterMs: 1_000 }));
      }
      queued++;
      metrics.queued.set(queued);
      return new Promise((done, fail) => {
        lane.queue.push({ draft, since, done, fail });
        if (!lane.busy) void run(lane);
      });
    },
    /** Resolves when nothing is queued or in flight. */
    async idle(): Promise<void> {
      while (queued > 0) await Bun.sleep(5);
    },
  };
}

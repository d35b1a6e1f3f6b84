/**
 * A well-behaved client of chat.v1: keeps a cursor and an epoch for each room, resumes after every connection, fetches gaps over
 * REST, and notes whatever the contract does not allow. What it has heard is for the checker; it never asserts by itself.
 */
import { until } from './wait.ts';

// biome-ignore lint/suspicious/noExplicitAny: frames and answers are as they come
type Any = any;

/** One durable event as a reader saw it. `at` is performance.now(). */
export type Heard = { seq: number; type: string; messageId: string | undefined; at: number };

/** All that one reader heard of one room from `after` (exclusive) to `cursor`, in the order in which he had it. */
export type Stream = { reader: string; userId: string; roomId: string; after: number; cursor: number; heard: Heard[]; unread: [from: number, to: number][] };

/** A run of events that came as frames, or that fills a gap; `owed` while the reader may not read it because he is no member. */
type Segment = { heard: Heard[]; owed?: [from: number, to: number] };

type Place = {
  roomId: string;
  epoch: string;
  /** -1 until the first `synced` or `gap`. */
  cursor: number;
  after: number;
  /** Subscribes whose outcome for this room is open, in the order sent; `epoch` is undefined when it was without a cursor. */
  asked: { epoch: string | undefined }[];
  live: boolean;
  segments: Segment[];
  removedAt: number | undefined;
};

export type Account = { id: string; token: string };

export type ReaderOptions = {
  /** The nodes, best first; asked for at each connection, so that dead ones can be taken out. */
  urls: () => readonly string[];
  /** Comes back by itself, as the close codes say. */
  returns?: boolean;
  /** Epochs that the server may change under this reader. */
  epochsMayChange?: boolean;
  /** Subscribes to every room that it is added to. */
  follows?: boolean;
};

const RETRY_MS = 100;
let readers = 0;

export class Reader {
  readonly name = `reader ${++readers}`;
  /** What the server did that the contract does not allow. */
  readonly problems: string[] = [];
  readonly closes: number[] = [];
  readonly rooms = new Map<string, Place>();
  readonly counts = new Map<string, number>();
  private readonly archive: Place[] = [];
  private readonly waiting = new Map<string, { done: (frame: Any) => void; fail: (error: Error) => void }>();
  private told = new Set<string>();
  private socket: WebSocket | undefined;
  private ids = 0;
  /** Gaps that are being read. */
  private fetching = 0;
  private ended = false;
  private url = '';
  private returning = false;
  private opening: ((error: Error) => void) | undefined;
  ready = false;
  /** What the server last said about its leave. */
  reconnectAfterMs: number | undefined;

  constructor(
    readonly who: Account,
    private readonly options: ReaderOptions,
  ) {}

  private problem(text: string): void {
    if (this.problems.length < 20) this.problems.push(`${this.name} of ${this.who.id} at ${this.url}: ${text}`);
  }

  /** Connects, waits for `ready`, and resumes the rooms it knows. Throws when the socket closes before. */
  async open(url = this.options.urls()[0]!): Promise<this> {
    this.url = url;
    const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`, { headers: { authorization: `Bearer ${this.who.token}` } } as never);
    this.socket = socket;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.opening = reject;
    socket.onerror = () => {};
    socket.onclose = ({ code }) => {
      if (this.socket !== socket) return;
      this.closes.push(code);
      reject(new Error(`closed with ${code} before ready`));
      this.lose();
      if (this.options.returns && code < 4500) void this.comeBack();
    };
    socket.onmessage = ({ data }) => {
      if (this.socket !== socket) return;
      const frame = JSON.parse(String(data));
      this.counts.set(frame.type, (this.counts.get(frame.type) ?? 0) + 1);
      if (frame.type === 'ready') {
        this.ready = true;
        resolve();
      } else this.hear(frame);
    };
    const limit = setTimeout(() => reject(new Error('no ready within 5 s')), 5_000);
    try {
      await promise;
    } finally {
      clearTimeout(limit);
    }
    await this.resume();
    return this;
  }

  /** Subscribes to all rooms it knows, each from its cursor. */
  async resume(): Promise<void> {
    const known = [...this.rooms.values()];
    for (let from = 0; from < known.length; from += 200) await this.subscribe(known.slice(from, from + 200));
  }

  /** Tries one node after the other until it is ready on one. */
  private async comeBack(): Promise<void> {
    if (this.returning) return;
    this.returning = true;
    for (let tries = 0; !this.ended && !this.ready; tries++) {
      await Bun.sleep(RETRY_MS * (0.5 + Math.random()));
      const urls = this.options.urls();
      await this.open(urls[tries % urls.length]!).catch(() => {});
    }
    this.returning = false;
  }

  private lose(): void {
    this.opening?.(new Error('closed'));
    this.ready = false;
    this.socket = undefined;
    this.told = new Set();
    for (const place of this.rooms.values()) {
      place.asked = [];
      place.live = false;
    }
    for (const { fail } of this.waiting.values()) fail(new Error('closed'));
    this.waiting.clear();
  }

  /** The connection ends without a word; `open` resumes. */
  drop(): void {
    const { socket } = this;
    this.lose();
    socket?.terminate();
    if (this.options.returns && !this.ended) void this.comeBack();
  }

  close(): void {
    this.ended = true;
    this.drop();
  }

  say(frame: Any): void {
    this.socket?.send(JSON.stringify(frame));
  }

  /** The answer to a command: `ok`, `error` or `pong`. Throws 'closed' when there will be none. */
  ask(type: string, fields: Record<string, unknown> = {}): Promise<Any> {
    if (!this.ready || !this.socket) return Promise.reject(new Error('closed'));
    const id = `${++this.ids}`;
    return new Promise((done, fail) => {
      this.waiting.set(id, { done, fail });
      this.socket!.send(JSON.stringify({ type, id, ...fields }));
    });
  }

  get unanswered(): number {
    return this.waiting.size;
  }

  /** Hears a room: from its head, or from `after` of `epoch`. */
  async follow(roomId: string, from?: { after: number; epoch: string }): Promise<void> {
    if (!this.rooms.has(roomId)) {
      this.rooms.set(roomId, {
        roomId,
        epoch: from?.epoch ?? '',
        cursor: from?.after ?? -1,
        after: from?.after ?? -1,
        asked: [],
        live: false,
        segments: [{ heard: [] }],
        removedAt: undefined,
      });
    }
    if (this.ready) await this.subscribe([this.rooms.get(roomId)!]);
  }

  /** Knows nothing of the room any more; what was heard stays for the checker. */
  forget(roomId: string): void {
    const place = this.rooms.get(roomId);
    if (!place) return;
    this.archive.push({ ...place });
    this.rooms.delete(roomId);
  }

  /** As forget, but what was heard is thrown away too: for whoever has judged it already. */
  discard(roomId: string): void {
    this.rooms.delete(roomId);
  }

  /** Subscribes again to what it hears already, from its cursor. */
  async again(roomId: string): Promise<void> {
    const place = this.rooms.get(roomId);
    if (place && this.ready) await this.subscribe([place]);
  }

  /** Subscribes again as one who has lost his cursor, or who has it in an epoch that is not the room's. */
  async renew(roomId: string, epoch?: string): Promise<void> {
    const place = this.rooms.get(roomId);
    if (!place || !this.ready) return;
    await this.subscribe([place], { epoch });
  }

  private async subscribe(places: readonly Place[], instead?: { epoch: string | undefined }): Promise<void> {
    const wanted = places.map((place) => ({ place, ask: instead ?? { epoch: place.cursor < 0 ? undefined : place.epoch } }));
    const rooms = wanted.map(({ place: { roomId, cursor }, ask: { epoch } }) =>
      epoch === undefined || cursor < 0 ? { roomId } : { roomId, after: cursor, epoch },
    );
    for (const { place, ask } of wanted) {
      place.asked.push(place.cursor < 0 ? { epoch: undefined } : { ...ask });
      place.live = false;
    }
    const mine = places.map((place) => place.asked.at(-1)!);
    const answer = await this.ask('subscribe', { rooms });
    if (answer.type === 'ok') return;
    // Rooms that were not served are asked for again: the outcome of the others has come.
    if (!answer.error.temporary) this.problem(`subscribe was answered ${JSON.stringify(answer.error)}`);
    const open = places.filter((place, at) => place.asked.includes(mine[at]!));
    for (const place of open) place.asked = place.asked.filter((ask) => !mine.includes(ask));
    await Bun.sleep(RETRY_MS);
    if (open.length > 0 && this.ready) await this.subscribe(open);
  }

  private hear(frame: Any): void {
    const { type, roomId, id } = frame;
    if ((type === 'ok' || type === 'error' || type === 'pong') && id !== undefined) {
      const waiting = this.waiting.get(id);
      this.waiting.delete(id);
      if (waiting) waiting.done(frame);
      else this.problem(`a second answer, or one to nothing: ${JSON.stringify(frame)}`);
      return;
    }
    const place = roomId === undefined ? undefined : this.rooms.get(roomId);
    if (typeof frame.seq === 'number' && frame.at !== undefined) this.event(place, frame);
    else if (type === 'synced') this.synced(place, frame);
    else if (type === 'gap') this.gap(place, frame);
    else if (type === 'refused') this.refused(place, frame);
    else if (type === 'room.removed') this.removed(place, frame);
    else if (type === 'room.added') this.added(frame);
    else if (type === 'ping') this.heads(frame.heads ?? {});
    else if (type === 'reconnect') this.reconnectAfterMs = frame.afterMs;
    else if (type === 'error') this.problem(`an error without an id: ${JSON.stringify(frame)}`);
  }

  private event(place: Place | undefined, { roomId, seq, type, message }: Any) {
    if (!place || (place.asked.length === 0 && !place.live)) return this.problem(`heard ${type} ${seq} of ${roomId}, which it does not hear`);
    if (place.cursor < 0) return this.problem(`heard ${type} ${seq} of ${roomId} before synced`);
    if (seq <= place.cursor && place.asked.length > 0) return;
    if (seq !== place.cursor + 1) this.problem(`heard ${type} ${seq} of ${roomId} with the cursor at ${place.cursor}`);
    place.segments.at(-1)!.heard.push({ seq, type, messageId: message?.id, at: performance.now() });
    place.cursor = Math.max(place.cursor, seq);
  }

  private settled(place: Place, epoch: string): void {
    place.live = place.asked.length === 0;
    place.removedAt = undefined;
    place.epoch = epoch;
    for (const segment of place.segments) if (segment.owed) void this.fill(place.roomId, segment, ...segment.owed);
  }

  private synced(place: Place | undefined, { roomId, epoch, seq }: Any) {
    const ask = place?.asked.shift();
    if (!place || !ask) return this.problem(`synced ${roomId} unasked`);
    if (ask.epoch === undefined) {
      if (place.cursor >= 0) this.archive.push({ ...place });
      place.after = seq;
      place.cursor = seq;
      place.segments = [{ heard: [] }];
    } else if (seq !== place.cursor) this.problem(`synced ${roomId} at ${seq} with the cursor at ${place.cursor}`);
    else if (epoch !== ask.epoch) this.problem(`synced ${roomId} in another epoch without a gap`);
    this.settled(place, epoch);
  }

  private gap(place: Place | undefined, { roomId, epoch, from, to, reason }: Any) {
    const ask = place?.asked.shift();
    if (!place || (!ask && !place.live)) return this.problem(`a gap of ${roomId}, which it does not hear`);
    const segment: Segment = { heard: [] };
    if (reason === 'too_many') {
      if (from !== place.cursor + 1 && !ask) this.problem(`a gap of ${roomId} from ${from} with the cursor at ${place.cursor}`);
      const missing = Math.max(from, place.cursor + 1);
      place.segments.push(segment, { heard: [] });
      place.cursor = Math.max(place.cursor, to);
      if (to >= missing) void this.fill(place.roomId, segment, missing, to);
    } else {
      const wasWrong = ask?.epoch !== undefined && ask.epoch !== epoch;
      if (reason === 'lost' || (!this.options.epochsMayChange && !wasWrong)) {
        this.problem(`a gap ${reason} of ${roomId} from ${from} to ${to}, at ${place.cursor}`);
      }
      if (epoch === place.epoch) this.archive.push({ ...place });
      place.segments = [segment, { heard: [] }];
      place.after = 0;
      place.cursor = to;
      if (to > 0) void this.fill(place.roomId, segment, 1, to);
    }
    if (ask) this.settled(place, epoch);
    else place.epoch = epoch;
  }

  /** Reads a gap over REST, in order; a reader who is no member any more owes it until he is one again. */
  private async fill(roomId: string, segment: Segment, from: number, to: number): Promise<void> {
    segment.owed = undefined;
    this.fetching++;
    try {
      for (let after = segment.heard.at(-1)?.seq ?? from - 1; after < to && !this.ended; ) {
        const answer = await this.get(`/rooms/${roomId}/events?after=${after}&limit=500`);
        if (answer === undefined) await Bun.sleep(RETRY_MS);
        else if (answer.status !== 200) {
          segment.owed = [from, to];
          return;
        } else {
          for (const { seq, type, message } of answer.body.items)
            if (seq <= to) segment.heard.push({ seq, type, messageId: message?.id, at: performance.now() });
          after = Math.min(to, answer.body.items.at(-1)?.seq ?? to);
        }
      }
    } finally {
      this.fetching--;
    }
  }

  private async get(path: string): Promise<{ status: number; body: Any } | undefined> {
    try {
      const response = await fetch(`${this.options.urls()[0]}/api/v1${path}`, {
        headers: { authorization: `Bearer ${this.who.token}` },
        signal: AbortSignal.timeout(5_000),
      });
      const body = await response.json();
      return response.status >= 500 ? undefined : { status: response.status, body };
    } catch {
      return undefined;
    }
  }

  private refused(place: Place | undefined, { roomId }: Any) {
    if (!place?.asked.shift()) return this.problem(`refused ${roomId} unasked`);
    place.live = false;
  }

  private removed(place: Place | undefined, { roomId, seq, reason }: Any) {
    const key = `${roomId} ${seq}`;
    if (this.told.has(key)) this.problem(`told twice of the removal ${seq} from ${roomId}`);
    this.told.add(key);
    if (!place) return;
    if (place.live && reason !== 'deleted' && seq !== place.cursor + 1) this.problem(`removed from ${roomId} at ${seq} with the cursor at ${place.cursor}`);
    place.live = false;
    place.removedAt = seq ?? Number.POSITIVE_INFINITY;
  }

  private added({ roomId, room }: Any): void {
    if (!this.options.follows) return;
    const known = this.rooms.get(roomId);
    if (known && (known.live || known.asked.length > 0)) return;
    this.follow(roomId, known ? undefined : { after: room.lastSeq, epoch: room.epoch }).catch(() => {});
  }

  private heads(heads: Record<string, number>): void {
    this.say({ type: 'pong' });
    for (const [roomId, head] of Object.entries(heads)) {
      const place = this.rooms.get(roomId);
      if (place?.live && place.cursor < head) this.problem(`is at ${place.cursor} of ${roomId}, and the ping's head is ${head}`);
    }
  }

  cursorOf(roomId: string): number {
    return this.rooms.get(roomId)?.cursor ?? -1;
  }

  hears(roomId: string): boolean {
    return this.rooms.get(roomId)?.live ?? false;
  }

  /** Resolves when everything up to `seq` has been heard and all gaps are filled. */
  async reaches(roomId: string, seq: number, limitMs = 5_000): Promise<void> {
    try {
      await until(`${this.name} reaches ${seq}`, () => this.cursorOf(roomId) >= seq && this.fetching === 0, limitMs);
    } catch (error) {
      const { asked, live, cursor } = this.rooms.get(roomId) ?? {};
      const { fetching } = this;
      throw new Error(
        `${error} (${JSON.stringify({ url: this.url, ready: this.ready, closes: this.closes, asked, live, cursor, fetching, problems: this.problems })})`,
      );
    }
  }

  private streamOf({ roomId, after, cursor, segments }: Place): Stream {
    const unread = segments.flatMap(({ owed }) => (owed ? [owed] : []));
    return { reader: this.name, userId: this.who.id, roomId, after: Math.max(after, 0), cursor, heard: segments.flatMap(({ heard }) => heard), unread };
  }

  /** What was heard of each room. */
  streams(): Stream[] {
    return [...this.archive, ...this.rooms.values()].filter(({ cursor }) => cursor >= 0).map((place) => this.streamOf(place));
  }
}

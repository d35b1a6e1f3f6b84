/**
 * Whole nodes in this process, over one Postgres and perhaps one Redis, and people who talk through their doors: over REST and
 * over real sockets. Every frame that arrives is held against the vocabulary of src/realtime/model.ts.
 */
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
// @ts-expect-error By its path and so without types, because Bun answers the bare name with a socket of its own.
import NodeSocket from '../../node_modules/ws/wrapper.mjs';
import { createApp } from '../../src/app.ts';
import { readConfig } from '../../src/config.ts';
import { createLog } from '../../src/lib/log.ts';
import { BODY_CUT_BYTES } from '../../src/limits.ts';
import { FRAMES } from '../../src/realtime/model.ts';
import { openServices } from '../../src/services.ts';
import { freshDatabase } from './postgres.ts';
import { type OwnRedis, ownRedis } from './redis.ts';
import { until } from './wait.ts';

// biome-ignore lint/suspicious/noExplicitAny: what comes back is what the tests are about
export type Any = any;
export type Frame = Any;

const ajv = new Ajv({ strict: false, logger: false });
(addFormats as unknown as (ajv: Ajv) => void)(ajv);
/** Elysia's integers also take texts; on the wire they are integers. */
const plain = (key: string, value: Any): Any =>
  key === '$id' ? undefined : value?.anyOf?.some?.((option: Any) => option.format === 'integer') ? { type: 'integer' } : value;
const shapes = new Map(Object.entries(FRAMES).map(([type, shape]) => [type, ajv.compile(JSON.parse(JSON.stringify(shape, plain)))]));

/** Throws when a frame is not in the vocabulary or not in its shape. */
export function checkFrame(frame: Frame): void {
  const shape = shapes.get(frame.type);
  if (!shape) throw new Error(`a frame of unknown type: ${JSON.stringify(frame)}`);
  if (!shape(frame)) throw new Error(`${ajv.errorsText(shape.errors)} in ${JSON.stringify(frame)}`);
}

export const SECRET = 'a secret for tests, of at least 32 bytes';

export type Node = Awaited<ReturnType<typeof openNode>>;

/** One node on a port of its own. */
export async function openNode({ databaseUrl, redisUrl, env = {} }: { databaseUrl: string; redisUrl?: string; env?: Record<string, string> }) {
  const lines: string[] = [];
  const config = readConfig({
    NODE_ENV: 'test',
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl ?? '',
    JWT_SECRET: SECRET,
    RATE_LIMITS: 'false',
    DATABASE_POOL: '4',
    MIGRATE: 'false',
    ...env,
  });
  const services = await openServices(config, createLog({ level: 'warn', to: { write: (line: string) => void lines.push(line) } }));
  const app = createApp(services);
  app.listen({ hostname: '127.0.0.1', port: 0, reusePort: false, maxRequestBodySize: BODY_CUT_BYTES, websocket: services.gateway.handlers } as never);
  const { port } = app.server!;
  let open = true;
  return {
    services,
    server: app.server!,
    url: `http://127.0.0.1:${port}`,
    port: port!,
    /** Warnings and errors that were logged. */
    lines,
    /** As if the process were killed, but for its timers. */
    async [Symbol.asyncDispose]() {
      if (!open) return;
      open = false;
      await services.gateway[Symbol.asyncDispose]();
      await app.server!.stop(true);
      await services[Symbol.asyncDispose]();
    },
  };
}

export type SocketOptions = { path?: string; headers?: Record<string, string>; protocols?: string[]; library?: 'bun' | 'ws' };

/** One socket and everything it has heard. */
export class Client {
  readonly frames: Frame[] = [];
  /** The frames as text, in the order in which they came. */
  readonly texts: string[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly opened: Promise<void>;
  closeCode: number | undefined;
  protocol = '';
  /** What was wrong with a frame, if anything was. */
  wrong: unknown;
  private position = 0;
  private ids = 0;
  private readonly waiting = new Set<() => void>();
  readonly socket: WebSocket;

  constructor(url: string, { path = '/ws', headers, protocols = [], library = 'bun' }: SocketOptions = {}) {
    const address = `${url.replace('http', 'ws')}${path}`;
    this.socket =
      library === 'ws'
        ? (new NodeSocket(address, protocols, { headers, perMessageDeflate: false }) as unknown as WebSocket)
        : new WebSocket(address, { headers, protocols } as never);
    const { promise, resolve } = Promise.withResolvers<{ code: number; reason: string }>();
    this.closed = promise;
    this.opened = new Promise((done) => {
      this.socket.onopen = () => {
        this.protocol = this.socket.protocol;
        done();
      };
    });
    this.socket.onerror = () => {};
    this.socket.onclose = ({ code, reason }) => {
      this.closeCode = code;
      resolve({ code, reason });
      this.wake();
    };
    this.socket.onmessage = ({ data }) => {
      const text = String(data);
      const frame = JSON.parse(text);
      try {
        checkFrame(frame);
      } catch (error) {
        this.wrong ??= error;
      }
      this.texts.push(text);
      this.frames.push(frame);
      this.wake();
    };
  }

  private wake(): void {
    for (const look of [...this.waiting]) look();
  }

  send(frame: unknown): void {
    this.socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
  }

  /** Resolves with what `find` finds among the frames, now or later. */
  when<T>(what: string, find: (frames: readonly Frame[]) => T | undefined, limitMs = 5_000): Promise<T> {
    return new Promise((done, fail) => {
      const finish = (): void => {
        clearTimeout(timer);
        this.waiting.delete(look);
      };
      const look = (): void => {
        const found = this.wrong ? undefined : find(this.frames);
        if (found === undefined && !this.wrong) return;
        finish();
        if (this.wrong) fail(this.wrong);
        else done(found!);
      };
      const timer = setTimeout(() => {
        finish();
        fail(new Error(`Waited ${limitMs} ms in vain for ${what}; closed: ${this.closeCode}; heard: ${this.texts.slice(-8).join('\n')}`));
      }, limitMs);
      this.waiting.add(look);
      look();
    });
  }

  /** The next frame, not yet taken by `next`, that is of this type and matches. Skips the others. */
  async next(type: string, match: Record<string, unknown> = {}, limitMs = 5_000): Promise<Frame> {
    return this.when(
      `${type} ${JSON.stringify(match)}`,
      (frames) => {
        for (let at = this.position; at < frames.length; at++) {
          if (!fits(frames[at], { type, ...match })) continue;
          this.position = at + 1;
          return frames[at];
        }
        return undefined;
      },
      limitMs,
    );
  }

  /** All frames of a type so far. */
  all(type: string, match: Record<string, unknown> = {}): Frame[] {
    return this.frames.filter((frame) => fits(frame, { type, ...match }));
  }

  /** Durable events of a room so far, in the order in which they came. */
  events(roomId: string): Frame[] {
    return this.frames.filter((frame) => frame.roomId === roomId && typeof frame.seq === 'number' && frame.at);
  }

  /** Sends a command and resolves with its answer, `ok`, `error` or `pong`. */
  async ask(type: string, fields: Record<string, unknown> = {}, limitMs = 5_000): Promise<Frame> {
    const id = `q${++this.ids}`;
    this.send({ type, id, ...fields });
    return this.when(`the answer to ${type}`, (frames) => frames.findLast((frame) => frame.id === id && ['ok', 'error', 'pong'].includes(frame.type)), limitMs);
  }

  /** As `ask`, but anything but `ok` is an error. */
  async do(type: string, fields: Record<string, unknown> = {}, limitMs = 5_000): Promise<Frame> {
    const answer = await this.ask(type, fields, limitMs);
    if (answer.type === 'error') throw new Error(`${type}: ${JSON.stringify(answer.error)}`);
    return answer;
  }

  /** Everything that was sent before has been carried out, and everything that was published before has arrived. */
  async settled(): Promise<void> {
    await this.ask('ping');
  }

  /** Nothing but what the filter lets through has come since `from` frames; proved by a frame that does come. */
  async hearsNothingSince(from: number, but: (frame: Frame) => boolean = () => false): Promise<void> {
    await this.settled();
    const heard = this.frames.slice(from).filter((frame) => !['pong', 'ping', 'presence', 'ok'].includes(frame.type) && !but(frame));
    if (heard.length > 0) throw new Error(`heard ${JSON.stringify(heard)}`);
  }

  close(code = 1000): void {
    this.socket.close(code);
  }
}

const fits = (frame: Frame, match: Record<string, unknown>): boolean => Object.entries(match).every(([key, value]) => Bun.deepEquals(frame[key], value));

export type Answer = { status: number; body: Any };

/** Somebody with a session, at home on one node. */
function verbsOf(id: string, username: string, token: string, home: Node) {
  async function ask(method: string, path: string, body?: unknown): Promise<Answer> {
    const response = await fetch(`${home.url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
  }
  async function done(method: string, path: string, body?: unknown): Promise<Any> {
    const answer = await ask(method, path, body);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }
  /** A socket that has heard `ready`. */
  async function connect(options: SocketOptions = {}): Promise<Client> {
    const client = new Client(home.url, { ...options, headers: { authorization: `Bearer ${token}`, ...options.headers } });
    await client.next('ready');
    return client;
  }
  /** A socket that hears these rooms from their heads on. */
  async function listens(...rooms: { id: string }[]): Promise<Client> {
    const client = await connect();
    await client.do('subscribe', { rooms: rooms.map((room) => ({ roomId: room.id })) });
    return client;
  }
  return {
    id,
    username,
    token,
    ask,
    done,
    connect,
    listens,
    room: (name = 'Hall', more: Record<string, unknown> = {}): Promise<Any> => done('POST', '/rooms', { name, ...more }),
    says: (room: { id: string }, content: string, more: Record<string, unknown> = {}): Promise<Any> =>
      done('POST', `/rooms/${room.id}/messages`, { content, ...more }),
    adds: (room: { id: string }, other: { id: string }): Promise<Any> => done('POST', `/rooms/${room.id}/members`, { userId: other.id }),
    removes: (room: { id: string }, other: { id: string }): Promise<Any> => done('DELETE', `/rooms/${room.id}/members/${other.id}`),
    log: async (room: { id: string }): Promise<Any[]> => {
      const events: Any[] = [];
      for (;;) {
        const page = await done('GET', `/rooms/${room.id}/events?after=${events.at(-1)?.seq ?? 0}&limit=500`);
        events.push(...page.items);
        if (page.items.length === 0) return events;
      }
    },
  };
}

export type Person = ReturnType<typeof verbsOf> & {
  /** The same person with the same session at another node. */
  at: (other: Node) => Person;
  /** Another session of the same person, perhaps a short one. */
  again: (seconds?: number) => Promise<Person>;
};

function personOf(id: string, username: string, token: string, home: Node): Person {
  return {
    ...verbsOf(id, username, token, home),
    at: (other) => personOf(id, username, token, other),
    async again(seconds) {
      const tokens = await home.services.sessions.mint(id, seconds);
      return personOf(id, username, tokens.accessToken, home);
    },
  };
}

export type Chat = Awaited<ReturnType<typeof openChat>>;

let names = 0;

/** Nodes over one database; with a private Redis as soon as there is more than one node, or when asked for. */
export async function openChat({
  nodes: count = 1,
  redis: wanted = count > 1,
  env = {},
}: {
  nodes?: number;
  redis?: boolean;
  env?: Record<string, string>;
} = {}) {
  await using opened = new AsyncDisposableStack();
  const database = opened.use(await freshDatabase());
  const redis: OwnRedis | undefined = wanted ? opened.use(await ownRedis()) : undefined;
  const nodes: Node[] = [];

  async function addNode(more: Record<string, string> = {}): Promise<Node> {
    const node = opened2.use(await openNode({ databaseUrl: database.url, redisUrl: redis?.url, env: { ...env, ...more } }));
    nodes.push(node);
    return node;
  }
  const opened2 = opened.use(new AsyncDisposableStack());
  for (let n = 0; n < count; n++) await addNode();
  const [node] = nodes as [Node];
  const { sql } = node.services.db;

  /** An account and a session, made below the doors: hashing passwords is not what these tests are about. */
  async function person(name = 'somebody', { at = node, admin = false }: { at?: Node; admin?: boolean } = {}): Promise<Person> {
    const id = Bun.randomUUIDv7();
    const username = `${name}${++names}`;
    await sql`insert into users (id, username, role) values (${id}, ${username}, ${admin ? 'admin' : 'user'})`;
    const tokens = await at.services.sessions.mint(id);
    return personOf(id, username, tokens.accessToken, at);
  }

  const closing = opened.move();
  return {
    nodes,
    node,
    redis,
    sql,
    databaseUrl: database.url,
    addNode,
    person,
    /** A room of `owner` with these members in it, who hear nothing of it yet. */
    async room(owner: Person, ...members: Person[]): Promise<Any> {
      const room = await owner.room('Hall', { memberIds: members.map((member) => member.id) });
      await until('everyone is in', () => true);
      return room;
    },
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
}

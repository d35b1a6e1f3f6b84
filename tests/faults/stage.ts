/**
 * What a fault needs: nodes as processes of their own over one Postgres and one Redis, people with accounts and sessions, rooms
 * with all of them in, a load and readers on both nodes. The fault itself is the test's.
 */
import { type Database, openDatabase } from '../../src/db/client.ts';
import { migrate } from '../../src/db/migrate.ts';
import { type Account, Reader, type ReaderOptions } from '../support/client.ts';
import { type FreshDatabase, freshDatabase, ownPostgres, type OwnPostgres } from '../support/postgres.ts';
import { ownRedis, type OwnRedis } from '../support/redis.ts';
import { type ServerProcess, startServer } from '../support/process.ts';
import { until } from '../support/wait.ts';
import { brokenRooms } from '../support/world.ts';
import type { Acknowledged } from './checker.ts';
import { type Load, kinds, type LoadOptions, startLoad } from './load.ts';
import { judge } from './story.ts';

export type StageOptions = {
  nodes?: number;
  /** A cluster of one's own, with fsync, to stop and freeze, perhaps in a certain folder; else a database of the shared one. */
  postgres?: boolean | { within: string; settings?: Record<string, string | number> };
  /** A migrated one to use instead. */
  database?: FreshDatabase;
  env?: Record<string, string>;
};

const SENDERS = 4;
const ROOMS = 3;

export type Stage = Awaited<ReturnType<typeof openStage>>;

export async function openStage({ nodes: count = 2, postgres: own = false, database, env = {} }: StageOptions = {}) {
  await using opened = new AsyncDisposableStack();
  const [postgres, shared, redis] = await Promise.all([
    own ? (own === true ? ownPostgres() : ownPostgres(own.settings, own.within)) : undefined,
    own ? undefined : (database ?? freshDatabase()),
    ownRedis(),
  ]);
  opened.use(redis);
  const databaseUrl = (opened.use(postgres ?? shared!) as { url: string }).url;
  const db: Database = opened.use(openDatabase({ url: databaseUrl, pool: 2, deadlineMs: 10_000 }));
  if (own) await migrate(db);

  const settings = (more: Record<string, string>): Record<string, string> => ({
    NODE_ENV: 'test',
    DATABASE_URL: databaseUrl,
    REDIS_URL: redis.url,
    JWT_SECRET: 'a secret for tests, of at least 32 bytes',
    RATE_LIMITS: 'false',
    DATABASE_POOL: '4',
    MIGRATE: 'false',
    WS_PER_USER: '100',
    ...env,
    ...more,
  });
  const running = opened.use(new AsyncDisposableStack());
  const startNode = async (more: Record<string, string> = {}): Promise<ServerProcess> => running.use(await startServer(settings(more)));
  const nodes = await Promise.all(Array.from({ length: count }, () => startNode()));
  const readers: Reader[] = [];
  opened.defer(() => {
    for (const reader of readers) reader.close();
  });

  /** Somebody with an account, as the register route makes it. */
  async function person(name: string): Promise<Account> {
    const response = await fetch(`${nodes[0]!.url}/api/v1/auth/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username: `${name}${Bun.randomUUIDv7().slice(-8)}`, password: 'correct horse battery' }),
    });
    const body = (await response.json()) as { user: { id: string }; accessToken: string };
    if (response.status !== 201) throw new Error(`register: ${response.status} ${JSON.stringify(body)}`);
    return { id: body.user.id, token: body.accessToken };
  }

  const people = await Promise.all(Array.from({ length: SENDERS + 2 }, (_, n) => person(`person${n}`)));
  const [owner] = people as [Account, ...Account[]];
  const senders = people.slice(0, SENDERS);
  const rooms: { id: string; epoch: string }[] = [];
  for (let n = 0; n < ROOMS; n++) {
    const response = await fetch(`${nodes[0]!.url}/api/v1/rooms`, {
      method: 'POST',
      headers: { authorization: `Bearer ${owner.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ name: `Hall ${n}`, memberIds: people.slice(1).map(({ id }) => id) }),
    });
    rooms.push((await response.json()) as { id: string; epoch: string });
  }
  const roomIds = rooms.map(({ id }) => id);

  const acknowledged: Acknowledged[] = [];
  let unacknowledged = 0;

  const closing = opened.move();
  return {
    nodes,
    startNode,
    people,
    owner,
    rooms,
    roomIds,
    redis,
    /** The cluster, when the stage has one of its own. */
    postgres: postgres as OwnPostgres,
    redisServer: redis as OwnRedis,
    db,
    readers,

    /** A reader of all rooms from their beginning, who comes back by himself; `urls`: where he may be. */
    async reader(who: Account, urls: readonly string[] | (() => readonly string[]), options: Partial<ReaderOptions> = {}): Promise<Reader> {
      const reader = new Reader(who, { urls: typeof urls === 'function' ? urls : () => urls, returns: true, ...options });
      readers.push(reader);
      await reader.open();
      for (const { id, epoch } of rooms) await reader.follow(id, { after: 0, epoch });
      return reader;
    },

    /** Senders on both nodes, each at home on one and able to go to the other. */
    load: (options: Partial<LoadOptions> = {}): Load =>
      startLoad({
        senders,
        roomIds,
        urls: (nth) => [...nodes.slice((nth >> 1) % nodes.length), ...nodes.slice(0, (nth >> 1) % nodes.length)].map(({ url }) => url),
        ...options,
      }),

    /** Has some load behind it, so that plans are made and connections open. */
    warm: (load: Load, answers = 50): Promise<unknown> => until('the load runs', () => load.answers.length >= answers, 15_000),

    /** Ends the load, waits for every reader and judges the story; prints the figures as a line of JSON (bench/faults.ts reads them). */
    async verdict(fault: string, load: Load, figures: () => Record<string, number>, limitMs = 5_000): Promise<string[]> {
      await load.stop();
      acknowledged.push(...load.acknowledged);
      const judged = await judge(db.sql, { roomIds, readers, acknowledged, limitMs });
      const broken = await brokenRooms(db);
      const all = { ...figures(), acknowledged: load.acknowledged.length, storedUnacknowledged: judged.unacknowledged - unacknowledged };
      unacknowledged = judged.unacknowledged;
      const rounded = Object.entries(all).map(([name, value]) => [name, Math.round(value * 100) / 100]);
      console.log(JSON.stringify({ fault, ...Object.fromEntries(rounded), failures: kinds(load.failures) }));
      const ours = nodes.flatMap((node) => node.lines().filter(isOurs));
      return [
        ...judged.problems,
        ...load.problems(),
        ...broken.map((room) => `broken: ${JSON.stringify(room)}`),
        ...ours.map((entry) => `logged: ${JSON.stringify(entry).slice(0, 2_000)}`),
      ].slice(0, 12);
    },

    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
}

/** Errors that no outage explains: of requests only those that say 500. */
const isOurs = ({ level, event, status }: Record<string, unknown>): boolean => level === 'error' && (event !== 'request' || status !== 503);

/** The longest that a message took from its acknowledgement to this reader, in milliseconds, of those acknowledged in a span. */
export function longestLag(load: Load, reader: Reader, from = 0, to = Number.POSITIVE_INFINITY): number {
  const heard = new Map(reader.streams().flatMap((stream) => stream.heard.map(({ messageId, at }) => [messageId, at] as const)));
  return Math.max(
    0,
    ...load.answers.filter(({ at }) => at >= from && at <= to).map(({ messageId, at }) => (heard.get(messageId) ?? Number.POSITIVE_INFINITY) - at),
  );
}

/**
 * Opens everything once, in the order in which things need each other, and closes it in reverse. The only place where
 * features are introduced to one another.
 */
import { availableParallelism } from 'node:os';
import { createAccessTokens } from './auth/access-token.ts';
import { createPasswords, weakness } from './auth/password.ts';
import { createSessions } from './auth/service.ts';
import { createThrottle } from './auth/throttle.ts';
import { createCounts } from './cache.ts';
import type { Config } from './config.ts';
import { openDatabase } from './db/client.ts';
import { openEmbedded } from './db/embedded.ts';
import { isTransient, refusedData } from './db/failures.ts';
import { migrate, pendingMigrations } from './db/migrate.ts';
import { startStatistics } from './db/statistics.ts';
import type { Live } from './events.ts';
import type { Log } from './lib/log.ts';
import { createRateLimiter } from './lib/rate-limit.ts';
import { createLog as createRoomLog, createLogs } from './messages/log.ts';
import { createMessageQueries } from './messages/queries.ts';
import { createSearchQueries } from './messages/search-queries.ts';
import { createSearch } from './messages/search-service.ts';
import { startSearchUpkeep } from './messages/search-upkeep.ts';
import { createMessages, createTelling } from './messages/service.ts';
import { createWriter, LANES } from './messages/writer.ts';
import { createMetrics } from './metrics.ts';
import { createLive } from './realtime/live.ts';
import { openRedis } from './redis.ts';
import { startPurge } from './rooms/purge.ts';
import { createRooms } from './rooms/service.ts';
import { loadSecret } from './secret.ts';
import { createUsers } from './users/service.ts';

export type Services = Awaited<ReturnType<typeof openServices>>;

/** How long the start waits for Redis; without it the node serves all the same. */
const REDIS_WAIT_MS = 1_000;

/** A node's services, ready to serve. Throws AppError `unavailable` without a database, and what a broken migration throws. */
export async function openServices(config: Config, log: Log) {
  await using opened = new AsyncDisposableStack();

  const metrics = opened.use(createMetrics());
  const secret = await loadSecret(config);
  const url = config.databaseUrl ?? opened.use(await openEmbedded(config.dataDir)).url;
  const connections = (pool: number) =>
    openDatabase({
      url,
      pool,
      deadlineMs: config.databaseDeadlineMs,
      onRebuild: () => log.warn('Postgres gave no sign of life; its connections were replaced'),
    });
  const db = opened.use(connections(config.databasePool));
  if (config.migrate) {
    const applied = await migrate(db);
    if (applied.length > 0) log.info({ applied }, 'migrated');
  }
  opened.use(startStatistics({ db, log }));
  const redis = config.redisUrl === undefined ? null : opened.use(openRedis({ url: config.redisUrl, prefix: config.redisPrefix, log }));
  if (redis && !(await redis.waitUntilReady(REDIS_WAIT_MS))) log.warn('Redis does not answer; starting without it');

  const shared = redis ? { redis } : {};
  const counts = createCounts({ redis, seconds: config.countsSeconds, log });
  const limiter = createRateLimiter({ config, ...shared });
  const readLog = createRoomLog(db);
  const node = opened.use(createLive({ config, log, metrics, db, redis, readLog, readLogs: createLogs(db) }));
  const upkeep = opened.use(startSearchUpkeep({ db, log }));
  const live = watchingWrites(node, counts, upkeep);

  const previous = config.jwtSecretPrevious;
  // Workers share the cores: together they hash at most as many passwords at once as there are.
  const passwords = createPasswords({ atOnce: Math.max(1, Math.floor(availableParallelism() / config.workers)) });
  const throttle = createThrottle({ enabled: config.rateLimits, ...shared });
  const sessions = opened.use(
    createSessions({
      sql: db.sql,
      config,
      secret,
      previousSecret: previous,
      tokens: await createAccessTokens({ secret, previous, seconds: config.accessTokenSeconds }),
      passwords,
      throttle,
      live,
      createUser: (account) => users.create(account),
    }),
  );
  const rooms = createRooms({ db, live, counts, onDeleted: () => purge.wake() });
  const users = createUsers({
    sql: db.sql,
    counts,
    passwords,
    weakness,
    guard: throttle.guard,
    ended: sessions.ended,
    changed: sessions.sessionsEnded,
    leaveAll: rooms.leaveAll,
  });

  const flushing = opened.use(connections(LANES));
  const queries = createMessageQueries(db, flushing.sql);
  const telling = createTelling(live);
  const writer = createWriter({
    append: queries.append,
    committed: failing(config.failpoint, telling.committed),
    metrics,
    refusedData,
    worthAnother: isTransient,
    deadlineMs: config.databaseDeadlineMs,
  });
  const messages = createMessages({ queries, readLog, writer, live, messageOf: telling.messageOf });
  const search = createSearch({ queries: createSearchQueries(db), atOnce: Math.max(1, config.databasePool >> 1) });
  const gateway = opened.use(node.openGateway({ sessions, rooms, messages, limiter }));
  const purge = opened.use(startPurge({ db, log, resumeDepartures: rooms.resumeDepartures }));

  const closing = opened.move();
  return {
    config,
    log,
    metrics,
    db,
    redis,
    counts,
    limiter,
    live,
    sessions,
    users,
    rooms,
    messages,
    writer,
    search,
    gateway,
    pending: () => pendingMigrations(db),
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
}

/** Whatever is written about messages is told to `live`: one place to drop their total and to have the search indexes merged. */
function watchingWrites(live: Live, counts: { drop(key: string): void }, upkeep: { wrote(): void }): Live {
  return {
    ...live,
    publish(epoch, events) {
      if (events.some(({ type }) => type === 'message.created' || type === 'message.deleted')) counts.drop('messages');
      if (events.some(({ type }) => type.startsWith('message.'))) upkeep.wrote();
      live.publish(epoch, events);
    },
    removed(roomId, userIds) {
      counts.drop('messages');
      live.removed(roomId, userIds);
    },
  };
}

/** The failpoint `after-commit`: this process dies between the n-th commit of a batch and its publishing (tests of faults). */
function failing<T extends readonly unknown[]>(failpoint: Config['failpoint'], committed: (items: T) => void): (items: T) => void {
  if (!failpoint) return committed;
  let commits = 0;
  return (items) => {
    if (items.length > 0 && ++commits === failpoint.n) process.kill(process.pid, 'SIGKILL');
    committed(items);
  };
}

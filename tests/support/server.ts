/** A whole node on a port of its own, over a fresh database; or a second node over the first one's. */
import { Elysia } from 'elysia';
import { authRoutes } from '../../src/auth/routes.ts';
import { createAccessTokens } from '../../src/auth/access-token.ts';
import { createPasswords, weakness } from '../../src/auth/password.ts';
import { createSessions, type Sessions } from '../../src/auth/service.ts';
import { createThrottle } from '../../src/auth/throttle.ts';
import { createCounts } from '../../src/cache.ts';
import { readConfig } from '../../src/config.ts';
import { openDatabase } from '../../src/db/client.ts';
import { createDoor } from '../../src/http/door.ts';
import { createObserve } from '../../src/http/observe.ts';
import { createLog } from '../../src/lib/log.ts';
import { createRateLimiter } from '../../src/lib/rate-limit.ts';
import { createMetrics } from '../../src/metrics.ts';
import { openRedis } from '../../src/redis.ts';
import { roomRoutes } from '../../src/rooms/routes.ts';
import { createRooms } from '../../src/rooms/service.ts';
import { userRoutes } from '../../src/users/routes.ts';
import { createUsers } from '../../src/users/service.ts';
import { freshDatabase } from './postgres.ts';

export const SECRET = 'a secret for tests, of at least 32 bytes';

export type NodeOptions = { env?: Record<string, string>; databaseUrl?: string; redisUrl?: string };
export type TestNode = Awaited<ReturnType<typeof startNode>>;

export async function startNode({ env = {}, databaseUrl, redisUrl }: NodeOptions = {}) {
  const fresh = databaseUrl === undefined ? await freshDatabase() : undefined;
  const url = databaseUrl ?? fresh!.url;
  const config = readConfig({
    NODE_ENV: 'test',
    DATABASE_URL: url,
    REDIS_URL: redisUrl ?? '',
    JWT_SECRET: SECRET,
    RATE_LIMITS: 'false',
    LOG_LEVEL: 'silent',
    ...env,
  });
  const log = createLog({ level: config.logLevel });
  const metrics = createMetrics();
  const db = openDatabase({ url, pool: 4, deadlineMs: config.databaseDeadlineMs });
  const redis = redisUrl ? openRedis({ url: redisUrl, prefix: config.redisPrefix }) : null;
  await redis?.waitUntilReady(2_000);
  const counts = createCounts({ redis, seconds: config.countsSeconds, log });
  const limiter = createRateLimiter({ config, redis: redis ?? undefined });
  const ended: { ids: string[]; why: string }[] = [];
  const live = { publish() {}, added() {}, removed() {}, read() {}, ended: (ids: readonly string[], why: string) => void ended.push({ ids: [...ids], why }) };
  const rooms = createRooms({ db, live, counts });
  const passwords = createPasswords({ atOnce: 2 });
  const throttle = createThrottle({ enabled: config.rateLimits, redis: redis ?? undefined });
  const tokens = await createAccessTokens({ secret: config.jwtSecret!, previous: config.jwtSecretPrevious, seconds: config.accessTokenSeconds });
  const users = createUsers({
    sql: db.sql,
    counts,
    passwords,
    weakness,
    guard: throttle.guard,
    ended: (ids, why) => sessions.ended(ids, why),
    changed: (ids) => sessions.sessionsEnded(ids),
    leaveAll: rooms.leaveAll,
  });
  const sessions: Sessions = createSessions({
    sql: db.sql,
    config,
    secret: config.jwtSecret!,
    previousSecret: config.jwtSecretPrevious,
    tokens,
    passwords,
    throttle,
    live,
    createUser: users.create,
  });
  const observe = createObserve(log, metrics);
  const door = createDoor({ config, observe, limiter, identify: sessions.identify });
  const app = new Elysia({ strictPath: true }).use(authRoutes(sessions, door)).use(userRoutes(users, door)).use(roomRoutes(rooms, door));
  app.listen({ port: 0, hostname: '127.0.0.1', reusePort: false });
  return {
    url: `http://127.0.0.1:${app.server!.port}`,
    databaseUrl: url,
    db,
    users,
    sessions,
    ended,
    async [Symbol.asyncDispose]() {
      await app.stop(true);
      sessions[Symbol.dispose]();
      metrics[Symbol.dispose]();
      await redis?.[Symbol.asyncDispose]();
      await db[Symbol.asyncDispose]();
      await fresh?.[Symbol.asyncDispose]();
    },
  };
}

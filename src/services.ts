/**
 * Opens everything once, in the order in which things need each other, and closes it in reverse. The only place where
 * features are introduced to one another.
 */
import { createSessions } from './auth/service.ts';
import { type Counts, createCounts } from './cache.ts';
import type { Config } from './config.ts';
import { openDatabase } from './db/client.ts';
import { openEmbedded } from './db/embedded.ts';
import { sqlState } from './db/failures.ts';
import { migrate, pendingMigrations } from './db/migrate.ts';
import { AppError } from './errors.ts';
import type { Live } from './events.ts';
import type { Log } from './lib/log.ts';
import { createRateLimiter } from './lib/rate-limit.ts';
import { createLog as createRoomLog } from './messages/log.ts';
import { createMessageQueries } from './messages/queries.ts';
import { createSearch } from './messages/search-service.ts';
import { createMessages, createTelling } from './messages/service.ts';
import { createWriter } from './messages/writer.ts';
import { createMetrics } from './metrics.ts';
import { createRealtime } from './realtime/realtime.ts';
import { openRedis } from './redis.ts';
import { startPurge } from './rooms/purge.ts';
import { createRooms } from './rooms/service.ts';
import { loadSecret } from './secret.ts';
import { createUsers } from './users/service.ts';

export type Services = Awaited<ReturnType<typeof openServices>>;

/** How long the start waits for Redis; without it the node serves all the same. */
const REDIS_WAIT_MS = 1_000;

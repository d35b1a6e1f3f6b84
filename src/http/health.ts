/** Liveness, readiness and metrics, outside /api/v1: for orchestrators and scrapers, never limited. */
import { Elysia } from 'elysia';
import type { Config } from '../config.ts';
import type { Database } from '../db/client.ts';
import { AppError } from '../errors.ts';
import type { Metrics } from '../metrics.ts';
import type { Redis } from '../redis.ts';
import type { Gate } from './gate.ts';
import { answerHeaders } from './headers.ts';
import { problemResponse } from './problems.ts';

/** An orchestrator waits about this long for an answer. */
const PING_MS = 1_000;

export type HealthPorts = {
  config: Config;
  gate: Gate;
  db: Database;
  redis: Redis | null;
  metrics: Metrics;
  /** Names of migrations that are not applied yet. */
  pending: () => Promise<readonly string[]>;
  draining: () => boolean;
};

export function healthRoutes({ config, gate, db, redis, metrics, pending, draining }: HealthPorts) {
  let migrated = false;

  async function readiness(): Promise<string | null> {
    if (draining()) return 'The server is draining.';
    try {
      await Promise.race([db.ping(), Bun.sleep(PING_MS).then(() => Promise.reject(new Error('slow')))]);
      migrated ||= (await pending()).length === 0;
    } catch {
      return 'Postgres does not answer.';
    }
    return migrated ? null : 'Migrations are missing.';
  }

  const json = (request: Request, value: unknown) =>
    new Response(JSON.stringify(value), { headers: { ...answerHeaders(request, config), 'content-type': 'application/json' } });
  const fail = (request: Request, error: AppError) => {
    const headers = answerHeaders(request, config);
    return problemResponse(error, headers['x-request-id'], headers);
  };

  const app = new Elysia({ name: 'health' })
    .get('/livez', ({ request }) => json(request, { status: 'ok' }), gate.hook)
    .get(
      '/readyz',
      async ({ request }) => {
        const trouble = await readiness();
        if (trouble) return fail(request, new AppError('unavailable', trouble));
        const state = redis === null ? 'none' : redis.ready ? 'ok' : 'down';
        return json(request, { status: state === 'down' ? 'degraded' : 'ok', postgres: 'ok', redis: state });
      },
      gate.hook,
    );
  return config.metrics && config.metricsPort === undefined
    ? app.get('/metrics', async ({ request }) => exposition(request, { config, metrics, db, redis }), gate.hook)
    : app;
}

/** Prometheus' text format, with what is sampled at the moment of asking. */
export async function exposition(
  request: Request,
  { config, metrics, db, redis }: Pick<HealthPorts, 'config' | 'metrics' | 'db' | 'redis'>,
): Promise<Response> {
  const { inFlight, pool } = db.stats();
  metrics.pool.set({ state: 'in_flight' }, inFlight);
  metrics.pool.set({ state: 'connections' }, pool);
  metrics.redis.set(redis === null ? -1 : redis.ready ? 1 : 0);
  return new Response(await metrics.registry.metrics(), { headers: { ...answerHeaders(request, config), 'content-type': metrics.registry.contentType } });
}

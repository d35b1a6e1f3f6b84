/**
 * Everything the server measures about itself, on one page, in Prometheus' terms (units in the names, seconds and bytes).
 * One registry per node, so that two nodes can live in one process of tests. Nothing here decides anything.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
const LAG_SAMPLE_MS = 500;

export type Metrics = ReturnType<typeof createMetrics>;

export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) => new Counter({ name, help, labelNames, registers });
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) => new Gauge({ name, help, labelNames, registers });
  const histogram = <L extends string>(name: string, help: string, buckets: number[], labelNames: readonly L[] = []) =>
    new Histogram({ name, help, buckets, labelNames, registers });

  const lag = gauge('parlour_event_loop_lag_seconds', 'Longest time a timer came late within the last sample');
  // prom-client's own lag metric is NaN on Bun, so the lag is sampled here.
  let due = performance.now() + LAG_SAMPLE_MS;
  const sampler = setInterval(() => {
    const now = performance.now();
    lag.set(Math.max(0, now - due) / 1_000);
    due = now + LAG_SAMPLE_MS;
  }, LAG_SAMPLE_MS);
  sampler.unref();

  return {
    registry,
    sockets: gauge('parlour_sockets', 'Open sockets'),
    socketCloses: counter('parlour_socket_closes_total', 'Closed sockets by close code', ['code']),
    commands: counter('parlour_socket_commands_total', 'Socket commands by type and outcome', ['type', 'outcome']),
    batchRows: histogram('parlour_writer_batch_rows', 'Sends in one flush', [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]),
    flushSeconds: histogram('parlour_writer_flush_seconds', 'Time of one flush, from the call to the commit', SECONDS),
    queueSeconds: histogram('parlour_writer_queue_seconds', 'Age of the oldest send when its flush began', SECONDS),
    queued: gauge('parlour_writer_queued', 'Sends that wait for a flush'),
    publishSeconds: histogram('parlour_publish_seconds', 'Time to encode and publish the events of one flush on this node', SECONDS),
    published: counter('parlour_events_published_total', 'Durable events published to local subscribers'),
    held: gauge('parlour_events_held', 'Events that wait for an earlier one'),
    healed: counter('parlour_events_healed_total', 'Events read from Postgres because no publish brought them'),
    gaps: counter('parlour_gaps_total', 'Gaps sent to clients, by reason', ['reason']),
    /** Must stay 0: a hole in a room's log that Postgres does not have. */
    lost: counter('parlour_events_lost_total', 'Holes in a log; must be 0'),
    followed: gauge('parlour_rooms_followed', 'Rooms that this node follows'),
    pool: gauge('parlour_database_queries', 'Queries in flight or waiting', ['state']),
    redis: gauge('parlour_redis_up', '1 when Redis answers, 0 when it does not, -1 without one'),
    lag,
    [Symbol.dispose]: () => clearInterval(sampler),
  };
}

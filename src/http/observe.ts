/** One line in the log and one sample in the metrics for every answered request. It never changes an answer. */
import type { Log } from '../lib/log.ts';
import type { Metrics } from '../metrics.ts';
import { createLatencies } from './latencies.ts';

/** Slower answers are warned about, whatever their status. */
const SLOW_MS = 1_000;

export type Observe = ReturnType<typeof createObserve>;

export function createObserve(log: Log, metrics: Pick<Metrics, 'registry'>) {
  const latencies = createLatencies(metrics.registry);
  const isChatty = log.isLevelEnabled('info');

  return {
    log,
    /** `route` is the pattern; `started` is performance.now(). */
    answered(request: Request, route: string, status: number, started: number, requestId: string): void {
      const ms = performance.now() - started;
      const { method } = request;
      latencies.sample(method, route, status, ms / 1_000);
      if (!isChatty && status < 500 && ms <= SLOW_MS) return;
      const level = status >= 500 ? 'error' : ms > SLOW_MS ? 'warn' : 'info';
      log[level]({ event: 'request', requestId, method, route, status, ms: Math.round(ms * 100) / 100 });
    },
  };
}

/** One line in the log and one sample in the metrics for every answered request. It never changes an answer. */
import type { Log } from '../lib/log.ts';
import type { Metrics } from '../metrics.ts';

/** Slower answers are warned about, whatever their status. */
const SLOW_MS = 1_000;

export type Observe = ReturnType<typeof createObserve>;

export function createObserve(log: Log, metrics: Metrics) {
  const known = new Map<string, { observe(seconds: number): void }>();

  /** Labels are bound once: looking three of them up again for every request is half of what a sample costs. */
  function sampler(method: string, route: string, status: number) {
    const key = `${method} ${route} ${status}`;
    let bound = known.get(key);
    if (!bound) {
      bound = metrics.requests.labels({ method, route, status: String(status) });
      known.set(key, bound);
    }
    return bound;
  }

  return {
    log,
    /** `route` is the pattern, never the path: ids in labels would make one series per thing. `started` is performance.now(). */
    answered(request: Request, route: string, status: number, started: number, requestId: string): void {
      const ms = performance.now() - started;
      sampler(request.method, route, status).observe(ms / 1_000);
      const level = status >= 500 ? 'error' : ms > SLOW_MS ? 'warn' : 'info';
      if (!log.isLevelEnabled(level)) return;
      log[level]({ event: 'request', requestId, method: request.method, route, status, ms: Math.round(ms * 100) / 100 });
    },
  };
}

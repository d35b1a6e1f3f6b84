/**
 * The histogram of request times. prom-client formats it; counting is done here, because its own `observe` hashes the labels of
 * every sample, which costs as much as building the answer's headers (1 µs, measured).
 */
import type { Registry } from 'prom-client';

const NAME = 'parlour_http_request_seconds';
const HELP = 'Time to answer a request, by route pattern';
/** Upper bounds in seconds. */
const BOUNDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

type Series = { labels: Record<string, string>; counts: number[]; sum: number; n: number };
export type Latencies = ReturnType<typeof createLatencies>;

/** Registers the metric; `sample` counts one request. */
export function createLatencies(registry: Registry) {
  const series = new Map<string, Series>();

  function values() {
    const lines: { metricName: string; labels: Record<string, string | number>; value: number }[] = [];
    for (const { labels, counts, sum, n } of series.values()) {
      let total = 0;
      BOUNDS.forEach((le, at) => {
        total += counts[at]!;
        lines.push({ metricName: `${NAME}_bucket`, labels: { le, ...labels }, value: total });
      });
      lines.push({ metricName: `${NAME}_bucket`, labels: { le: '+Inf', ...labels }, value: n });
      lines.push({ metricName: `${NAME}_sum`, labels, value: sum }, { metricName: `${NAME}_count`, labels, value: n });
    }
    return lines;
  }

  registry.registerMetric({
    name: NAME,
    get: async () => ({ name: NAME, help: HELP, type: 'histogram', aggregator: 'sum', values: values() }),
    reset: () => series.clear(),
  } as never);

  return {
    /** `route` is the pattern, never the path: ids in labels would make one series per thing. */
    sample(method: string, route: string, status: number, seconds: number): void {
      const key = `${method} ${status} ${route}`;
      let found = series.get(key);
      if (!found) {
        found = { labels: { method, route, status: String(status) }, counts: new Array(BOUNDS.length).fill(0), sum: 0, n: 0 };
        series.set(key, found);
      }
      let at = 0;
      while (at < BOUNDS.length && seconds > BOUNDS[at]!) at++;
      if (at < BOUNDS.length) found.counts[at]!++;
      found.sum += seconds;
      found.n++;
    },
  };
}

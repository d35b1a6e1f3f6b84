/** What the k6 scripts are for: load, budget, what is shown of each, and verdicts that no threshold can express. Runs nothing. */
import type { Summary } from './k6.ts';
import { figure } from './statistics.ts';

export type Script = {
  name: string;
  load: string;
  budget: string;
  /** What must be said on the command line to measure the budget itself. */
  full: string;
  /** What is measured and its place in the summary. */
  figures: [title: string, metric: string, value: string][];
  dataset?: boolean;
  env?: Record<string, string>;
  /** Verdicts that no threshold can express; undefined: met. */
  judge?: (summary: Summary, memory: readonly number[]) => string | undefined;
};

/** `per_second`: the count over the whole run, its opening included. */
export function value(summary: Summary, metric: string, key: string): number {
  const values = summary.metrics[metric]?.values;
  if (key === 'per_second') return (values?.count ?? 0) / ((summary.state?.testRunDurationMs ?? Number.NaN) / 1_000);
  return values?.[key] ?? Number.NaN;
}
const MIB = 1_048_576;
/** Memory is looked at this often. */
export const SAMPLE_MS = 5_000;
/** Growth of memory that is allowed, and the time it is for. */
const GROWTH_MIB = 5;
const GROWTH_MINUTES = 10;

export const SCRIPTS: Script[] = [
  { name: 'smoke', load: 'each route and command once', budget: 'no error', full: 'smoke', figures: [['requests', 'http_reqs', 'count']] },
  {
    name: 'send',
    load: 'REST sends, 3,000/s over 100 rooms',
    budget: 'p99 < 50 ms, 0 lost',
    full: 'send --duration 30s',
    figures: [
      ['acknowledged/s', 'send_ms', 'per_second'],
      ['p99', 'send_ms', 'p(99)'],
    ],
  },
  {
    name: 'fanout',
    load: 'a room of 500 sockets with 20 messages/s, 100 rooms of 10 with 200/s',
    budget: 'delivery p99 < 50 ms, everyone complete and in order',
    full: 'fanout --duration 30s',
    figures: [
      ['deliveries/s', 'delivered', 'per_second'],
      ['p99 in the hall', 'delivery_hall_ms', 'p(99)'],
      ['p99 in the rooms', 'delivery_rooms_ms', 'p(99)'],
    ],
  },
  {
    name: 'history',
    load: 'pages of 50, newest and deep, 1,000/s over 10^6 messages',
    budget: 'p99 < 25 ms',
    full: 'history --messages 1000000 --duration 30s',
    dataset: true,
    figures: [
      ['pages/s', 'iterations', 'per_second'],
      ['p99 newest', 'history_newest_ms', 'p(99)'],
      ['p99 deep', 'history_deep_ms', 'p(99)'],
    ],
  },
  {
    name: 'search',
    load: 'all kinds of searches in turn, 50/s over 10^6 messages',
    budget: 'p95 < 50 ms',
    full: 'search --messages 1000000 --duration 30s',
    dataset: true,
    figures: [
      ['searches/s', 'iterations', 'per_second'],
      ['p95', 'search_ms', 'p(95)'],
    ],
  },
  {
    name: 'login',
    load: '60 logins/s beside a chat of 200 sends/s',
    budget: 'the chat’s p99 at most doubled',
    full: 'login --duration 20s',
    figures: [
      ['p99 quiet', 'send_ms{phase:quiet}', 'p(99)'],
      ['p99 storm', 'send_ms{phase:storm}', 'p(99)'],
    ],
    judge(summary) {
      const [quiet, storm] = [value(summary, 'send_ms{phase:quiet}', 'p(99)'), value(summary, 'send_ms{phase:storm}', 'p(99)')];
      return storm <= 2 * quiet ? undefined : `the chat's p99 went from ${figure(quiet)} to ${figure(storm)} ms, more than double`;
    },
  },
  {
    name: 'reconnect',
    load: '2,000 sockets lost at once, each resumes 50 events',
    budget: 'all whole within 5 s',
    full: 'reconnect',
    figures: [
      ['resumed', 'resumed', 'count'],
      ['slowest', 'whole_ms', 'max'],
    ],
  },
  {
    name: 'mixed',
    load: '100 sends, 200 reads, 10 searches a second, 200 sockets',
    budget: 'p99 < 50 ms (searches: p95 < 100 ms), nothing lost',
    full: 'mixed --duration 30s',
    figures: [
      ['deliveries/s', 'delivered', 'per_second'],
      ['p99', 'delivery_ms', 'p(99)'],
    ],
  },
  {
    name: 'soak',
    load: 'mixed, 30 minutes',
    budget: 'memory grows < 5 MiB in 10 minutes',
    full: 'soak',
    // Of each room the server keeps the last thousand events: in twenty rooms those are there within minutes, and then nothing may grow.
    env: { ROOMS: '20' },
    figures: [
      ['deliveries/s', 'delivered', 'per_second'],
      ['p99', 'delivery_ms', 'p(99)'],
    ],
    judge(_summary, memory) {
      const slope = slopePerMinute(memory) * GROWTH_MINUTES;
      // The first minutes fill caches and rings, which are bounded.
      if (memory.length < (GROWTH_MINUTES * 60_000) / SAMPLE_MS) return undefined;
      return slope < GROWTH_MIB * MIB ? undefined : `memory grows by ${figure(slope / MIB)} MiB in ${GROWTH_MINUTES} minutes`;
    },
  },
];

/** Least squares over the second half of the samples, in bytes a minute. */
function slopePerMinute(memory: readonly number[]): number {
  const late = memory.slice(memory.length >> 1);
  const middle = (late.length - 1) / 2;
  const mean = late.reduce((sum, one) => sum + one, 0) / Math.max(1, late.length);
  let over = 0;
  let under = 0;
  late.forEach((one, at) => {
    over += (at - middle) * (one - mean);
    under += (at - middle) ** 2;
  });
  return under === 0 ? 0 : (over / under) * (60_000 / SAMPLE_MS);
}

/** First and last, and the growth over the second half; undefined of fewer than two samples (bytes, one each SAMPLE_MS). */
export function memoryOf(samples: readonly number[]): Memory | undefined {
  if (samples.length < 2) return undefined;
  const mib = (bytes: number): number => Math.round((bytes / MIB) * 10) / 10;
  return {
    first: mib(samples[0]!),
    last: mib(samples.at(-1)!),
    perTenMinutes: mib(slopePerMinute(samples) * GROWTH_MINUTES),
    samples: samples.filter((_, at) => at % 6 === 0).map(mib),
  };
}

/** Of the server, in MiB; `samples` one each half minute. */
export type Memory = { first: number; last: number; perTenMinutes: number; samples: number[] };

/**
 * Ours and the limit in turn, A B A B …: whatever the machine does meanwhile hits both. The ratio is made per pair; what is said is
 * the median of the pairs and how far they lie apart. It knows nothing about what is measured.
 */
import { median, spread } from '../statistics.ts';

export type Sample = {
  /** What is compared: a rate, or a time or size where less is better. */
  value: number;
  /** Share of one core that the measured server was busy; and its processor time per thing done. */
  busy?: number;
  cpuMicros?: number;
  /** Who spent how much processor time per thing done, in microseconds, when all share the same cores. */
  parts?: Record<string, number>;
  loss?: string;
};

type Described = {
  id: string;
  title: string;
  unit: string;
  aim: number;
  /** `less`: the ratio must be at most the aim. */
  better: 'more' | 'less';
  /** What a reader must know to quote it. */
  note?: string;
};

export type Comparison = Described & {
  /** A sample takes so long, on a server of its own, that so many pairs must do, and none ahead. */
  atMost?: number;
  /** So many pairs whatever was asked for, because they are short. */
  exactly?: number;
  ours: () => Promise<Sample>;
  limit: () => Promise<Sample>;
};

export type Ratio = Described & {
  ours: number;
  limit: number;
  ratio: number;
  spread: number;
  pairs: number[];
  /** By processor time per thing done, when the driver and not the server was the limit. */
  ratioByCpu?: number;
  busy?: { ours: number; limit: number };
  parts?: { ours: Record<string, number>; limit: Record<string, number> };
  met: boolean;
  loss?: string;
  /** With what it was measured, when a file holds several runs. */
  commit?: string;
  date?: string;
};

/** At least so busy a server is what limits the figure; below it the driver does. */
const SATURATED = 0.9;

export async function compare(what: Comparison, pairs: number): Promise<Ratio> {
  const ours: Sample[] = [];
  const limit: Sample[] = [];
  // One of each first, which isn't counted: caches, plans and compiled code.
  for (let round = what.atMost ? 0 : -1; round < (what.exactly ?? Math.min(pairs, what.atMost ?? pairs)); round++) {
    const [a, b] = [await what.ours(), await what.limit()];
    const loss = a.loss ?? (b.loss && `the limit: ${b.loss}`);
    if (loss) return { ...described(what), ours: 0, limit: 0, ratio: 0, spread: 0, pairs: [], met: false, loss };
    if (round < 0) continue;
    ours.push(a);
    limit.push(b);
  }
  const ratios = ours.map(({ value }, at) => value / limit[at]!.value);
  const ratio = median(ratios);
  const cpu = ours.map(({ cpuMicros = 0 }, at) => (limit[at]!.cpuMicros ?? 0) / cpuMicros).filter((one) => Number.isFinite(one) && one > 0);
  const busyOf = (samples: Sample[]) => median(samples.map(({ busy = 0 }) => busy));
  const busy = cpu.length === ours.length ? { ours: busyOf(ours), limit: busyOf(limit) } : undefined;
  const ratioByCpu = busy ? median(cpu) : undefined;
  // A limit that waits for the driver makes everything look equal: then processor time per thing done decides.
  const decides = busy && busy.limit < SATURATED && ratioByCpu !== undefined ? Math.min(ratio, ratioByCpu) : ratio;
  return {
    ...described(what),
    ours: median(ours.map(({ value }) => value)),
    limit: median(limit.map(({ value }) => value)),
    ratio,
    spread: spread(ratios),
    pairs: ratios,
    ratioByCpu,
    busy,
    parts: ours[0]?.parts && limit[0]?.parts && { ours: partsOf(ours), limit: partsOf(limit) },
    met: what.better === 'more' ? decides >= what.aim : decides <= what.aim,
  };
}

const partsOf = (samples: readonly Sample[]): Record<string, number> =>
  Object.fromEntries(Object.keys(samples[0]!.parts!).map((name) => [name, Math.round(median(samples.map(({ parts }) => parts?.[name] ?? 0)))]));

const described = ({ id, title, unit, aim, better, note }: Comparison) => ({ id, title, unit, aim, better, note });

/** What benches say of their numbers: a wrong median or a guard that never fails would be believed for long. */
import { expect, test } from 'bun:test';
import { better, enough } from '../../bench/guard-rule.ts';
import { plot } from '../../bench/plot.ts';
import { compare, type Comparison, type Ratio } from '../../bench/ratio/pairs.ts';
import { between } from '../../bench/report.ts';
import { memoryOf } from '../../bench/scripts.ts';
import { median, quantile, spread } from '../../bench/statistics.ts';

const what = (ours: number[], limit: number[], more: Partial<Comparison> = {}): Comparison => ({
  id: 'R0',
  title: 'one / other',
  unit: 'things/s',
  aim: 0.9,
  better: 'more',
  ours: async () => ({ value: ours.shift()! }),
  limit: async () => ({ value: limit.shift()! }),
  ...more,
});

test('medians, quantiles and spread are those of the values in order', () => {
  expect(median([9, 1, 5])).toBe(5);
  expect(median([1, 2, 3, 10])).toBe(2.5);
  expect(quantile([5, 1, 4, 2, 3], 0.99)).toBe(5);
  expect(quantile([5, 1, 4, 2, 3], 0.5)).toBe(3);
  expect(spread([10, 10, 10])).toBe(0);
  expect(spread([5, 10, 15, 20])).toBeGreaterThan(0.2);
});

test('a ratio is the median of its pairs, and the first pair does not count', async () => {
  const { ratio, pairs, met } = await compare(what([1, 95, 90, 40], [100, 100, 100, 100]), 3);
  expect(pairs).toEqual([0.95, 0.9, 0.4]);
  expect(ratio).toBe(0.9);
  expect(met).toBe(true);
});

test('where less is better the ratio must stay below its aim', async () => {
  expect((await compare(what([1, 3], [1, 2], { better: 'less', aim: 1.25 }), 1)).met).toBe(false);
  expect((await compare(what([1, 2], [1, 2], { better: 'less', aim: 1.25 }), 1)).met).toBe(true);
});

test('when the driver is the limit, processor time decides', async () => {
  const side = (busy: number, cpuMicros: number) => async () => ({ value: 100, busy, cpuMicros });
  expect((await compare(what([], [], { ours: side(0.5, 20), limit: side(0.3, 10) }), 1)).met).toBe(false);
  expect((await compare(what([], [], { ours: side(1, 20), limit: side(0.99, 10) }), 1)).met).toBe(true);
});

test('a loss stands in place of the figure', async () => {
  const lost = await compare(
    what([], [], { ours: async () => ({ value: 1e9, loss: '3 of 10 deliveries are missing' }), limit: async () => ({ value: 1 }) }),
    3,
  );
  expect(lost).toMatchObject({ loss: '3 of 10 deliveries are missing', ratio: 0, met: false });
});

test('the guard fails below 70 % of what is committed, by rate and by processor time, and on a loss', () => {
  const at = (ratio: number, loss?: string, ratioByCpu?: number): Ratio => ({
    id: 'R1',
    title: 't',
    unit: '',
    aim: 1,
    better: 'more',
    ours: 0,
    limit: 0,
    ratio,
    spread: 0,
    pairs: [],
    met: true,
    loss,
    ratioByCpu,
  });
  expect(enough(at(0.6, undefined, 0.9), [at(1, undefined, 1)])).toBe(true);
  expect(enough(at(0.6, undefined, 0.6), [at(1, undefined, 1)])).toBe(false);
  expect(enough(at(0.71), [at(1)])).toBe(true);
  expect(enough(at(0.69), [at(1)])).toBe(false);
  expect(enough(at(1, 'lost'), [at(1)])).toBe(false);
  expect(enough(at(0.1), [])).toBe(true);
  expect(better([at(0.5), at(0.8), at(2, 'lost')])).toEqual([at(0.8)]);
  expect(better([at(2, 'lost')])).toEqual([at(2, 'lost')]);
});

test('a plot has its points, in the frame, and its words escaped', () => {
  const svg = plot({
    title: 'a < b',
    x: { label: 'rooms', log: true },
    y: { label: 'sends/s' },
    series: [
      {
        name: 'p99',
        points: [
          [1, 10],
          [1_000, 40],
        ],
      },
    ],
    marks: [{ x: 100, label: 'knee' }],
  });
  const dots = [...svg.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)"/g)].map(([, x, y]) => [Number(x), Number(y)]);
  expect(dots).toHaveLength(2);
  for (const [x, y] of dots) expect(x! >= 0 && x! <= 720 && y! >= 0 && y! <= 420).toBe(true);
  expect(dots[0]![0]!).toBeLessThan(dots[1]![0]!);
  expect(dots[0]![1]!).toBeGreaterThan(dots[1]![1]!);
  expect(svg).toContain('a &lt; b');
});

test('memory that stays is no growth, and memory that grows is told per ten minutes, whatever the first half did', () => {
  const mib = 1_048_576;
  const samples = Array.from({ length: 240 }, (_, at) => (at < 120 ? 100 + at : 220) * mib);
  expect(memoryOf(samples)).toMatchObject({ first: 100, last: 220, perTenMinutes: 0 });
  // One sample each five seconds: 120 in ten minutes.
  expect(memoryOf(Array.from({ length: 240 }, (_, at) => (100 + at) * mib))?.perTenMinutes).toBe(120);
  expect(memoryOf([mib])).toBeUndefined();
});

test('a report replaces what is between its marks and nothing else', () => {
  const page = 'before\n<!-- a -->\nold\n<!-- /a -->\nbehind';
  expect(between(page, 'a', 'new')).toBe('before\n<!-- a -->\n\nnew\n\n<!-- /a -->\nbehind');
  expect(between(between(page, 'a', 'new'), 'a', 'new')).toBe(between(page, 'a', 'new'));
  expect(() => between(page, 'b', 'new')).toThrow('is missing');
});

/**
 * How answers slow down as messages become more: search, history, rooms and sending over 10^4, 10^5 and 10^6 messages, as a table, JSON
 * and a plot in bench/results; what `growth-before.json` holds stands beside it. Ends with 1 when the last page of a history costs more than
 * the newest. `bun bench/growth.ts [--sizes 10000,100000,1000000] [--samples 100] [--name growth]` (some 10 minutes on
 * two cores; half as many samples of the smaller sizes)
 */
import { parseArgs } from 'node:util';
import { readTexts } from './dataset.ts';
import { type Ends, MOST_RATIO, measureEnds } from './ends.ts';
import { growthPlot } from './growth-plot.ts';
import { openHouse } from './parlour.ts';
import { type Read, measureReading } from './reading.ts';
import { keep, kept } from './results.ts';
import { type Measured, measureSearch } from './search.ts';
import { type Setting, settingOf } from './setting.ts';
import { median } from './statistics.ts';

export type Size = { messages: number; setting: Setting; filledSeconds: number; search: Measured[]; reading: Read[]; ends?: Ends };
export type Growth = { setting: Setting; sizes: Size[] };

const SAMPLE = new URL('corpus/sample.tsv.gz', import.meta.url).pathname;

/** Measures each size on a database and a server of its own; each keeps under which circumstances. */
export async function growth({ sizes, samples: most }: { sizes: number[]; samples: number }): Promise<Size[]> {
  const texts = await readTexts(SAMPLE);
  const measured: Size[] = [];
  for (const messages of sizes) {
    // Where it matters most, p99 is told by twice as many.
    const samples = messages === Math.max(...sizes) ? most : Math.ceil(most / 2);
    const from = performance.now();
    await using house = await openHouse({ dataset: messages });
    const filledSeconds = Math.round((performance.now() - from) / 100) / 10;
    await using server = await house.open();
    const [everywhere, somewhere] = house.people.map((person) => person.accessToken);
    const tokens = { everywhere: everywhere!, somewhere: somewhere! };
    const ends = await measureEnds(server.url, tokens.everywhere, house.dataset!);
    console.log(toldOfEnds(ends));
    const reading = await measureReading(server.url, tokens, house.dataset!, samples * 2);
    const search = await measureSearch(server.url, tokens, house.dataset!, texts, samples);
    measured.push({ messages, setting: settingOf({ postgres: house.postgresVersion }), filledSeconds, search, reading, ends });
    for (const line of tableOf(measured.slice(-1))) console.log(line);
  }
  return measured;
}

const toldOfEnds = ({ page, newest, last, ratio, pairs }: Ends): string =>
  `history: page 1 ${newest} ms, page ${page.toLocaleString('en-US')} ${last} ms, ratio ${ratio} (median of ${pairs} alternating pairs; at most ${MOST_RATIO})`;

const nameOf = ({ kind, sort, page }: Measured): string => `${kind}, ${sort}, page ${page}`;

/** Lines of a Markdown table: p50 / p95 / p99 in milliseconds at each size, before and now. */
export function tableOf(sizes: readonly Size[], before: readonly Size[] = []): string[] {
  const rows = new Map<string, string[]>();
  const columns = sizes.flatMap((size) => {
    const earlier = before.find(({ messages }) => messages === size.messages);
    const told = size.messages.toLocaleString('en-US');
    return earlier
      ? [
          { title: `${told} before`, size: earlier },
          { title: told, size },
        ]
      : [{ title: told, size }];
  });
  const put = (name: string, at: number, { p50, p95, p99 }: Read['spread'], failed: number) => {
    const cells = rows.get(name) ?? columns.map(() => '');
    rows.set(name, cells);
    cells[at] = `${p50} / ${p95} / ${p99}${failed > 0 ? ` (${failed} failed)` : ''}`;
  };
  for (const [at, { size }] of columns.entries()) {
    for (const { what, spread, failed } of size.reading) put(what, at, spread, failed);
    for (const each of size.search) put(nameOf(each), at, each.spread, each.failed);
  }
  return [
    `| ms: p50 / p95 / p99 | ${columns.map(({ title }) => title).join(' | ')} |`,
    `|---|${columns.map(() => '---|').join('')}`,
    ...[...rows].map(([name, cells]) => `| ${name} | ${cells.join(' | ')} |`),
  ];
}

/** What is beyond an aim: searches at p95 50 ms and p99 250 ms, none 20 times as slow as the middle kind of its sort, rooms at p95 30 ms. */
export function beyond({ search, reading }: Size): string[] {
  const middle = (sort: string) => median(search.filter((each) => each.sort === sort).map(({ spread }) => spread.p50));
  const searches = search.flatMap((each) => {
    const { p50, p95, p99 } = each.spread;
    const times = p50 / middle(each.sort);
    const told = [
      p95 >= 50 && `p95 ${p95}`,
      p99 >= 250 && `p99 ${p99}`,
      times >= 20 && `${Math.round(times)} times the middle kind`,
      each.failed > 0 && 'failed',
    ];
    return told.some(Boolean) ? [`${nameOf(each)}: ${told.filter(Boolean).join(', ')}`] : [];
  });
  return [
    ...searches,
    ...reading.filter(({ what, spread }) => what.startsWith('rooms') && spread.p95 >= 30).map(({ what, spread }) => `${what}: p95 ${spread.p95}`),
  ];
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      sizes: { type: 'string', default: '10000,100000,1000000' },
      samples: { type: 'string', default: '100' },
      name: { type: 'string', default: 'growth' },
    },
  });
  const now = await growth({ sizes: values.sizes.split(',').map(Number), samples: Number(values.samples) });
  // Sizes that were not measured now stay as an earlier run left them.
  const before = kept<Growth>(values.name)?.sizes.filter(({ messages }) => now.every((size) => size.messages !== messages)) ?? [];
  const measured: Growth = { setting: now.at(-1)!.setting, sizes: [...before, ...now].sort((a, b) => a.messages - b.messages) };
  keep(values.name, measured);
  const earlier = kept<Growth>('growth-before');
  const told = (setting: Setting) =>
    `${setting.commit}${setting.changed ? ' and changes' : ''}, ${setting.date.slice(0, 16)}Z, load ${setting.machine.load ?? 'not noted'}`;
  const lines = [
    `At 50 searches a second, all kinds mixed; everything else at 100 a second. Each size on ${measured.setting.machine.cores} cores (${measured.setting.machine.cpu}): ${measured.sizes.map(({ messages, setting }) => `${messages.toLocaleString('en-US')} (${told(setting)})`).join('; ')}.`,
    ...(earlier ? [`Before: ${earlier.sizes.map(({ messages, setting }) => `${messages.toLocaleString('en-US')} (${told(setting)})`).join('; ')}.`] : []),
    '',
    ...measured.sizes.flatMap((size) => [
      ...(size.ends ? [`- ${size.messages.toLocaleString('en-US')}: ${toldOfEnds(size.ends)}`] : []),
      `- ${size.messages.toLocaleString('en-US')}: beyond the aims: ${beyond(size).join('; ') || 'nothing'}`,
    ]),
    '',
    ...tableOf(measured.sizes, earlier?.sizes),
  ];
  keep(`${values.name}.md`, `${lines.join('\n')}\n`);
  keep(`${values.name}.svg`, growthPlot(measured));
  for (const size of now) console.log(`${size.messages}: beyond the aims: ${beyond(size).join('; ') || 'nothing'}`);
  const uneven = now.filter(({ ends }) => ends && ends.ratio >= MOST_RATIO);
  for (const { messages, ends } of uneven) console.error(`${messages}: ${toldOfEnds(ends!)}: too much`);
  process.exitCode = uneven.length > 0 ? 1 : 0;
}

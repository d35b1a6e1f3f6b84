/**
 * How answers slow down as messages become more: search, history, rooms and sending over 10^4, 10^5 and 10^6 messages, as a table, JSON
 * and a plot in bench/results. `bun bench/growth.ts [--sizes 10000,100000,1000000] [--samples 40] [--name growth] [--corpus FILE]`
 */
import { parseArgs } from 'node:util';
import { readTexts } from './dataset.ts';
import { growthPlot } from './growth-plot.ts';
import { openHouse } from './parlour.ts';
import { type Read, measureReading } from './reading.ts';
import { keep, kept } from './results.ts';
import { type Measured, measureSearch } from './search.ts';
import { type Setting, settingOf } from './setting.ts';

export type Size = { messages: number; setting: Setting; filledSeconds: number; search: Measured[]; reading: Read[] };
export type Growth = { setting: Setting; sizes: Size[] };

const SAMPLE = new URL('corpus/sample.tsv.gz', import.meta.url).pathname;

/** Measures each size on a database and a server of its own; each keeps under which circumstances. */
export async function growth({ sizes, samples }: { sizes: number[]; samples: number }): Promise<Size[]> {
  const texts = await readTexts(SAMPLE);
  const measured: Size[] = [];
  for (const messages of sizes) {
    const from = performance.now();
    await using house = await openHouse({ dataset: messages });
    const filledSeconds = Math.round((performance.now() - from) / 100) / 10;
    await using server = await house.open();
    const [everywhere, somewhere] = house.people.map((person) => person.accessToken);
    const tokens = { everywhere: everywhere!, somewhere: somewhere! };
    const reading = await measureReading(server.url, tokens, house.dataset!, samples * 2);
    const search = await measureSearch(server.url, tokens, house.dataset!, texts, samples);
    measured.push({ messages, setting: settingOf({ postgres: house.postgresVersion }), filledSeconds, search, reading });
    for (const line of tableOf(measured.slice(-1))) console.log(line);
  }
  return measured;
}

/** Lines of a Markdown table: p50 / p95 / p99 in milliseconds at each size. */
export function tableOf(sizes: readonly Size[]): string[] {
  const rows = new Map<string, string[]>();
  const put = (name: string, at: number, { p50, p95, p99 }: Read['spread'], failed: number) => {
    const cells = rows.get(name) ?? sizes.map(() => '');
    cells[at] = `${p50} / ${p95} / ${p99}${failed > 0 ? ` (${failed} failed)` : ''}`;
    rows.set(name, cells);
  };
  for (const [at, { search, reading }] of sizes.entries()) {
    for (const { what, spread, failed } of reading) put(what, at, spread, failed);
    for (const { kind, sort, page, spread, failed } of search) put(`${kind}, ${sort}, page ${page}`, at, spread, failed);
  }
  return [
    `| ms: p50 / p95 / p99 | ${sizes.map(({ messages }) => messages.toLocaleString('en-US')).join(' | ')} |`,
    `|---|${sizes.map(() => '---|').join('')}`,
    ...[...rows].map(([name, cells]) => `| ${name} | ${cells.join(' | ')} |`),
  ];
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      sizes: { type: 'string', default: '10000,100000,1000000' },
      samples: { type: 'string', default: '40' },
      name: { type: 'string', default: 'growth' },
    },
  });
  const now = await growth({ sizes: values.sizes.split(',').map(Number), samples: Number(values.samples) });
  // Sizes that were not measured now stay as an earlier run left them.
  const before = kept<Growth>(values.name)?.sizes.filter(({ messages }) => now.every((size) => size.messages !== messages)) ?? [];
  const measured: Growth = { setting: now.at(-1)!.setting, sizes: [...before, ...now].sort((a, b) => a.messages - b.messages) };
  keep(values.name, measured);
  keep(`${values.name}.md`, `${tableOf(measured.sizes).join('\n')}\n`);
  keep(`${values.name}.svg`, growthPlot(measured));
}

/** Draws a growth measurement as an SVG: p95 over the number of messages, both on logarithmic axes, one line a thing that was measured. */
import type { Growth } from './growth.ts';
import { quantile } from './statistics.ts';

const WIDTH = 900;
const HEIGHT = 460;
const LEFT = 60;
const RIGHT = 250;
const TOP = 50;
const BOTTOM = 50;
const COLORS = ['#1f77b4', '#ff7f0e', '#2ca02c', '#d62728', '#9467bd', '#8c564b', '#e377c2', '#7f7f7f', '#bcbd22', '#17becf'];
const LEAST_MS = 0.5;
const MOST_MS = 1_000;

/** Returns the text of the SVG. Of searches it shows the median and the slowest kind. */
export function growthPlot({ setting, sizes }: Growth): string {
  const counts = sizes.map(({ messages }) => messages);
  const [low, high] = [Math.log10(Math.min(...counts)), Math.log10(Math.max(...counts, Math.min(...counts) * 10))];
  const x = (messages: number) => LEFT + ((Math.log10(messages) - low) / (high - low)) * (WIDTH - LEFT - RIGHT);
  const y = (ms: number) => {
    const share = Math.log10(Math.min(MOST_MS, Math.max(LEAST_MS, ms)) / LEAST_MS) / Math.log10(MOST_MS / LEAST_MS);
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM);
  };

  const lines = new Map<string, number[]>();
  const add = (name: string, ms: number) => lines.set(name, [...(lines.get(name) ?? []), ms]);
  for (const { search, reading } of sizes) {
    const p95 = (sort: string) => search.filter((each) => each.sort === sort).map(({ spread }) => spread.p95);
    for (const sort of ['newest', 'relevance']) {
      add(`search, ${sort}: middle kind`, quantile(p95(sort), 0.5));
      add(`search, ${sort}: slowest kind`, quantile(p95(sort), 1));
    }
    for (const { what, spread } of reading) if (/page|send/.test(what)) add(what, spread.p95);
  }

  const parts: string[] = [];
  for (const ms of [0.5, 1, 2, 5, 10, 20, 50, 100, 250, 500, 1_000])
    parts.push(
      `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(ms)}" y2="${y(ms)}" stroke="${ms === 50 ? '#888' : '#ddd'}"/>`,
      `<text x="${LEFT - 8}" y="${y(ms) + 4}" text-anchor="end">${ms}</text>`,
    );
  for (const messages of counts)
    parts.push(`<text x="${x(messages)}" y="${HEIGHT - BOTTOM + 20}" text-anchor="middle">${messages.toLocaleString('en-US')}</text>`);
  for (const [at, [name, values]] of [...lines].entries()) {
    const color = COLORS[at % COLORS.length];
    const points = values.map((ms, place) => `${x(counts[place]!).toFixed(1)},${y(ms).toFixed(1)}`);
    parts.push(`<polyline points="${points.join(' ')}" fill="none" stroke="${color}" stroke-width="2"/>`);
    for (const point of points) parts.push(`<circle cx="${point.split(',')[0]}" cy="${point.split(',')[1]}" r="3" fill="${color}"/>`);
    const legend = TOP + at * 20;
    parts.push(`<rect x="${WIDTH - RIGHT + 16}" y="${legend - 9}" width="10" height="10" fill="${color}"/>`);
    parts.push(`<text x="${WIDTH - RIGHT + 32}" y="${legend}">${name} ${values.at(-1)} ms</text>`);
  }
  const { cores, cpu, memoryGiB } = setting.machine;
  const told = `${setting.commit}${setting.changed ? ' and changes' : ''} · ${setting.date.slice(0, 10)} · ${cores} cores, ${cpu}, ${memoryGiB} GiB · bun ${setting.versions.bun}, postgres ${setting.versions.postgres}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">
<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>
<text x="${LEFT}" y="22" font-size="15">p95 in milliseconds over the number of messages (50 searches a second; the grey line is the aim)</text>
<text x="${LEFT}" y="${HEIGHT - 8}" fill="#666" font-size="10">${told}</text>
${parts.join('\n')}
</svg>
`;
}

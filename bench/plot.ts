/** Line plots as SVG text, without a library: a few series over one axis, linear or logarithmic. Knows nothing about benches. */

export type Series = { name: string; points: readonly (readonly [x: number, y: number])[] };
export type Mark = { x: number; label: string };
export type Plot = {
  title: string;
  x: { label: string; log?: boolean };
  y: { label: string; log?: boolean };
  series: readonly Series[];
  /** Vertical lines with a word, e.g. where the knee is. */
  marks?: readonly Mark[];
  /** Under which circumstances: one line below the plot. */
  note?: string;
};

const WIDTH = 720;
const HEIGHT = 420;
const LEFT = 76;
const RIGHT = 24;
const TOP = 64;
const BOTTOM = 84;
/** Told apart also by people who don't see red and green as two. */
const COLORS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#56b4e9', '#e69f00'];

type Scale = { at: (value: number) => number; ticks: number[] };

/** One whole file. Points that are no numbers are left out. */
export function plot({ title, x, y, series, marks = [], note }: Plot): string {
  const points = series.flatMap((one) => one.points).filter(([a, b]) => Number.isFinite(a) && Number.isFinite(b));
  const across = scale(
    points.map(([a]) => a),
    x.log ?? false,
    LEFT,
    WIDTH - RIGHT,
  );
  const up = scale(
    points.map(([, b]) => b),
    y.log ?? false,
    HEIGHT - BOTTOM,
    TOP,
  );
  const grid = [
    ...across.ticks.map((tick) => `<line x1="${px(across.at(tick))}" x2="${px(across.at(tick))}" y1="${TOP}" y2="${HEIGHT - BOTTOM}" class="g"/>`),
    ...up.ticks.map((tick) => `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${px(up.at(tick))}" y2="${px(up.at(tick))}" class="g"/>`),
    ...across.ticks.map((tick) => text(across.at(tick), HEIGHT - BOTTOM + 18, short(tick), 'middle')),
    ...up.ticks.map((tick) => text(LEFT - 8, up.at(tick) + 4, short(tick), 'end')),
  ];
  const lines = series.map((one, at) => {
    const color = COLORS[at % COLORS.length]!;
    const drawn = one.points
      .filter(([a, b]) => Number.isFinite(a) && Number.isFinite(b) && (!y.log || b > 0))
      .map(([a, b]) => [px(across.at(a)), px(up.at(b))] as const);
    const dots = drawn.map(([a, b]) => `<circle cx="${a}" cy="${b}" r="3.5" fill="${color}"/>`).join('');
    return `<polyline points="${drawn.map((pair) => pair.join(',')).join(' ')}" fill="none" stroke="${color}" stroke-width="2"/>${dots}`;
  });
  const legend = series.map((one, at) => {
    const left = LEFT + at * ((WIDTH - LEFT - RIGHT) / series.length);
    return `<rect x="${px(left)}" y="40" width="12" height="4" fill="${COLORS[at % COLORS.length]}"/>${text(left + 18, 46, one.name, 'start')}`;
  });
  const marked = marks.map(
    ({ x: place, label }) =>
      `<line x1="${px(across.at(place))}" x2="${px(across.at(place))}" y1="${TOP}" y2="${HEIGHT - BOTTOM}" stroke="#444" stroke-dasharray="4 4"/>${text(across.at(place) - 6, TOP + 14, label, 'end')}`,
  );
  const words = [
    `<text x="${LEFT}" y="24" font-size="15" font-weight="600">${escaped(title)}</text>`,
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - BOTTOM + 38, x.label, 'middle'),
    `<text transform="translate(18 ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">${escaped(y.label)}</text>`,
    note ? `<text x="${LEFT}" y="${HEIGHT - 14}" fill="#666" font-size="11">${escaped(note)}</text>` : '',
  ];
  const style = '<style>text{font:12px system-ui,sans-serif;fill:#222}.g{stroke:#ddd}</style>';
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(title)}"><rect width="100%" height="100%" fill="#fff"/>${style}${[...grid, ...lines, ...legend, ...marked, ...words].join('\n')}</svg>\n`;
}

function scale(values: readonly number[], log: boolean, from: number, to: number): Scale {
  const above = log ? values.filter((value) => value > 0) : values;
  const most = Math.max(...above, log ? 1e-9 : 0);
  const least = log ? Math.min(...above, most) : Math.min(0, ...above);
  const ticks = log ? decades(least, most) : steps(least, most);
  const [low, high] = [Math.min(least, ticks[0]!), Math.max(most, ticks.at(-1)!)];
  const place = (value: number): number => (log ? Math.log10(Math.max(value, low)) : value);
  const span = place(high) - place(low) || 1;
  return { at: (value) => from + ((place(value) - place(low)) / span) * (to - from), ticks };
}

function decades(least: number, most: number): number[] {
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(least)); power <= Math.ceil(Math.log10(most) - 1e-9); power++) ticks.push(10 ** power);
  return ticks;
}

/** About five round numbers. */
function steps(least: number, most: number): number[] {
  const raw = (most - least || 1) / 5;
  const size = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((times) => times * size).find((one) => one >= raw)!;
  const ticks: number[] = [];
  for (let tick = Math.floor(least / step) * step; tick < most + step; tick += step) ticks.push(Number(tick.toPrecision(12)));
  return ticks;
}

const px = (value: number): number => Math.round(value * 10) / 10;
const text = (x: number, y: number, words: string, anchor: string): string =>
  `<text x="${px(x)}" y="${px(y)}" text-anchor="${anchor}">${escaped(words)}</text>`;
const escaped = (words: string): string => words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');

function short(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (size >= 1e3) return `${Number((value / 1e3).toPrecision(3))}k`;
  return String(Number(value.toPrecision(3)));
}

/** `bun bench/faults.ts [rounds]`: the fault tests (tests/faults), again and again; keeps the median and the worst of every figure. */
import { join } from 'node:path';
import { keep } from './results.ts';
import { type Figures, runTests } from './soak.ts';
import { settingOf } from './setting.ts';

const rounds = Number(process.argv[2] ?? 5);
const gathered = new Map<string, Figures[]>();
let failed = 0;
for (let round = 0; round < rounds; round++) {
  const { code, lines } = await runTests([join('tests', 'faults')]);
  if (code !== 0) failed++;
  for (const line of lines) if (typeof line['fault'] === 'string') gathered.set(line['fault'], [...(gathered.get(line['fault']) ?? []), line]);
}

const faults = [...gathered].map(([fault, runs]) => {
  const names = Object.keys(runs[0]!).filter((name) => typeof runs[0]![name] === 'number');
  const figures = names.map((name) => {
    const values = runs.map((run) => run[name] as number).sort((a, b) => a - b);
    return [name, { median: values[values.length >> 1], worst: values.at(-1) }] as const;
  });
  return { fault, runs: runs.length, ...Object.fromEntries(figures) };
});
console.table(faults.map(({ fault, runs }) => ({ fault, runs })));
console.log(keep('faults', { setting: settingOf(), rounds, failed, faults }));
process.exit(failed === 0 ? 0 : 1);

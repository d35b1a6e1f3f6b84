/**
 * `bun bench/model.ts [histories]`: a long run of the model test (tests/model), 5,000 random histories unless told otherwise. A
 * failing seed is printed, and `MODEL_SEED=<seed> bun tests/run.ts tests/model` plays it again.
 */
import { join } from 'node:path';
import { keep } from './results.ts';
import { runTests } from './soak.ts';
import { settingOf } from './setting.ts';

const histories = Number(process.argv[2] ?? 5_000);
const { code, lines, seconds } = await runTests([join('tests', 'model')], { MODEL_HISTORIES: String(histories) });
console.log(keep('model', { setting: settingOf(), seconds, passed: code === 0, runs: lines.filter((line) => 'model' in line) }));
process.exit(code);

/** Where results are kept: one JSON file per bench under bench/results, the latest run only; history is the repository's. */
import { mkdirSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, type Setting } from './setting.ts';

export const RESULTS = join(ROOT, 'bench/results');

/** Writes `<name>.json` (or another ending with its dot in the name); returns the path, relative to the project when inside. */
export function keep(name: string, content: unknown): string {
  mkdirSync(RESULTS, { recursive: true });
  const path = join(RESULTS, name.includes('.') ? name : `${name}.json`);
  writeFileSync(path, typeof content === 'string' ? content : `${JSON.stringify(content, null, 1)}\n`);
  return path.startsWith(ROOT) ? path.slice(ROOT.length + 1) : path;
}

/** What an earlier run left; undefined when there is none. */
export function kept<T>(name: string): (T & { setting: Setting }) | undefined {
  const path = join(ROOT, 'bench/results', `${name}.json`);
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as T & { setting: Setting }) : undefined;
}

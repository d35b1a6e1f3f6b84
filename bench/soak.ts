/** Runs test files with an environment, shows what they print, and gathers the lines of JSON among it. Knows no test. */
import { ROOT } from './setting.ts';

export type Figures = Record<string, unknown>;

/** `code` is that of the tests: 0 when all have passed. */
export async function runTests(paths: readonly string[], env: Record<string, string> = {}): Promise<{ code: number; seconds: number; lines: Figures[] }> {
  const from = performance.now();
  const child = Bun.spawn([process.execPath, 'tests/run.ts', ...paths], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'inherit',
  });
  const text = await new Response(child.stdout).text();
  process.stdout.write(text);
  const code = await child.exited;
  const lines = text
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line) as Figures);
  return { code, seconds: Math.round((performance.now() - from) / 1_000), lines };
}

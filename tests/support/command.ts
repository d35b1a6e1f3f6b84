/** Runs the command line as people do, and says what it said. */
import { CLI, cleanEnvironment } from './process.ts';

export type Said = { code: number; stdout: string; stderr: string /** The JSON lines on stdout. */; results: Record<string, unknown>[] };

export async function parlour(env: Record<string, string>, args: readonly string[], stdin = ''): Promise<Said> {
  const child = Bun.spawn([process.execPath, CLI, ...args], {
    env: cleanEnvironment(env),
    stdin: stdin === '' ? 'ignore' : new Blob([stdin]),
    stdout: 'pipe',
    stderr: 'pipe',
    cwd: '/',
  });
  const [stdout, stderr, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited]);
  const results = stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));
  return { code, stdout, stderr, results };
}

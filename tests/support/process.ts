/** The real server as a process of its own, started by the command line, for tests of what only a process can show. */
import { join } from 'node:path';

export const CLI = join(import.meta.dir, '../../src/cli.ts');

export type ServerProcess = {
  url: string;
  pid: number;
  /** All JSON lines so far. */
  lines: () => Record<string, unknown>[];
  stderr: () => string;
  kill: (signal: NodeJS.Signals) => void;
  exited: Promise<number>;
  [Symbol.asyncDispose]: () => Promise<void>;
};

/** The environment of tests without the harness's and the machine's own settings of Parlour. */
export function cleanEnvironment(more: Record<string, string>): Record<string, string> {
  const { PATH = '', HOME = '', TMPDIR = '/tmp', USER = '' } = process.env;
  return { PATH, HOME, TMPDIR, USER, ...more };
}

/** Returns when it says `listening`; throws with its stderr when it ends before. Listens on a free port unless PORT is given. */
export async function startServer(env: Record<string, string>, args: string[] = ['serve']): Promise<ServerProcess> {
  const child = Bun.spawn([process.execPath, CLI, ...args], {
    env: cleanEnvironment({ PORT: '0', ...env }),
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    cwd: '/',
  });
  let out = '';
  let problems = '';
  let heard: (() => void) | undefined;
  const listen = async (stream: ReadableStream<Uint8Array>, take: (text: string) => void): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      take(decoder.decode(chunk, { stream: true }));
      heard?.();
    }
  };
  const reading = Promise.all([
    listen(child.stdout, (text) => {
      out += text;
    }),
    listen(child.stderr, (text) => {
      problems += text;
    }),
  ]);
  const lines = (): Record<string, unknown>[] =>
    out
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
      .map((line) => JSON.parse(line));
  const until = Date.now() + 60_000;
  let url: string | undefined;
  while (url === undefined) {
    url = lines().find(({ event }) => event === 'listening')?.url as string | undefined;
    if (url !== undefined) break;
    if (child.exitCode !== null || Date.now() > until) {
      await reading.catch(() => {});
      throw new Error(`The server did not start (exit ${child.exitCode}): ${problems || out}`);
    }
    await Promise.race([new Promise<void>((done) => (heard = done)), child.exited, Bun.sleep(200)]);
  }
  return {
    url,
    pid: child.pid,
    lines,
    stderr: () => problems,
    kill: (signal) => child.kill(signal),
    exited: child.exited,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null) child.kill('SIGTERM');
      const slow = setTimeout(() => child.kill('SIGKILL'), 15_000);
      await child.exited;
      clearTimeout(slow);
      await reading.catch(() => {});
    },
  };
}

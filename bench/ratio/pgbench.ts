/** Finds pgbench and runs a script with it on a database of ours. */
import { existsSync } from 'node:fs';
import { Glob } from 'bun';
import { run } from '../processes.ts';

const HOW = 'pgbench is missing: it comes with PostgreSQL (Debian: `apt-get install postgresql-15` or postgresql-contrib).';

/** Throws the one line that says how to get it. */
export function findPgbench(): string {
  const onPath = Bun.which('pgbench');
  if (onPath) return onPath;
  const root = '/usr/lib/postgresql';
  const found = existsSync(root) ? [...new Glob('*/bin/pgbench').scanSync(root)].sort().at(-1) : undefined;
  if (!found) throw new Error(HOW);
  return `${root}/${found}`;
}

/** Transactions per second of `files`, drawn evenly, with 16 clients, prepared, for `ms`. Throws when one failed. */
export async function pgbench(
  databaseUrl: string,
  files: string | readonly string[],
  ms: number,
  variables: Record<string, number | string>,
  clients = 16,
  spent: (seconds: number) => void = () => {},
): Promise<number> {
  const scripts = [files].flat().flatMap((file) => ['-f', file]);
  const defined = Object.entries(variables).flatMap(([name, value]) => ['-D', `${name}=${value}`]);
  const seconds = Math.max(1, Math.round(ms / 1_000));
  const out = await run([findPgbench(), '-n', '-M', 'prepared', '-c', String(clients), '-j', '2', '-T', String(seconds), ...defined, ...scripts, databaseUrl], {
    limitMs: ms + 60_000,
    spent,
  });
  const failed = Number(/number of failed transactions: (\d+)/.exec(out)?.[1] ?? 0);
  if (failed > 0) throw new Error(`pgbench: ${failed} transactions failed`);
  return Number(/tps = ([\d.]+) \(without/.exec(out)?.[1]);
}

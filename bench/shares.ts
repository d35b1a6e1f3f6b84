/** Who has the processor while a load runs: k6, the server, Postgres. Looks into /proc once a second; says nothing where there is none. */
import { readdirSync, readFileSync } from 'node:fs';
import type postgres from 'postgres';
import { cpuSeconds } from './processes.ts';

/** Cores, in the busiest seconds of the run: 1 is one core, all the time. */
export type Shares = Record<string, number>;

const TICKS = 100;
/** So many samples in a row are the busiest seconds: opening and closing are left out. */
const WINDOW = 5;

/** The id of the Postgres process that all backends are children of; 0 when it runs elsewhere. */
export async function postmasterOf(sql: postgres.Sql): Promise<number> {
  const [row] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
  const backend = statOf(row!.pid);
  return backend?.name.startsWith('postgres') ? backend.parent : 0;
}

/** Samples from now on; `stop` returns the shares by name. `who` gives process ids; a negative one means it and its children, ended ones too. */
export function watchShares(who: Record<string, () => number>): { stop: () => Shares | undefined } {
  const samples: { at: number; used: Record<string, number> }[] = [];
  const look = (): void => {
    const used = Object.fromEntries(Object.entries(who).map(([name, pid]) => [name, pid() < 0 ? familySeconds(-pid()) : cpuSeconds(pid())]));
    samples.push({ at: performance.now() / 1_000, used });
  };
  look();
  const timer = setInterval(look, 1_000);
  return {
    stop() {
      clearInterval(timer);
      const windows = samples.slice(WINDOW).flatMap((to, at) => {
        const from = samples[at]!;
        const shares = Object.fromEntries(Object.keys(who).map((name) => [name, Math.max(0, to.used[name]! - from.used[name]!) / (to.at - from.at)]));
        return [{ shares, all: Object.values(shares).reduce((sum, one) => sum + one, 0) }];
      });
      windows.sort((a, b) => b.all - a.all);
      const found = windows[0]?.shares;
      return found && Object.fromEntries(Object.entries(found).map(([name, value]) => [name, Math.round(value * 100) / 100]));
    },
  };
}

type Spent = { server: number; postgres: number };

/** What a server and its Postgres spend: `spentBy()` is a look, `spentBy(look, done)` the microseconds since then for each of `done` things. */
export async function spendingOf(serverPid: number, sql: postgres.Sql): Promise<(before?: Spent, done?: number) => Spent> {
  const postmaster = await postmasterOf(sql);
  return (before, done = 1) => {
    const now = { server: cpuSeconds(serverPid), postgres: familySeconds(postmaster) };
    if (!before) return now;
    return { server: ((now.server - before.server) / done) * 1e6, postgres: ((now.postgres - before.postgres) / done) * 1e6 };
  };
}

function statOf(pid: number): { name: string; parent: number; own: number; ended: number } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [from, to] = [stat.indexOf('('), stat.lastIndexOf(')')];
    const fields = stat
      .slice(to + 2)
      .split(' ')
      .map(Number);
    return { name: stat.slice(from + 1, to), parent: fields[1]!, own: (fields[11]! + fields[12]!) / TICKS, ended: (fields[13]! + fields[14]!) / TICKS };
  } catch {
    return undefined;
  }
}

/** Seconds of processor time of a process and its children, ended ones too. */
function familySeconds(pid: number): number {
  const parent = statOf(pid);
  if (!parent) return 0;
  let sum = parent.own + parent.ended;
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const stat = statOf(Number(entry));
    if (stat?.parent === pid) sum += stat.own;
  }
  return sum;
}

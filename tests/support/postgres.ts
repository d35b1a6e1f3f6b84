/**
 * Postgres for tests: a fresh database of the shared throw-away server for every file, and clusters of one's own for whoever
 * wants to stop, freeze or kill one.
 */
import { chmodSync, existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase, type Database } from '../../src/db/client.ts';
import { freePort, initialise, running, start, stop, SUPERUSER } from '../../src/db/cluster.ts';

/** What tests/run.ts hands over. */
export function given(name: 'TEST_POSTGRES' | 'TEST_TEMPLATE' | 'TEST_REDIS_SERVER'): string {
  const value = process.env[name];
  if (!value) throw new Error(`Run this through the harness: bun tests/run.ts ${process.argv.slice(2).join(' ') || 'tests/…'}`);
  return value;
}

export type FreshDatabase = { url: string; [Symbol.asyncDispose]: () => Promise<void> };

/** A database of its own with all migrations (or empty), dropped at the end. About 30 ms. */
export async function freshDatabase({ empty = false } = {}): Promise<FreshDatabase> {
  const server = given('TEST_POSTGRES');
  const name = `t_${crypto.randomUUID().replaceAll('-', '')}`;
  await admin(server, `create database ${name} template ${empty ? 'template0' : given('TEST_TEMPLATE')}`);
  return {
    url: `${server}/${name}`,
    [Symbol.asyncDispose]: () => admin(server, `drop database if exists ${name} with (force)`),
  };
}

/** As freshDatabase, opened. */
export async function freshOpenDatabase(
  options: { empty?: boolean; pool?: number; deadlineMs?: number; bound?: number } = {},
): Promise<Database & { url: string }> {
  const fresh = await freshDatabase({ empty: options.empty });
  const database = openDatabase({ url: fresh.url, pool: options.pool ?? 4, deadlineMs: options.deadlineMs ?? 3_000, bound: options.bound });
  return {
    ...database,
    url: fresh.url,
    async [Symbol.asyncDispose]() {
      await database[Symbol.asyncDispose]();
      await fresh[Symbol.asyncDispose]();
    },
  };
}

async function admin(server: string, statement: string): Promise<void> {
  await using database = openDatabase({ url: `${server}/postgres`, pool: 1, deadlineMs: 60_000 });
  await database.sql.unsafe(statement);
}

export type OwnPostgres = {
  url: string;
  port: number;
  /** Immediate: SIGQUIT, as after a crash. Fast: SIGINT. Kill: SIGKILL to the postmaster and all of its backends. */
  stop: (how: 'immediate' | 'fast' | 'kill') => Promise<void>;
  /** Again on the same port; returns when it accepts connections. */
  start: () => Promise<void>;
  /** SIGSTOP and SIGCONT to the postmaster and all of its processes. */
  freeze: () => Promise<void>;
  thaw: () => Promise<void>;
  pid: () => number | undefined;
  folder: string;
  [Symbol.asyncDispose]: () => Promise<void>;
};

/** A cluster with fsync on and an empty database `parlour`, not migrated, in a folder of its own `within` another. About a second. */
export async function ownPostgres(settings: Record<string, string | number> = {}, within = tmpdir()): Promise<OwnPostgres> {
  const parent = mkdtempSync(join(within, 'parlour-postgres-'));
  chmodSync(parent, 0o755);
  const folder = join(parent, 'data');
  const port = await freePort();
  await initialise(folder, 'test');
  const begin = async (): Promise<void> => {
    const until = Date.now() + 20_000;
    while (!(await start(folder, port, { max_connections: 200, shared_buffers: '64MB', log_min_messages: 'fatal', ...settings }, join(parent, 'log')))) {
      if (Date.now() > until) throw new Error('Postgres did not start');
      await Bun.sleep(50);
    }
  };
  await begin();
  const server = `postgres://${SUPERUSER}:test@127.0.0.1:${port}`;
  await admin(server, 'create database parlour');
  const pid = (): number | undefined => running(folder)?.pid;
  let frozen: number[] = [];
  const thaw = async (): Promise<void> => {
    for (const process of frozen.reverse()) signal(process, 'SIGCONT');
    frozen = [];
  };
  return {
    url: `${server}/parlour`,
    port,
    folder,
    pid,
    async stop(how) {
      const postmaster = pid();
      if (how === 'kill' && postmaster) for (const child of family(postmaster)) signal(child, 'SIGKILL');
      await stop(folder, how === 'fast' ? 'SIGINT' : how === 'immediate' ? 'SIGQUIT' : 'SIGKILL');
    },
    start: begin,
    async freeze() {
      const postmaster = pid();
      if (!postmaster) throw new Error('Postgres is not running');
      signal(postmaster, 'SIGSTOP'); // first, so that it makes no more
      frozen = [postmaster, ...family(postmaster)];
      for (const process of frozen) signal(process, 'SIGSTOP');
    },
    thaw,
    async [Symbol.asyncDispose]() {
      await thaw();
      await stop(folder, 'SIGQUIT');
      await rm(parent, { recursive: true, force: true });
    },
  };
}

function family(postmaster: number): number[] {
  const children = `/proc/${postmaster}/task/${postmaster}/children`;
  if (existsSync(children)) return readFileSync(children, 'utf8').trim().split(' ').map(Number);
  const lines = Bun.spawnSync(['ps', '-eo', 'pid=,ppid=']).stdout.toString().trim().split('\n');
  const pairs = lines.map((line) => line.trim().split(/\s+/).map(Number));
  return pairs.filter(([, parent]) => parent === postmaster).map(([child]) => child!);
}

function signal(pid: number, name: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL'): void {
  try {
    process.kill(pid, name);
  } catch {
    // gone already
  }
}

/**
 * `bun run test [files or flags of bun test]`: prepares a throw-away Postgres with a migrated template database and finds a real
 * redis-server, runs the tests against them, and cleans up. Nothing is mocked, so nothing is skipped when something is missing.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '../src/db/client.ts';
import { freePort, initialise, running, start, stop, SUPERUSER } from '../src/db/cluster.ts';
import { migrate } from '../src/db/migrate.ts';

const TEMPLATE = 'parlour_template';
const ROOT = join(import.meta.dir, '..');

/** Wins over apt's own start scripts: a package that is installed for its binary alone must not start a service. */
const QUIET_APT = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };

function redisServer(): string {
  const find = (): string | null => Bun.which('redis-server') ?? Bun.which('valkey-server');
  const found = find();
  if (found) return found;
  if (process.getuid?.() === 0 && Bun.which('apt-get')) {
    console.error('No redis-server here: installing the package of this system …');
    const install = (): boolean =>
      spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'redis-server'], { env: QUIET_APT, stdio: 'ignore' }).status === 0;
    if (!install()) {
      spawnSync('apt-get', ['update', '-qq'], { env: QUIET_APT, stdio: 'ignore' });
      install();
    }
    const installed = find();
    if (installed) return installed;
  }
  console.error('The tests need a real redis-server on PATH: `apt-get install redis-server`, `dnf install valkey` or `brew install redis`.');
  process.exit(1);
}

/** Most tests wait most of the time, so files run three at a time; what measures time, or takes the machine's processes down, runs alone. */
function parts(): string[][] {
  const files = [...new Bun.Glob('tests/**/*.test.ts').scanSync({ cwd: ROOT })].sort();
  const alone = files.filter((file) => file.startsWith('tests/faults/') || file.endsWith('.alone.test.ts'));
  return [['--parallel=3', ...files.filter((file) => !alone.includes(file))], alone].filter((part) => part.some((word) => word.endsWith('.ts')));
}

async function main(args: string[]): Promise<number> {
  const from = Date.now();
  const redis = redisServer();
  const folder = mkdtempSync(join(tmpdir(), 'parlour-tests-'));
  chmodSync(folder, 0o755); // as root, Postgres runs under another account and has to get in
  const data = join(folder, 'postgres');
  let tests: ChildProcess | undefined;
  let interrupted = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      interrupted = true;
      tests?.kill('SIGTERM');
    });
  }
  try {
    await initialise(data, 'test');
    // No fsync: what these tests promise about crashes is tested on clusters of their own (ownPostgres), which have it on.
    const settings = {
      fsync: 'off',
      max_connections: 300,
      shared_buffers: '128MB',
      max_wal_size: '1GB',
      gin_pending_list_limit: '128MB',
      autovacuum_naptime: '15s',
      jit: 'off',
      log_min_messages: 'fatal',
    };
    const state = await start(data, await freePort(), settings, join(folder, 'postgres.log'));
    if (!state) throw new Error('The Postgres for the tests did not start.');
    const url = `postgres://${SUPERUSER}:test@127.0.0.1:${state.port}`;
    await using admin = openDatabase({ url: `${url}/postgres`, pool: 1, deadlineMs: 30_000 });
    await admin.sql.unsafe(`create database ${TEMPLATE}`);
    {
      await using template = openDatabase({ url: `${url}/${TEMPLATE}`, pool: 1, deadlineMs: 30_000 });
      await migrate(template);
    }
    if (interrupted) return 130;

    const run = (given: readonly string[]) =>
      new Promise<number>((done) => {
        tests = spawn(process.execPath, ['test', '--timeout', '60000', ...given], {
          cwd: ROOT,
          stdio: 'inherit',
          env: { ...process.env, NODE_ENV: 'test', TEST_POSTGRES: url, TEST_TEMPLATE: TEMPLATE, TEST_REDIS_SERVER: redis },
        });
        tests.on('error', () => done(1));
        tests.on('exit', (status, signal) => done(status ?? (signal ? 130 : 1)));
      });

    let code = 0;
    for (const part of args.length > 0 ? [args] : parts()) {
      if (!interrupted) code = (await run(part)) || code;
    }
    const seconds = Math.round((Date.now() - from) / 1_000);
    console.error(code === 0 ? `\nAll tests passed in ${seconds} s.` : `\nTests FAILED (exit ${code}) after ${seconds} s.`);
    return code;
  } finally {
    if (running(data)) await stop(data, 'SIGQUIT');
    rmSync(folder, { recursive: true, force: true });
  }
}

process.exit(await main(process.argv.slice(2)));

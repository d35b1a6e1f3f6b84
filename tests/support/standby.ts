/** A streaming standby of a cluster for tests: copied while the primary runs, fed through a proxy that can be cut, promoted when asked. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '../../src/db/client.ts';
import { freePort, start, stop, SUPERUSER } from '../../src/db/cluster.ts';
import type { OwnPostgres } from './postgres.ts';
import { openProxy } from './proxy.ts';
import { until } from './wait.ts';

export type Standby = {
  url: string;
  port: number;
  /** Everything that the primary has committed until now is here. */
  caughtUp: () => Promise<void>;
  /** From now on nothing arrives; what the primary commits is lost with it. */
  cutOff: () => void;
  /** It becomes the primary of a new timeline; returns when it takes writes. */
  promote: () => Promise<void>;
  [Symbol.asyncDispose]: () => Promise<void>;
};

/** Asynchronous, as a standby is unless one asks for more: a commit does not wait for it. About a second. */
export async function openStandby(primary: OwnPostgres): Promise<Standby> {
  const parent = mkdtempSync(join(tmpdir(), 'parlour-standby-'));
  chmodSync(parent, 0o755);
  const folder = join(parent, 'data');
  const port = await freePort();
  const feed = openProxy({ port: primary.port });
  const source = openDatabase({ url: primary.url, pool: 1, deadlineMs: 30_000 });
  const backup = source.alone();
  await backup`select pg_backup_start('tests', true)`;
  // With its owner and rights, which Postgres insists on; of files that go away under it cp complains, and is right to go on.
  spawnSync('cp', ['-a', primary.folder, folder], { stdio: 'ignore' });
  const [label] = await backup<{ labelfile: string }[]>`select labelfile from pg_backup_stop(false)`;
  await backup.end({ timeout: 5 });
  for (const file of ['postmaster.pid', 'postmaster.opts']) rmSync(join(folder, file), { force: true });
  for (const file of readdirSync(join(folder, 'pg_wal'), { withFileTypes: true })) if (file.isFile()) rmSync(join(folder, 'pg_wal', file.name));
  const { uid, gid } = statSync(folder);
  for (const [name, text] of Object.entries({
    backup_label: label!.labelfile,
    'standby.signal': '',
    'postgresql.auto.conf': `primary_conninfo = 'host=127.0.0.1 port=${feed.port} user=${SUPERUSER} password=test'\n`,
  })) {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    spawnSync('chown', [`${uid}:${gid}`, join(folder, name)]);
  }
  const settings = { max_connections: 200, shared_buffers: '32MB', log_min_messages: 'fatal', hot_standby: 'on', wal_retrieve_retry_interval: '200ms' };
  if (!(await start(folder, port, settings, join(parent, 'log')))) throw new Error('The standby did not start');
  const url = `postgres://${SUPERUSER}:test@127.0.0.1:${port}/parlour`;
  const own = openDatabase({ url, pool: 1, deadlineMs: 30_000 });

  return {
    url,
    port,
    async caughtUp() {
      const [row] = await source.sql<{ lsn: string }>`select pg_current_wal_lsn()::text as lsn`;
      await until('the standby has it all', async () => {
        const [there] = await own.sql<{ is: boolean | null }>`select pg_last_wal_replay_lsn() >= ${row!.lsn}::pg_lsn as is`;
        return there!.is;
      });
    },
    cutOff: () => feed.deafen(),
    async promote() {
      await own.sql`select pg_promote(true, 20)`;
    },
    async [Symbol.asyncDispose]() {
      await own[Symbol.asyncDispose]();
      await source[Symbol.asyncDispose]();
      await stop(folder, 'SIGQUIT');
      await feed[Symbol.asyncDispose]();
      await rm(parent, { recursive: true, force: true });
    },
  };
}

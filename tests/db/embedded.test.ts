import { afterEach, describe, expect, test } from 'bun:test';
import { chmod, mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '../../src/db/client.ts';
import { running, stop } from '../../src/db/cluster.ts';
import { openEmbedded } from '../../src/db/embedded.ts';
import { until } from '../support/wait.ts';

const folders: string[] = [];
async function dataFolder(mode = 0o755): Promise<string> {
  const parent = await mkdtemp(join(tmpdir(), 'parlour-embedded-'));
  await chmod(parent, mode);
  folders.push(parent);
  return join(parent, 'data');
}
afterEach(async () => {
  for (const parent of folders.splice(0)) {
    await stop(join(parent, 'data/postgres'), 'SIGKILL');
    await rm(parent, { recursive: true, force: true });
  }
});

const pidOf = (dataDir: string): number | undefined => running(join(dataDir, 'postgres'))?.pid;
const ask = async (url: string): Promise<Record<string, unknown>> => {
  await using database = openDatabase({ url, pool: 1, deadlineMs: 5_000 });
  const [row] = await database.sql`select current_setting('fsync') as fsync, current_setting('synchronous_commit') as commit, lower('ÀЖ') as lower,
    'Ж' ~ '[[:alpha:]]' as letters, pg_encoding_to_char(encoding) as encoding, datctype as ctype from pg_database where datname = current_database()`;
  return row;
};

/** Another process that opens it, says its url, and stays until its stdin ends or it is killed. */
async function visitor(dataDir: string) {
  const code = `import { openEmbedded } from ${JSON.stringify(join(import.meta.dir, '../../src/db/embedded.ts'))};
    const embedded = await openEmbedded(${JSON.stringify(dataDir)});
    console.log(embedded.url);
    for await (const _ of Bun.stdin.stream()) {}
    await embedded[Symbol.asyncDispose]();`;
  const child = Bun.spawn([process.execPath, '-e', code], { stdin: 'pipe', stdout: 'pipe', stderr: 'inherit' });
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  return { child, url: new TextDecoder().decode(value).trim() };
}

describe('the embedded Postgres', () => {
  test('keeps what it is told, knows all letters, keeps its password to itself and ends with its last user', async () => {
    const dataDir = await dataFolder();
    const first = await openEmbedded(dataDir);
    expect(await ask(first.url)).toMatchObject({ fsync: 'on', commit: 'on', lower: 'àж', letters: true, encoding: 'UTF8' });
    expect((await ask(first.url)).ctype).not.toBe('C');
    expect((await stat(join(dataDir, 'postgres-password'))).mode & 0o777).toBe(0o600);
    const second = await openEmbedded(dataDir);
    expect(second.url).toBe(first.url);
    await first[Symbol.asyncDispose]();
    expect(await ask(second.url)).toMatchObject({ fsync: 'on' });
    await second[Symbol.asyncDispose]();
    expect(pidOf(dataDir)).toBeUndefined();
  });

  test('is made once by processes that come at the same time', async () => {
    const dataDir = await dataFolder();
    const visitors = await Promise.all(Array.from({ length: 3 }, () => visitor(dataDir)));
    expect(new Set(visitors.map(({ url }) => url)).size).toBe(1);
    for (const { child } of visitors) child.stdin.end();
    await Promise.all(visitors.map(({ child }) => child.exited));
    expect(pidOf(dataDir)).toBeUndefined();
  });

  test('outlives a killed process, and the next one finds it', async () => {
    const dataDir = await dataFolder();
    const { child, url } = await visitor(dataDir);
    const pid = pidOf(dataDir);
    child.kill('SIGKILL');
    await child.exited;
    expect(pidOf(dataDir)).toBe(pid!);
    const next = await openEmbedded(dataDir);
    expect(next.url).toBe(url);
    expect(pidOf(dataDir)).toBe(pid!);
    await next[Symbol.asyncDispose]();
    expect(pidOf(dataDir)).toBeUndefined();
  });

  test('starts over the traces of a Postgres that was killed, with everything that was committed', async () => {
    const dataDir = await dataFolder();
    {
      const before = await openEmbedded(dataDir);
      await using database = openDatabase({ url: before.url, pool: 1, deadlineMs: 5_000 });
      await database.sql`create table kept (n int)`;
      await database.sql`insert into kept values (42)`;
      const child = Bun.spawnSync(['true']);
      expect(child.exitCode).toBe(0);
    }
    // Nobody closed it properly: kill -9 of the whole machine, as far as its files can tell.
    await stop(join(dataDir, 'postgres'), 'SIGKILL');
    await using again = await openEmbedded(dataDir);
    await using database = openDatabase({ url: again.url, pool: 1, deadlineMs: 5_000 });
    expect([...(await database.sql`select n from kept`)]).toEqual([{ n: 42 }]);
  });

  test('is started again, on its port, when it dies under a running server', async () => {
    const dataDir = await dataFolder();
    await using embedded = await openEmbedded(dataDir);
    await using database = openDatabase({ url: embedded.url, pool: 2, deadlineMs: 3_000 });
    await database.ping();
    const pid = pidOf(dataDir);
    await stop(join(dataDir, 'postgres'), 'SIGKILL');
    await until(
      'an answer from another Postgres',
      () =>
        database.ping().then(
          () => pidOf(dataDir) !== pid,
          () => false,
        ),
      15_000,
    );
  });

  test('runs below a folder that its own account may not enter', async () => {
    const dataDir = await dataFolder(0o700);
    await mkdir(dataDir);
    await using embedded = await openEmbedded(dataDir);
    expect(await ask(embedded.url)).toMatchObject({ encoding: 'UTF8' });
  });

  test('runs for whoever is not root', async () => {
    // As root another account is used for this; whoever is not root already is the proof.
    if (process.getuid?.() !== 0) {
      await using embedded = await openEmbedded(await dataFolder());
      expect(await ask(embedded.url)).toMatchObject({ encoding: 'UTF8' });
      return;
    }
    const dataDir = await dataFolder(0o777);
    const code = `import { openEmbedded } from ${JSON.stringify(join(import.meta.dir, '../../src/db/embedded.ts'))};
      process.setgid(65534); process.setuid(65534);
      { await using embedded = await openEmbedded(${JSON.stringify(dataDir)}); console.log('as', process.getuid(), embedded.url.startsWith('postgres://')); }
      process.exit(0);`;
    const child = Bun.spawn([process.execPath, '-e', code], { stdout: 'pipe', stderr: 'pipe', env: { ...process.env, HOME: '/tmp' } });
    const [text, problems] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    expect(problems).toBe('');
    expect(text).toBe('as 65534 true\n');
    expect((await stat(join(dataDir, 'postgres'))).uid).toBe(65534);
  });
});

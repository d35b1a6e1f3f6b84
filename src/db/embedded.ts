/**
 * The Postgres that comes with Parlour, in the data directory. Any number of processes (server, workers, commands) share it:
 * the first starts it, the last one to leave stops it, and while anybody is there it is started again should it die.
 * For development, tests and small installations; it never replicates.
 */
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { resolve } from 'node:path';
import postgres from 'postgres';
import { keptSecret } from '../secret.ts';
import { freePort, initialise, running, start, stop, SUPERUSER } from './cluster.ts';
import { sqlState } from './failures.ts';

export type Embedded = {
  /** For openDatabase; stays the same while this is open. */
  readonly url: string;
  [Symbol.asyncDispose]: () => Promise<void>;
};

const DATABASE = 'parlour';
/** Everybody holds this advisory lock shared, on a connection of its own: it ends with the process, however that ends. */
const PRESENCE_KEY = 7_275_685;
const OPEN_MS = 300_000;

/**
 * Connects to the Postgres running in `dataDir`, or starts it there, on a free port of 127.0.0.1; its log is
 * `dataDir/postgres.log`. Throws when it can't be started.
 */
export async function openEmbedded(dataDir: string): Promise<Embedded> {
  await mkdir(dataDir, { recursive: true });
  const folder = resolve(dataDir, 'postgres');
  const logFile = resolve(dataDir, 'postgres.log');
  const password = await keptSecret(dataDir, 'postgres-password');
  if (!(await exists(folder))) await createOnce(folder, password);

  let port = 0;
  let closing = false;
  let present: postgres.Sql | undefined;

  /** Until it is up and this process counts as present; also how it comes back after a crash, on the same port. */
  const enter = async (): Promise<void> => {
    const until = performance.now() + OPEN_MS;
    while (!closing) {
      const state = running(folder) ?? (await start(folder, port || (await freePort()), settings(), logFile));
      if (state?.status === 'ready' && (port === 0 || state.port === port)) {
        port = state.port;
        const client = await signIn(port, password, () => {
          if (present === client && !closing) enter().catch(() => {});
        });
        if (client) {
          present = client;
          return;
        }
      }
      if (performance.now() > until) throw new Error(`The embedded Postgres in ${folder} does not answer; see ${logFile}`);
      await Bun.sleep(50);
    }
  };
  await enter();

  return {
    url: urlOf(port, password, DATABASE),
    async [Symbol.asyncDispose]() {
      if (closing) return;
      closing = true;
      if (!present) return;
      // The last one switches off the light. Whoever comes in now waits for the lock, loses the connection, and starts it anew.
      await present`select pg_advisory_unlock_shared(${PRESENCE_KEY}::bigint)`.catch(() => {});
      const [row] = await present<{ last: boolean }[]>`select pg_try_advisory_lock(${PRESENCE_KEY}::bigint) as last`.catch(() => []);
      if (row?.last) await stop(folder);
      await present.end({ timeout: 1 }).catch(() => {});
    },
  };
}

/** Several processes may be the first: each makes a folder of its own, one gets to name it. */
async function createOnce(folder: string, password: string): Promise<void> {
  const draft = `${folder}.${process.pid}.${Date.now()}`;
  try {
    await initialise(draft, password);
    await rename(draft, folder);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if (!(await exists(folder))) throw error;
  }
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

const urlOf = (port: number, password: string, database: string): string => `postgres://${SUPERUSER}:${password}@127.0.0.1:${port}/${database}`;

/** A connection that holds the lock, with the database made; undefined while Postgres is coming or going. `onclose` is told when it is lost. */
async function signIn(port: number, password: string, onclose: () => void): Promise<postgres.Sql | undefined> {
  const client = postgres(urlOf(port, password, 'postgres'), {
    max: 1,
    fetch_types: false,
    prepare: false,
    connect_timeout: 10,
    idle_timeout: 0,
    max_lifetime: null,
    onnotice: () => {},
    onclose,
    connection: { application_name: 'parlour-presence' },
  });
  try {
    await client`select pg_advisory_lock_shared(${PRESENCE_KEY}::bigint)`;
    const found = await client`select from pg_database where datname = ${DATABASE}`;
    if (found.length === 0) await client.unsafe(`create database ${DATABASE}`).catch(unlessMade);
    return client;
  } catch (error) {
    await client.end({ timeout: 0 }).catch(() => {});
    if (sqlState(error)?.startsWith('28')) {
      throw new Error('The embedded Postgres does not accept the password in DATA_DIR/postgres-password; it belongs to another data directory.', {
        cause: error,
      });
    }
    return undefined;
  }
}

function unlessMade(error: unknown): void {
  if (!['42P04', '23505'].includes(sqlState(error) ?? '')) throw error;
}

/** For a small machine; whoever needs more runs a Postgres of their own. What is acknowledged is on disk: fsync and synchronous_commit stay on. */
function settings(): Record<string, string | number> {
  const megabytes = totalmem() / 1_048_576;
  return {
    fsync: 'on',
    synchronous_commit: 'on',
    full_page_writes: 'on',
    max_connections: 200,
    shared_buffers: `${Math.round(Math.min(256, Math.max(32, megabytes / 16)))}MB`,
    effective_cache_size: `${Math.round(megabytes / 2)}MB`,
    work_mem: '8MB',
    maintenance_work_mem: '64MB',
    max_wal_size: '1GB',
    min_wal_size: '80MB',
    checkpoint_timeout: '10min',
    random_page_cost: 1.1,
    // Pending lists that never fill up by themselves, and are cleaned between sends: storage.md, "The write path".
    gin_pending_list_limit: '128MB',
    jit: 'off',
    // Three worker processes less; reads come from the page cache of one machine anyway.
    io_method: 'sync',
    autovacuum_naptime: '15s',
    log_min_messages: 'warning',
    log_checkpoints: 'off',
    timezone: 'UTC',
    log_timezone: 'UTC',
  };
}

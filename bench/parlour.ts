/**
 * A Parlour for benches: Postgres (the embedded one in a temporary folder, or DATABASE_URL) and the server as a process of its
 * own, with people, rooms and tokens made ahead, so that password hashing decides nothing. Never a server in production.
 */
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { running } from '../src/db/cluster.ts';
import { openEmbedded } from '../src/db/embedded.ts';
import { fillDataset, type Dataset } from './dataset.ts';
import { move, on, type Share } from './cores.ts';
import { atEarlyEnd, run, startUntil, type Started } from './processes.ts';
import { ROOT } from './setting.ts';

export type Person = { id: string; username: string; accessToken: string };

export type House = {
  databaseUrl: string;
  dataDir: string;
  sql: postgres.Sql;
  people: Person[];
  /** All people are in all of them; of a data set the hall and the large ones. */
  rooms: string[];
  dataset: Dataset | undefined;
  postgresVersion: string;
  /** A server on this database. */
  open: (options?: OpenOptions) => Promise<Open>;
  [Symbol.asyncDispose]: () => Promise<void>;
};

export type OpenOptions = { env?: Record<string, string>; bunArgs?: string[]; share?: Share /** Another program than `parlour serve`. */; program?: string[] };
export type Open = {
  url: string;
  host: string;
  port: number;
  pid: number;
  line: Started['line'];
  stop: () => Promise<void>;
  [Symbol.asyncDispose]: () => Promise<void>;
};

export type HouseOptions = {
  users?: number;
  rooms?: number;
  messages?: number /** So many messages of real words instead (dataset.ts); people are then its `everywhere` and `somewhere`. */;
  dataset?: number;
};

/** Longest that an interrupted bench waits for its Postgres. */
const QUIT_MS = 2_000;

/** Sessions outlive every bench, and no limit but the machine's decides. */
const ENV = {
  NODE_ENV: 'development',
  HOST: '127.0.0.1',
  PORT: '0',
  RATE_LIMITS: 'false',
  LOG_LEVEL: 'warn',
  ACCESS_TOKEN_SECONDS: '86400',
  WS_PER_USER: '20000',
  WS_MAX: '20000',
  WORKERS: '1',
  REDIS_URL: '',
  METRICS_PORT: '',
  ORIGINS: '',
  HOSTS: '',
  FAILPOINT: '',
};

/** Postgres with people and rooms in it. `DATABASE_URL`, when set, must name an empty database. */
export async function openHouse({ users = 20, rooms = 100, messages = 0, dataset }: HouseOptions = {}): Promise<House> {
  await using opened = new AsyncDisposableStack();
  const dataDir = mkdtempSync(join(tmpdir(), 'parlour-bench-'));
  chmodSync(dataDir, 0o755);
  opened.defer(() => rmSync(dataDir, { recursive: true, force: true }));
  // An embedded Postgres outlives whoever started it: a bench that is interrupted must end its own.
  const interrupted = atEarlyEnd(() => {
    const folder = join(dataDir, 'postgres');
    const cluster = running(folder);
    if (cluster) process.kill(cluster.pid, 'SIGQUIT');
    for (let waited = 0; running(folder) && waited < QUIT_MS; waited += 20) Bun.sleepSync(20);
    rmSync(dataDir, { recursive: true, force: true });
  });
  opened.defer(interrupted);
  const databaseUrl = process.env.DATABASE_URL || opened.use(await openEmbedded(dataDir)).url;
  const env = { ...ENV, DATABASE_URL: databaseUrl, DATA_DIR: dataDir, JWT_SECRET: crypto.randomUUID() };
  const parlour = (...args: unknown[]) => run([process.execPath, 'src/cli.ts', ...args.map(String)], { cwd: ROOT, env, limitMs: 300_000 });
  const sql = postgres(databaseUrl, { max: 2, onnotice: () => {} });
  opened.defer(() => sql.end({ timeout: 2 }));

  let people: Person[];
  let known: Dataset | undefined;
  if (dataset === undefined) {
    const tokens = join(dataDir, 'tokens');
    await parlour('seed', '--users', users, '--rooms', rooms, '--messages', messages, '--tokens', tokens);
    people = readFileSync(tokens, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Person);
  } else {
    await parlour('migrate');
    known = await fillDataset(sql, { messages: dataset });
    people = [];
    for (const id of [known.everywhere, known.somewhere]) {
      const [row] = await sql<{ username: string }[]>`select username from users where id = ${id}`;
      const { accessToken } = JSON.parse(await parlour('token', row!.username, '--seconds', 86_400)) as { accessToken: string };
      people.push({ id, username: row!.username, accessToken });
    }
  }
  const made = known ? [known.hall, ...known.large] : (await sql<{ id: string }[]>`select id from rooms order by created_at, id`).map(({ id }) => id);
  const [version] = await sql<{ server_version: string }[]>`show server_version`;
  // They joined long ago: what the poll tells of new members is not what is measured.
  await sql`update memberships set joined_at = joined_at - interval '1 hour' where joined_at > now() - interval '1 hour'`;
  await sql`analyze`;

  const closing = opened.move();
  return {
    databaseUrl,
    dataDir,
    sql,
    people,
    rooms: made,
    dataset: known,
    postgresVersion: version!.server_version,
    async open({ env: more = {}, bunArgs = [], share = 'all', program = ['src/cli.ts', 'serve'] } = {}) {
      const child = await startUntil('listening', [...on(share), process.execPath, ...bunArgs, ...program], { ...env, ...more }, ROOT);
      const { hostname, port } = new URL(String(child.line.url));
      return {
        url: String(child.line.url),
        host: hostname,
        port: Number(port),
        pid: child.pid,
        line: child.line,
        stop: () => child.stop(),
        [Symbol.asyncDispose]: () => child.stop(),
      };
    },
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
}

/** Moves the database's processes to the driver's cores, so that the server has its own. */
export async function moveDatabase(house: House, share: Share): Promise<void> {
  const rows = await house.sql<{ pid: number }[]>`select pid from pg_stat_activity`;
  for (const { pid } of rows) move(pid, share);
}

/**
 * Whether every acknowledged message is stored once, in the order in which each sender sent: `clientMessageId`s are
 * `<run>-<stream>-<number>`, each stream one sender in one room after the other. Returns what is wrong, undefined when all is well.
 */
export async function loss(sql: postgres.Sql, runName: string, acknowledged: number): Promise<string | undefined> {
  const [row] = await sql<{ stored: number; swapped: number }[]>`
    with mine as (
      select room_id, seq, split_part(client_message_id, '-', 2) as stream, split_part(client_message_id, '-', 3)::bigint as n
      from messages where client_message_id like ${`${runName}-%`}
    ), ordered as (select n, lag(n) over (partition by room_id, stream order by seq) as before from mine)
    select (select count(*)::int from (select distinct stream, n from mine) d) as stored, (select count(*)::int from ordered where before >= n) as swapped`;
  const [broken] = await sql<{ rooms: number }[]>`
    select count(*)::int as rooms from rooms r
    where r.last_seq - r.first_seq + 1 <> (select count(*) from messages m where m.room_id = r.id) + (select count(*) from room_events e where e.room_id = r.id)`;
  const { stored, swapped } = row!;
  if (stored < acknowledged) return `${acknowledged - stored} of ${acknowledged} acknowledged messages are not stored`;
  if (swapped > 0) return `${swapped} messages are stored in another order than sent`;
  if (broken!.rooms > 0) return `${broken!.rooms} rooms have holes in their log`;
  return undefined;
}

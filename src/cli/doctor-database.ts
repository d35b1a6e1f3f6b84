/** The doctor's look at Postgres: what acknowledged messages, search and migrations need of it. */
import type { Config } from '../config.ts';
import { CONNECTIONS_BESIDE_POOL, openDatabase, type Database } from '../db/client.ts';
import { openEmbedded } from '../db/embedded.ts';
import { durability } from '../db/durability.ts';
import { migrationNames, pendingMigrations } from '../db/migrate.ts';
import { AppError } from '../errors.ts';
import type { Finding } from './doctor.ts';

const OLDEST = 15;
const PATIENT_MS = 10_000;
/** Connections of `parlour` commands beside the running server. */
const FOR_COMMANDS = 5;

type State = {
  version: number;
  versionText: string;
  encoding: string;
  ctype: string;
  provider: string;
  letters: boolean;
  trigrams: string | null;
  trigramsAvailable: boolean;
  synchronousCommit: string;
  connections: number;
  standbys: number;
  synchronousStandbys: string;
};

/** Findings in the order in which they matter. */
export async function* look(config: Config): AsyncGenerator<Finding> {
  await using opened = new AsyncDisposableStack();
  let state: State;
  let database: Database;
  try {
    const url = config.databaseUrl ?? opened.use(await openEmbedded(config.dataDir)).url;
    database = opened.use(openDatabase({ url, pool: 1, deadlineMs: Math.max(config.databaseDeadlineMs, PATIENT_MS) }));
    state = await read(database);
  } catch (error) {
    const cause = error instanceof AppError && error.cause instanceof Error ? error.cause : (error as Error);
    yield { check: 'postgres', status: 'fail', detail: `can't be used: ${cause.message || cause.name}` };
    return;
  }
  const where = config.databaseUrl === undefined ? `embedded, in ${config.dataDir}` : 'DATABASE_URL';
  yield {
    check: 'postgres',
    status: state.version >= OLDEST * 10_000 ? 'ok' : 'fail',
    detail: state.version >= OLDEST * 10_000 ? `${state.versionText} (${where})` : `${state.versionText} is too old: ${OLDEST} or newer is needed`,
  };
  yield* judge(state, config);
  yield* await lookAtDurability(database);
  yield await lookAtMigrations(database);
}

function* judge(state: State, config: Config): Generator<Finding> {
  yield state.encoding === 'UTF8' && state.letters
    ? { check: 'characters', status: 'ok', detail: `UTF8, character type ${state.ctype}` }
    : {
        check: 'characters',
        status: 'fail',
        detail: `encoding ${state.encoding}, character type ${state.ctype}: \`contains\` would find ASCII letters only. Make the database with "encoding UTF8 locale_provider builtin builtin_locale 'C.UTF-8' lc_ctype 'C.UTF-8' template template0"`,
      };
  yield state.trigrams !== null
    ? { check: 'extensions', status: 'ok', detail: `pg_trgm ${state.trigrams}` }
    : state.trigramsAvailable
      ? { check: 'extensions', status: 'warn', detail: 'pg_trgm is not made yet; the first migration does that' }
      : { check: 'extensions', status: 'fail', detail: 'pg_trgm is not installed on that server (package postgresql-contrib)' };
  const wanted = (config.databasePool + CONNECTIONS_BESIDE_POOL) * config.workers + FOR_COMMANDS;
  if (wanted > state.connections) {
    yield {
      check: 'connections',
      status: 'warn',
      detail: `max_connections is ${state.connections}, and this node alone may want ${wanted} ((DATABASE_POOL + ${CONNECTIONS_BESIDE_POOL}) × WORKERS + ${FOR_COMMANDS})`,
    };
  }
  if (state.standbys > 0 && (state.synchronousStandbys === '' || state.synchronousCommit === 'local')) {
    yield {
      check: 'standby',
      status: 'warn',
      detail: `${state.standbys} standby without synchronous replication: a failover can lose acknowledged messages. Set synchronous_standby_names, or run "parlour restored" after each failover`,
    };
  }
}

async function lookAtDurability(database: Database): Promise<Finding[]> {
  const settings = await durability(database);
  return settings.map(({ name, value, danger }) => (danger ? { check: name, status: 'fail', detail: danger } : { check: name, status: 'ok', detail: value }));
}

async function lookAtMigrations(database: Database): Promise<Finding> {
  const pending = await pendingMigrations(database);
  const all = await migrationNames();
  if (pending.length === 0) return { check: 'migrations', status: 'ok', detail: `${all.length} applied` };
  return {
    check: 'migrations',
    status: 'warn',
    detail: `${pending.length} of ${all.length} are missing, from ${pending[0]} on: run "parlour migrate", or start the server with MIGRATE=true`,
  };
}

async function read({ sql }: Database): Promise<State> {
  const [state] = await sql<State>`
    select current_setting('server_version_num')::int as version, 'PostgreSQL ' || current_setting('server_version') as "versionText",
      pg_encoding_to_char(d.encoding) as encoding, d.datctype as ctype, d.datlocprovider::text as provider,
      'Ж' ~ '[[:alpha:]]' and lower('Ж' collate "default") <> 'Ж' and d.datctype not in ('C', 'POSIX') as letters,
      (select extversion from pg_extension where extname = 'pg_trgm') as trigrams,
      exists (select from pg_available_extensions where name = 'pg_trgm') as "trigramsAvailable",
      current_setting('synchronous_commit') as "synchronousCommit", current_setting('max_connections')::int as connections,
      (select count(*)::int from pg_stat_replication) as standbys, current_setting('synchronous_standby_names') as "synchronousStandbys"
    from pg_database d where d.datname = current_database()`;
  return state!;
}

/**
 * The pool of connections to Postgres: tagged templates and Drizzle on one path, where every awaited query is prepared and has
 * a deadline, and where a pool that answers nothing is replaced. It never opens transactions: after a lost connection the rest
 * of a `begin` callback can run on another request's connection (porsager/postgres issue 1216), so writes are single statements.
 */
import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import { createDeadlines, type LazyQuery } from './deadline.ts';
import { ARRAY_OF, wireTypes } from './types.ts';

/** A JSON value as a parameter is encoded; a string is taken as JSON text where Postgres expects json. */
export type SqlValue = string | number | bigint | boolean | null | Date | Uint8Array | readonly SqlValue[] | { readonly [key: string]: unknown };

// biome-ignore lint/suspicious/noExplicitAny: postgres.js decides by the place in a template what a list or an object becomes
type Helping = postgres.Helper<any, any>;
// biome-ignore lint/suspicious/noExplicitAny: fragments of any rows may stand in a template
type Part = SqlValue | postgres.PendingQuery<any> | Helping | postgres.Parameter<any>;
/** Not a template, which is an array with `raw`. */
type List = readonly unknown[] & { readonly raw?: never };
type Columns = { readonly [column: string]: unknown; readonly raw?: never };

/**
 * As in postgres.js: a template becomes a prepared query (run when awaited) or a fragment of another; `sql('name')` is an
 * identifier, `sql([...])` a list, `sql({...})` columns. JS arrays are array parameters: `= any(${ids}::uuid[])`; only those of
 * booleans, dates and bigints need `sql.array(values, oid of the element)`. int8 arrives as number, timestamptz as an ISO
 * string with milliseconds in UTC, uuid and text as string, json parsed.
 * Throws AppError: `unavailable` (deadline, lost connection, 08, 53, 57, 58xxx, lock timeout, deadlock: outcome of a write open),
 * `overloaded` (nothing done), `conflict` (23505), `not_found` (23503), `invalid` (22021, 22P02, 22P05, 22003, 54000), each with
 * the original as `cause` (failures.ts: sqlState, violatedConstraint).
 */
export type Sql = {
  // biome-ignore lint/suspicious/noExplicitAny: rows are what the caller says they are, as in postgres.js
  <Row = any>(template: TemplateStringsArray, ...values: readonly Part[]): postgres.PendingQuery<(Row & postgres.Row)[]>;
  (name: string): postgres.Helper<string>;
  (values: List | Columns, ...columns: readonly string[]): Helping;
  array: (values: readonly SqlValue[], elementOid?: number) => postgres.ArrayParameter;
  /** Encodes any JSON value, a bare string too. */
  json: (value: unknown) => postgres.Parameter;
  /** Text with $1, $2 …, prepared as well. */
  // biome-ignore lint/suspicious/noExplicitAny: see above
  unsafe: <Row = any>(text: string, parameters?: readonly SqlValue[]) => postgres.PendingQuery<(Row & postgres.Row)[]>;
};

export type DatabaseOptions = {
  url: string;
  /** Connections. */
  pool: number;
  /** Longest that a query may take before `unavailable`. The server gives up earlier: statements at 4/5, waiting for locks at 3/5. */
  deadlineMs: number;
  /** Queries in flight, waiting ones included, before `overloaded`. */
  bound?: number;
  /** Told when the pool was replaced because nothing came back. */
  onRebuild?: () => void;
};

export type DatabaseStats = { pool: number; inFlight: number; expired: number; refused: number; answered: number; rebuilt: number };

export type Database = {
  readonly sql: Sql;
  /** Drizzle on the same connections and the same path. No `transaction`. */
  readonly orm: PostgresJsDatabase;
  /** Milliseconds that `select 1` took; throws `unavailable`. */
  ping: () => Promise<number>;
  stats: () => DatabaseStats;
  /** One connection of its own without deadlines and server-side timeouts, for migrations and maintenance; the caller ends it. */
  alone: () => postgres.Sql;
  [Symbol.asyncDispose]: () => Promise<void>;
};

/** Waiting queries cost about 1 kB each; beyond this many an answer would come after the deadline anyway. */
const BOUND = 4_000;
const CANARY_MS = 1_000;
const CANARY_MISSES = 3;
/** What a process opens besides its pool: the flushes' connection, and those of statistics.ts and search-upkeep.ts. */
export const CONNECTIONS_BESIDE_POOL = 3;
const END_SECONDS = 5;

/** Connects on first use; the URL is not tried here (see `ping`). */
export function openDatabase({ url, pool, deadlineMs, bound = BOUND, onRebuild }: DatabaseOptions): Database {
  const deadlines = createDeadlines(deadlineMs, bound, () => replace(), remake);
  const timeouts = { statement_timeout: Math.floor(deadlineMs * 0.8), lock_timeout: Math.floor(deadlineMs * 0.6) };
  const open = (): postgres.Sql => connect(url, pool, timeouts);
  let current = open();
  let rebuilt = 0;
  let closed = false;

  function remake({ tagged, strings, args }: LazyQuery): LazyQuery {
    const made = tagged ? current(strings as TemplateStringsArray, ...(args as never[])) : current.unsafe(strings[0]!, args as never[], { prepare: true });
    return made as unknown as LazyQuery;
  }

  const sql = Object.assign(
    (first: unknown, ...rest: unknown[]) => {
      const made = (current as unknown as (...args: unknown[]) => unknown)(first, ...rest);
      return isTemplate(first) ? deadlines.arm(made) : made;
    },
    {
      array: (values: readonly SqlValue[], elementOid?: number) => current.array(values as never[], elementOid),
      json: (value: unknown) => current.json(JSON.stringify(value)),
      unsafe: (text: string, parameters: readonly SqlValue[] = []) => deadlines.arm(current.unsafe(text, [...parameters] as never[], { prepare: true })),
    },
  ) as unknown as Sql;

  // Drizzle calls `unsafe` without options, so nothing would be prepared (drizzle-orm issues 6096, 5502); and it replaces
  // parsers of the client that it is given: these are not the client's.
  const orm = drizzle({
    options: { parsers: {}, serializers: {} },
    unsafe: sql.unsafe,
    begin: () => {
      throw new Error('Transactions over several statements are not used here; write one statement or a SQL function.');
    },
  } as unknown as postgres.Sql) as PostgresJsDatabase;

  // The canary: any answer will do, and only in silence it asks itself. A refused connection is an answer too, because
  // then the driver is already trying again; what costs a miss is a second in which nothing comes back.
  // A pool of one may be waiting for a lock: there the server's own timeouts have to pass as well.
  const patience = pool === 1 ? Math.max(CANARY_MISSES, Math.ceil(deadlineMs / CANARY_MS)) : CANARY_MISSES;
  let misses = 0;
  let answeredBefore = 0;
  let asking = false;
  const watch = setInterval(() => {
    const { answered } = deadlines.stats();
    const silent = answered === answeredBefore;
    answeredBefore = answered;
    if (!silent) {
      misses = 0;
      return;
    }
    if (misses >= patience) {
      misses = 0;
      replace();
    }
    misses++;
    if (asking) return;
    asking = true;
    const heard = (): void => {
      misses = 0;
    };
    sql`select 1`
      .then(heard, (error: Error) => error.cause !== undefined && heard())
      .finally(() => {
        asking = false;
      });
  }, CANARY_MS);
  watch.unref();

  const replace = (): void => {
    if (closed) return;
    const silent = current;
    current = open();
    rebuilt++;
    onRebuild?.();
    silent.end({ timeout: END_SECONDS }).catch(() => {});
  };

  return {
    sql,
    orm,
    async ping() {
      const from = performance.now();
      await sql`select 1`;
      return performance.now() - from;
    },
    stats: () => ({ pool, ...deadlines.stats(), rebuilt }),
    alone: () => connect(url, 1, { statement_timeout: '0', lock_timeout: '0' }),
    async [Symbol.asyncDispose]() {
      closed = true;
      clearInterval(watch);
      await current.end({ timeout: END_SECONDS });
      deadlines.stop();
    },
  };
}

const isTemplate = (value: unknown): boolean => Array.isArray(value) && 'raw' in value;

function connect(url: string, max: number, settings: Record<string, number | string>): postgres.Sql {
  const client = postgres(url, {
    max,
    prepare: true,
    fetch_types: false,
    types: wireTypes(),
    connect_timeout: 3,
    idle_timeout: 0,
    max_lifetime: null,
    keep_alive: 30,
    debug: false,
    // The default grows to 20 s and is shared by all connections: a restart of 3 s became an outage of 20.7 s (measured).
    backoff: () => 0.1 + Math.random() * 0.2,
    onnotice: () => {},
    connection: { application_name: 'parlour', TimeZone: 'UTC', client_min_messages: 'warning', ...settings },
  } as postgres.Options<Record<string, postgres.PostgresType>>);
  // Filled by fetch_types otherwise; `sql.array` looks here.
  Object.assign((client.options as unknown as { shared: { typeArrayMap: Record<number, number> } }).shared.typeArrayMap, ARRAY_OF);
  return client as unknown as postgres.Sql;
}

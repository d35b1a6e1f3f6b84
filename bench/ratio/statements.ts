/**
 * The SQL that the server's own code sends, caught in the driver: a limit that runs the same statement takes it from here, so that it
 * can't fall behind the code. Nothing is retyped, and nothing but what the caller runs is sent.
 */
import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import type { Sql } from '../../src/db/client.ts';
import { wireTypes } from '../../src/db/types.ts';

/** With $1, $2 … and the values for them, as given by the code. */
export type Statement = { text: string; parameters: unknown[] };
export type Catch = { sql: Sql; orm: PostgresJsDatabase };

/** A client with the server's wire types, one connection, no deadline. `caught` runs something and returns what it sent, in that order. */
export function openCatcher(databaseUrl: string): {
  db: Catch;
  caught: (run: () => Promise<unknown>) => Promise<Statement[]>;
  [Symbol.asyncDispose]: () => Promise<void>;
} {
  let seen: Statement[] = [];
  const client = postgres(databaseUrl, {
    max: 1,
    prepare: true,
    fetch_types: false,
    types: wireTypes(),
    onnotice: () => {},
    debug: (_connection: number, text: string, parameters: unknown[]) => void seen.push({ text, parameters: [...parameters] }),
  } as postgres.Options<Record<string, postgres.PostgresType>>);
  // Drizzle replaces parsers of the client that it is given (src/db/client.ts).
  const orm = drizzle({ options: { parsers: {}, serializers: {} }, unsafe: client.unsafe.bind(client) } as unknown as postgres.Sql) as PostgresJsDatabase;
  return {
    db: { sql: client as unknown as Sql, orm },
    async caught(run) {
      await client`select 1`;
      seen = [];
      await run();
      return seen;
    },
    [Symbol.asyncDispose]: () => client.end({ timeout: 2 }),
  };
}

/** The pieces around $1, $2 … and which parameter stands between them: what a tagged template is made of. */
export function templateOf({ text }: Pick<Statement, 'text'>): { strings: TemplateStringsArray; order: number[] } {
  const pieces = text.split(/\$(\d+)/);
  const strings = pieces.filter((_, at) => at % 2 === 0);
  const order = pieces.filter((_, at) => at % 2 === 1).map((number) => Number(number) - 1);
  return { strings: Object.assign(strings, { raw: strings }), order };
}

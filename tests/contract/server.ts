/** A whole server in this process for one test file: its own database, no Redis unless asked for, rates switched off unless tested. */
import type { Database } from '../../src/db/client.ts';
import { createApp } from '../../src/app.ts';
import { readConfig } from '../../src/config.ts';
import { openDatabase } from '../../src/db/client.ts';
import { createLog } from '../../src/lib/log.ts';
import { BODY_CUT_BYTES } from '../../src/limits.ts';
import { openServices } from '../../src/services.ts';
import { freshDatabase } from '../support/postgres.ts';
import { until } from '../support/wait.ts';
import { type Client, clientOf } from './client.ts';
import { type Person, person } from './people.ts';

export type Server = Client & {
  /** The server's own database, over a connection of the test's. */
  sql: Database['sql'];
  /** The lines that were logged so far. */
  log: string[];
  /** A person whom the database made an admin: over the network nobody becomes one. */
  admin: (name?: string) => Promise<Person>;
  stop: () => Promise<void>;
};

export const SECRET = 'a secret of the tests, long enough for HS256';

export async function startServer(env: Record<string, string> = {}): Promise<Server> {
  await using opened = new AsyncDisposableStack();
  const { url } = opened.use(await freshDatabase());
  const lines: string[] = [];
  const config = readConfig({ DATABASE_URL: url, JWT_SECRET: SECRET, RATE_LIMITS: 'false', DATABASE_POOL: '4', ...env });
  const services = opened.use(await openServices(config, createLog({ level: 'debug', to: { write: (line: string) => void lines.push(line) } })));
  const app = createApp(services).listen({
    hostname: '127.0.0.1',
    port: 0,
    reusePort: false,
    maxRequestBodySize: BODY_CUT_BYTES,
    websocket: services.gateway.handlers,
  } as never);
  opened.defer(() => void app.server?.stop(true));
  const { sql } = opened.use(openDatabase({ url, pool: 2, deadlineMs: 10_000 }));
  const client = clientOf(`http://127.0.0.1:${app.server!.port}`);
  const closing = opened.move();
  return {
    ...client,
    sql,
    log: lines,
    async admin(name = 'admin') {
      const made = await person(client, name);
      await sql`update users set role = 'admin' where id = ${made.id}`;
      await until('the role is known', async () => (await made.ask('GET', 'rooms?scope=all')).status === 200);
      return made;
    },
    stop: () => closing.disposeAsync(),
  };
}

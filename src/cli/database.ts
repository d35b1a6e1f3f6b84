/** The database alone, for commands that need no more: the configured one, else the embedded one, running or started for them. */
import { openDatabase, type Database } from '../db/client.ts';
import { openEmbedded } from '../db/embedded.ts';
import { commandConfig } from './open.ts';

export async function openCommandDatabase(): Promise<Database> {
  const config = commandConfig();
  await using opened = new AsyncDisposableStack();
  const url = config.databaseUrl ?? opened.use(await openEmbedded(config.dataDir)).url;
  const database = opened.use(openDatabase({ url, pool: 2, deadlineMs: config.databaseDeadlineMs }));
  const closing = opened.move();
  return { ...database, [Symbol.asyncDispose]: () => closing.disposeAsync() };
}

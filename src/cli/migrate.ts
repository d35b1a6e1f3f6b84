/** `parlour migrate`: applies what is missing. */
import { openCommandDatabase } from './database.ts';
import { migrate } from '../db/migrate.ts';
import { readArgs, say } from './terms.ts';

export async function migrateCommand(args: string[]): Promise<number> {
  readArgs(args, {}, []);
  await using database = await openCommandDatabase();
  say({ applied: await migrate(database) });
  return 0;
}

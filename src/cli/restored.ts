/**
 * `parlour restored`: gives every room a new epoch. After restoring a backup, or a failover that lost commits, seqs that clients
 * have seen are used again for something else; the epoch tells them to fetch anew.
 */
import { openCommandDatabase } from './database.ts';
import { readArgs, say } from './terms.ts';

export async function restoredCommand(args: string[]): Promise<number> {
  readArgs(args, {}, []);
  await using database = await openCommandDatabase();
  // Of its own, without a deadline: half done would be the worst outcome. In the order in which writes take rooms.
  const client = database.alone();
  try {
    const rows = await client`
      with locked as materialized (select id from rooms order by id for no key update)
      update rooms r set epoch = gen_random_uuid()::text from locked where r.id = locked.id`;
    say({ rooms: rows.count });
  } finally {
    await client.end({ timeout: 5 });
  }
  return 0;
}

/** Whether Postgres is set to keep what it says it has: the ground of "an acknowledged message is committed". It changes nothing. */
import type { Database } from './client.ts';

export type DurabilitySetting = { name: string; value: string /** What can happen with this value; undefined when it is safe. */; danger: string | undefined };

/** The settings as this server's connections get them. `synchronous_commit = local` is safe here, though it promises nothing about standbys. */
export async function durability({ sql }: Pick<Database, 'sql'>): Promise<DurabilitySetting[]> {
  const [row] = await sql<Record<string, string>>`
    select current_setting('fsync') as fsync, current_setting('full_page_writes') as full_page_writes, current_setting('synchronous_commit') as synchronous_commit`;
  return Object.entries(DANGERS).map(([name, danger]) => {
    const value = row?.[name] ?? 'unknown';
    return { name, value, danger: value === 'off' ? `${name} is off: ${danger}` : undefined };
  });
}

/** Sentences for the log at start. */
export const durabilityDangers = async (database: Pick<Database, 'sql'>): Promise<string[]> =>
  (await durability(database)).flatMap(({ danger }) => danger ?? []);

const DANGERS = {
  fsync: 'a power cut can destroy the whole database',
  full_page_writes: 'a power cut can destroy pages',
  synchronous_commit: 'a crash can lose messages that were acknowledged',
} as const;

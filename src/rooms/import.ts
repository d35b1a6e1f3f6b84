/** Rooms and members out of another system's history, with their own times, for the command line. It asks for no rights: whoever runs it owns the server. */
import type { Database } from '../db/client.ts';
import type { Live } from '../events.ts';
import { createRoomChanges } from './changes.ts';
import { eventOf } from './outcomes.ts';

export function createRoomImport({ db, live }: { db: Pick<Database, 'sql'>; live: Live }) {
  const changes = createRoomChanges(db);
  return {
    /** The oldest group of that name; undefined when there is none. */
    async named(name: string): Promise<string | undefined> {
      const [row] = await db.sql<{ id: string }>`
        select r.id from rooms r where r.kind = 'group' and r.name = ${name} order by r.created_at, r.id limit 1`;
      return row?.id;
    },

    /** A private room, owned by its first sender. `at` in ISO 8601. Returns its id. */
    async create(name: string, ownerId: string, at: string): Promise<string> {
      const id = Bun.randomUUIDv7();
      const room = { id, creatorId: ownerId, name, description: '', visibility: 'private', memberIds: [], memberUsernames: [], at } as const;
      const { outcome } = await changes.create(room);
      if (outcome !== 'done') throw new Error(`The room could not be made: ${outcome}`);
      live.added(id, [ownerId]);
      return id;
    },

    /** Lets senders in, in this order, with `member.joined`, unless they are there. `at` in ISO 8601. One statement: a history has tens of thousands. */
    async joinAll(joining: readonly { roomId: string; userId: string; at: string }[]): Promise<void> {
      const rows = await changes.joinAll(joining);
      for (const [at, row] of rows.entries()) {
        const { roomId, userId } = joining[at]!;
        if (row.outcome === 'unchanged') continue;
        if (row.outcome !== 'done') throw new Error(`A sender could not be let in: ${row.outcome}`);
        live.publish(row.epoch, [eventOf('member.joined', roomId, row, null, { member: row.member })]);
        live.added(roomId, [userId]);
      }
    },
  };
}

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

    /** Lets a sender in with `member.joined`, unless he is there. `at` in ISO 8601. Returns whether he came now. */
    async join(roomId: string, userId: string, at: string): Promise<boolean> {
      const row = await changes.join(roomId, { userId, role: 'admin' }, at);
      if (row.outcome === 'unchanged') return false;
      if (row.outcome !== 'done') throw new Error(`The sender could not be let in: ${row.outcome}`);
      live.publish(row.epoch, [eventOf('member.joined', roomId, row, null, { member: row.member })]);
      live.added(roomId, [userId]);
      return true;
    },
  };
}

/** Adds entries of another system's history in order: first the people, rooms and memberships that a chunk needs, then its messages. */
import { AppError } from '../errors.ts';
import { createRoomImport } from '../rooms/import.ts';
import type { Services } from '../services.ts';
import { inBatches } from './batches.ts';
import type { Line } from './import-line.ts';

export type Entry = Line & { line: number };
export type Totals = { rooms: number; users: number; messages: number; skipped: number };

const AT_ONCE = 64;

/** `add` counts what it added in `totals`; a message that can't be taken goes to `skip`. Throws what stops everything: the database is away. */
export function createHistory({ db, live, users, writer }: Services, totals: Totals, skip: (line: number, why: string) => void) {
  const roomImport = createRoomImport({ db, live });
  /** By lower-case username, as accounts are unique. */
  const people = new Map<string, string>();
  const rooms = new Map<string, string>();
  const members = new Set<string>();

  /** Made first and looked up when the name is taken: of a new history nearly everybody is new. */
  async function personOf(username: string): Promise<string> {
    try {
      const { id } = await users.make({ username });
      totals.users++;
      return id;
    } catch (error) {
      const known = error instanceof AppError && error.code === 'conflict' ? await users.named(username) : undefined;
      if (!known) throw error;
      return known.id;
    }
  }

  async function roomOf({ room, username, at }: Entry): Promise<string> {
    const known = await roomImport.named(room);
    if (known) return known;
    const ownerId = people.get(username.toLowerCase())!;
    const id = await roomImport.create(room, ownerId, at ?? new Date().toISOString());
    totals.rooms++;
    members.add(`${id} ${ownerId}`);
    return id;
  }

  async function prepare(entries: readonly Entry[]): Promise<void> {
    const unknown = new Map(entries.filter(({ username }) => !people.has(username.toLowerCase())).map(({ username }) => [username.toLowerCase(), username]));
    const found = await inBatches([...unknown], AT_ONCE, async ([key, username]) => [key, await personOf(username)] as const);
    for (const [key, id] of found) people.set(key, id);

    const joining: { roomId: string; userId: string; at: string }[] = [];
    for (const entry of entries) {
      let roomId = rooms.get(entry.room);
      if (roomId === undefined) {
        roomId = await roomOf(entry);
        rooms.set(entry.room, roomId);
      }
      const userId = people.get(entry.username.toLowerCase())!;
      if (members.has(`${roomId} ${userId}`)) continue;
      members.add(`${roomId} ${userId}`);
      joining.push({ roomId, userId, at: entry.at ?? new Date().toISOString() });
    }
    if (joining.length > 0) await roomImport.joinAll(joining);
  }

  async function send(entry: Entry): Promise<void> {
    const { room, username, content, at, clientMessageId, line } = entry;
    const roomId = rooms.get(room)!;
    const senderId = people.get(username.toLowerCase())!;
    const { outcome } = await writer.write({ id: Bun.randomUUIDv7(), roomId, senderId, clientMessageId, content, replyTo: null, at });
    if (outcome === 'stored') totals.messages++;
    else if (outcome === 'conflict') skip(line, 'id: was used for another message of this sender in this room');
    else if (outcome !== 'duplicate') skip(line, `was not taken: ${outcome}`);
  }

  return {
    async add(entries: readonly Entry[]): Promise<void> {
      if (entries.length === 0) return;
      await prepare(entries);
      const settled = await Promise.allSettled(entries.map(send));
      for (const [at, one] of settled.entries()) {
        if (one.status === 'fulfilled') continue;
        if (!(one.reason instanceof AppError) || one.reason.code === 'unavailable' || one.reason.code === 'overloaded') throw one.reason;
        skip(entries[at]!.line, one.reason.detail);
      }
    },
  };
}

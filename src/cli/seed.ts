/** `parlour seed`: people, rooms and messages to try things with. Everyone has the same known password, so it is refused where that could hurt. */
import { open } from 'node:fs/promises';
import { createPasswords } from '../auth/password.ts';
import { createRoomChanges } from '../rooms/changes.ts';
import type { Services } from '../services.ts';
import { withServices } from './open.ts';
import { inBatches } from './batches.ts';
import { readArgs, say, wholeNumber } from './terms.ts';

const PASSWORD = 'parlour-seed';
const AT_ONCE = 256;

export function seedCommand(args: string[]): Promise<number> {
  const { options } = readArgs(
    args,
    {
      users: { type: 'string', default: '20' },
      rooms: { type: 'string', default: '5' },
      messages: { type: 'string', default: '1000' },
      tokens: { type: 'string' },
      force: { type: 'boolean', default: false },
    },
    [],
  );
  const users = wholeNumber(options.users ?? '20', '--users', 1, 1_000_000);
  const rooms = wholeNumber(options.rooms ?? '5', '--rooms', 0, 100_000);
  const messages = wholeNumber(options.messages ?? '1000', '--messages', 0, 100_000_000);

  return withServices(async (services, config) => {
    if (!options.force) {
      if (config.production) throw new Error('seed makes people with a known password, which is refused in production without --force');
      const [row] = await services.db.sql<{ peopled: boolean }>`select exists (select from users where deleted_at is null) as peopled`;
      if (row?.peopled) throw new Error('there are users already; seed adds to them only with --force');
    }
    const people = await makePeople(services, users);
    const roomIds = await makeRooms(services, people, rooms);
    const sent = roomIds.length === 0 ? 0 : await sendMessages(services, people, roomIds, messages);
    if (options.tokens !== undefined) await writeTokens(services, people, options.tokens);
    say({ users: people.length, rooms: roomIds.length, messages: sent });
    return 0;
  });
}

type Person = { id: string; username: string };

async function makePeople({ users }: Services, count: number): Promise<Person[]> {
  const passwordHash = await createPasswords({ atOnce: 1 }).hash(PASSWORD);
  const names = Array.from({ length: count }, (_, at) => `user${at + 1}`);
  return inBatches(names, AT_ONCE, async (username) => {
    const { id } = (await users.named(username)) ?? (await users.make({ username, passwordHash }));
    return { id, username };
  });
}

async function makeRooms({ db }: Services, people: readonly Person[], count: number): Promise<string[]> {
  const changes = createRoomChanges(db);
  const memberIds = people.map(({ id }) => id);
  const ids: string[] = [];
  for (let at = 0; at < count; at++) {
    const id = Bun.randomUUIDv7();
    const creatorId = memberIds[at % memberIds.length]!;
    const { outcome } = await changes.create({
      id,
      creatorId,
      name: `Room ${at + 1}`,
      description: '',
      visibility: 'private',
      memberIds,
      memberUsernames: [],
      at: null,
    });
    if (outcome !== 'done') throw new Error(`a room could not be made: ${outcome}`);
    ids.push(id);
  }
  return ids;
}

const OPENINGS = ['Good morning', 'Has anybody seen this', 'I agree', 'One question', 'Here is the plan', 'Thanks', 'It works now', 'Not yet'];
const SUBJECTS = ['the release', 'the garden', 'the train to Basel', 'lunch', 'the new server', 'our meeting', 'the photographs', 'the second chapter'];

async function sendMessages({ writer }: Services, people: readonly Person[], rooms: readonly string[], count: number): Promise<number> {
  const numbers = Array.from({ length: count }, (_, at) => at);
  const outcomes = await inBatches(numbers, AT_ONCE * 4, async (at) => {
    const content = `${OPENINGS[at % OPENINGS.length]}: ${SUBJECTS[Math.floor(at / OPENINGS.length) % SUBJECTS.length]} (${at + 1})`;
    const senderId = people[(at * 7) % people.length]!.id;
    const { outcome } = await writer.write({
      id: Bun.randomUUIDv7(),
      roomId: rooms[at % rooms.length]!,
      senderId,
      clientMessageId: null,
      content,
      replyTo: null,
      at: null,
    });
    return outcome;
  });
  return outcomes.filter((outcome) => outcome === 'stored').length;
}

/** Mode 600: these open the accounts. */
async function writeTokens({ sessions }: Services, people: readonly Person[], path: string): Promise<void> {
  const lines = await inBatches(people, AT_ONCE, async ({ id, username }) =>
    JSON.stringify({ id, username, accessToken: (await sessions.mint(id)).accessToken }),
  );
  const file = await open(path, 'w', 0o600);
  try {
    await file.writeFile(`${lines.join('\n')}\n`);
  } finally {
    await file.close();
  }
}

/**
 * The heads in a ping when more rooms moved than one ping names: each is told by one of the next pings and once, or a client
 * that missed the last event of a quiet room would never learn of it.
 */
import { expect, test } from 'bun:test';
import { openChat } from '../support/chat.ts';
import { brokenRooms } from '../support/world.ts';

const ROOMS = 250;
const HEADS = 100;
const PER_SUBSCRIBE = 200;

test('a ping names at most a hundred rooms, and the next ones name the others', async () => {
  await using chat = await openChat({ env: { WS_HEARTBEAT_SECONDS: '1' } });
  const [ann, bob] = [await chat.person('ann'), await chat.person('bob')];
  await chat.sql<object>`
    with made as (
      insert into rooms (id, name, owner_id, member_count) select gen_random_uuid(), 'Hall ' || n, ${ann.id}, 2 from generate_series(1, ${ROOMS}::int) n returning id
    )
    insert into memberships (room_id, user_id, role)
    select m.id, u, case when u = ${ann.id} then 'owner' else 'member' end from made m, unnest(${[ann.id, bob.id]}::uuid[]) u`;
  const roomIds = (await chat.sql<{ id: string }>`select id from rooms`).map(({ id }) => id);
  expect(roomIds.length).toBe(ROOMS);

  const client = await bob.connect();
  for (let from = 0; from < ROOMS; from += PER_SUBSCRIBE) {
    await client.do('subscribe', { rooms: roomIds.slice(from, from + PER_SUBSCRIBE).map((roomId) => ({ roomId })) });
  }
  const send = (ids: readonly string[]) => Promise.all(ids.map((id) => ann.says({ id }, 'something')));
  const told = (): [roomId: string, head: number][] => client.all('ping').flatMap(({ heads = {} }) => Object.entries(heads as Record<string, number>));

  await send(roomIds);
  await client.when('every room', () => (new Set(told().map(([roomId]) => roomId)).size === ROOMS ? true : undefined), 8_000);
  // Nothing moves any more, so nothing is named any more.
  const pings = client.all('ping').length;
  await client.when('two more pings', () => (client.all('ping').length >= pings + 2 ? true : undefined));
  expect(told().map(([, head]) => head)).toEqual(Array<number>(ROOMS).fill(1));
  const sizes = client.all('ping').map(({ heads }) => Object.keys(heads ?? {}).length);
  expect(Math.max(...sizes)).toBe(HEADS);
  expect(sizes.slice(-2)).toEqual([0, 0]);

  // A room that moved again meanwhile is named with where it is now.
  const again = roomIds.slice(0, 3);
  await send(again);
  await client.when('those three', () => (told().filter(([, head]) => head === 2).length === 3 ? true : undefined), 4_000);
  expect(new Set(told().flatMap(([roomId, head]) => (head === 2 ? [roomId] : [])))).toEqual(new Set(again));
  expect(await brokenRooms(chat)).toEqual([]);
}, 25_000);

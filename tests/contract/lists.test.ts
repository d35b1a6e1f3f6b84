/** rest.md on lists: every one is walked with every page size, in its order, ties included, and no cursor works where it does not belong. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { type Json, blamed } from './client.ts';
import { type Person, person } from './people.ts';
import { type Server, startServer } from './server.ts';

const ITEMS = 7;
let server: Server;
let ann: Person;
let admin: Person;
let room: string;
let message: string;
const others: Person[] = [];

/** Every list: path, the order of its items as a key that must go up (or down), how many there are, and its total. */
type List = {
  name: string;
  path: () => string;
  who: () => Person;
  key: (item: Json) => (string | number)[];
  down: boolean;
  count: number;
  total: number | null;
};
/** By code points, as rest.md asks of usernames; ISO times and ids compare the same way. */
const before = (a: (string | number)[], b: (string | number)[]): boolean => {
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return a[at]! < b[at]!;
  return false;
};

beforeAll(async () => {
  server = await startServer();
  ann = await person(server, 'ann');
  // In an order of which neither creation nor a dictionary knows: `_` stands between upper and lower case in code points.
  for (const name of ['Zoe', '_under', 'a-b', 'A+b', 'aB', 'a.b', '0zero']) others.push(await person(server, name));
  admin = await server.admin('xadmin');
  const memberIds = others.map(({ id }) => id);
  room = (await ann.does(201, 'POST', 'rooms', { name: 'Hall', visibility: 'public', memberIds: memberIds.slice(0, ITEMS - 1) })).id;
  for (let n = 1; n < ITEMS; n++) {
    const { id } = await ann.does(201, 'POST', 'rooms', { name: `Room ${n}`, visibility: 'public' });
    await ann.does(201, 'POST', `rooms/${id}/messages`, { content: 'word', clientMessageId: String(n) });
  }
  message = (await ann.does(201, 'POST', `rooms/${room}/messages`, { content: 'a word' })).id;
  for (const member of others.slice(0, ITEMS - 1)) await member.does(200, 'POST', `messages/${message}/read`);
  for (let n = 0; n < ITEMS; n++) await ann.does(201, 'POST', `rooms/${room}/invites`, {});
  for (let n = 1; n < ITEMS; n++) await server.ask('POST', 'auth/login', { body: { login: ann.username, password: ann.password } });
  // Ties: the same moment for most of everything, so that only the id is left to tell them apart.
  await server.sql`update memberships set joined_at = '2026-01-01T00:00:00Z' where room_id = ${room} and user_id <> ${ann.id}`;
  await server.sql`update rooms set last_activity_at = '2026-01-01T00:00:00Z' where name like 'Room%' and name <> 'Room 3'`;
  await server.sql`update invites set created_at = '2026-01-01T00:00:00Z' where ctid not in (select max(ctid) from invites)`;
  await server.sql`update messages set created_at = '2026-01-01T00:00:00Z' where id <> ${message}`;
  await server.sql`update sessions set created_at = '2026-01-01T00:00:00Z' where user_id = ${ann.id} and id not in (select id from sessions where user_id = ${ann.id} order by id limit 1)`;
});
afterAll(() => server.stop());

const byActivity = (item: Json) => [item.lastActivityAt, item.id];
const LISTS: List[] = [
  { name: 'users', path: () => 'users', who: () => ann, key: ({ username }) => [username.toLowerCase()], down: false, count: 8, total: 8 },
  { name: 'users, for an admin', path: () => 'users', who: () => admin, key: ({ username }) => [username.toLowerCase()], down: false, count: 8, total: 8 },
  {
    name: 'users by prefix',
    path: () => 'users?query=a',
    who: () => others[0]!,
    key: ({ username }) => [username.toLowerCase()],
    down: false,
    count: 5,
    total: null,
  },
  { name: 'my rooms', path: () => 'rooms', who: () => ann, key: byActivity, down: true, count: ITEMS, total: ITEMS },
  { name: 'public rooms', path: () => 'rooms?scope=public', who: () => others[0]!, key: byActivity, down: true, count: ITEMS, total: ITEMS },
  { name: 'all rooms', path: () => 'rooms?scope=all', who: () => admin, key: byActivity, down: true, count: ITEMS, total: ITEMS },
  { name: 'rooms by name', path: () => 'rooms?query=ROOM', who: () => ann, key: byActivity, down: true, count: ITEMS - 1, total: null },
  { name: 'a user’s rooms', path: () => `users/${ann.id}/rooms`, who: () => ann, key: byActivity, down: true, count: ITEMS, total: ITEMS },
  { name: 'a user’s rooms, for an admin', path: () => `users/${ann.id}/rooms`, who: () => admin, key: byActivity, down: true, count: ITEMS, total: ITEMS },
  {
    name: 'members',
    path: () => `rooms/${room}/members`,
    who: () => ann,
    key: ({ joinedAt, user }) => [joinedAt, user.id],
    down: false,
    count: ITEMS,
    total: ITEMS,
  },
  {
    name: 'members by prefix',
    path: () => `rooms/${room}/members?query=a`,
    who: () => ann,
    key: ({ joinedAt, user }) => [joinedAt, user.id],
    down: false,
    count: 5,
    total: null,
  },
  { name: 'readers', path: () => `messages/${message}/readers`, who: () => ann, key: ({ id }) => [id], down: false, count: ITEMS - 1, total: null },
  { name: 'sessions', path: () => 'auth/sessions', who: () => ann, key: ({ createdAt, id }) => [createdAt, id], down: true, count: ITEMS, total: null },
  { name: 'invites', path: () => `rooms/${room}/invites`, who: () => ann, key: ({ createdAt }) => [createdAt], down: true, count: ITEMS, total: null },
  { name: 'messages', path: () => 'messages', who: () => ann, key: ({ createdAt, id }) => [createdAt, id], down: true, count: ITEMS, total: null },
  {
    name: 'messages of a person',
    path: () => `messages?user=${ann.id}&until=2030-01-01T00:00:00Z`,
    who: () => ann,
    key: ({ createdAt, id }) => [createdAt, id],
    down: true,
    count: ITEMS,
    total: null,
  },
  {
    name: 'found messages',
    path: () => 'messages?search=word',
    who: () => ann,
    key: ({ createdAt, id }) => [createdAt, id],
    down: true,
    count: ITEMS,
    total: null,
  },
  {
    name: 'messages that contain',
    path: () => 'messages?contains=WORD',
    who: () => ann,
    key: ({ createdAt, id }) => [createdAt, id],
    down: true,
    count: ITEMS,
    total: null,
  },
  {
    name: 'found messages by relevance',
    path: () => 'messages?search=word&sort=relevance',
    who: () => ann,
    key: () => [],
    down: true,
    count: ITEMS,
    total: null,
  },
];

const and = (path: string, more: string): string => `${path}${path.includes('?') ? '&' : '?'}${more}`;
const keyOf = (item: Json): string => item.id ?? item.user?.id ?? item.code;

for (const list of LISTS) {
  describe(`the list of ${list.name}`, () => {
    test('is walked whole with every page size, each item once, in its order', async () => {
      const whole = await list.who().does(200, 'GET', list.path());
      expect(Object.keys(whole).sort()).toEqual(['items', 'nextCursor']);
      expect(whole.nextCursor).toBeNull();
      expect(whole.items.length).toBe(list.count);
      for (let at = 1; at < whole.items.length; at++) {
        const [one, next] = [list.key(whole.items[at - 1]), list.key(whole.items[at])];
        expect([one, next, list.down ? before(one, next) : before(next, one)]).toEqual([one, next, false]);
      }
      for (const limit of [1, 2, 3, list.count - 1, list.count, list.count + 1, 100]) {
        const walked: Json[] = [];
        let cursor: string | null = null;
        do {
          const page: Json = await list.who().does(200, 'GET', and(list.path(), `limit=${limit}${cursor ? `&cursor=${cursor}` : ''}`));
          expect(page.items.length).toBeLessThanOrEqual(limit);
          // null exactly when nothing followed: a walk never ends with an empty page.
          expect(page.items.length).toBeGreaterThan(0);
          walked.push(...page.items);
          cursor = page.nextCursor;
          if (cursor) expect(cursor).toMatch(/^[A-Za-z0-9._~-]+$/);
        } while (cursor);
        expect([limit, walked.map(keyOf)]).toEqual([limit, whole.items.map(keyOf)]);
      }
    });

    test('takes a limit of 1 to 100 and nothing else', async () => {
      for (const limit of ['0', '101', '-1', '1.5', 'all']) {
        const answer = await list.who().ask('GET', and(list.path(), `limit=${limit}`));
        expect([limit, answer.status, blamed(answer)]).toEqual([
          limit,
          422,
          [`/limit:${limit === '0' ? 'too_small' : limit === '101' ? 'too_large' : 'type'}`],
        ]);
      }
    });

    test('counts with total=true', async () => {
      for (const limit of ['', '&limit=1']) expect((await list.who().does(200, 'GET', and(list.path(), `total=true${limit}`))).total).toBe(list.total);
      expect(await list.who().does(200, 'GET', and(list.path(), 'total=false'))).not.toHaveProperty('total');
      const first = await list.who().does(200, 'GET', and(list.path(), 'limit=1'));
      expect((await list.who().does(200, 'GET', and(list.path(), `limit=1&total=true&cursor=${first.nextCursor}`))).total).toBe(list.total);
    });

    test('refuses damaged cursors', async () => {
      const { nextCursor } = await list.who().does(200, 'GET', and(list.path(), 'limit=2'));
      const damaged = new Set([
        'x',
        'null',
        '=',
        `${nextCursor}x`,
        `${nextCursor}=`,
        nextCursor.slice(1),
        nextCursor.slice(0, -1),
        nextCursor.toLowerCase(),
        'A'.repeat(1_000),
        btoa('["2026-01-01T00:00:00.000Z"]'),
      ]);
      for (let at = 0; at < nextCursor.length; at += 5) {
        const flipped = String.fromCharCode(nextCursor.charCodeAt(at) ^ 1);
        if (/[A-Za-z0-9_-]/.test(flipped)) damaged.add(nextCursor.slice(0, at) + flipped + nextCursor.slice(at + 1));
      }
      damaged.delete(nextCursor);
      for (const cursor of damaged) {
        const answer = await list.who().ask('GET', and(list.path(), `cursor=${encodeURIComponent(cursor)}`));
        expect([cursor, answer.status, blamed(answer)]).toEqual([cursor, 422, ['/cursor:format']]);
      }
      expect((await list.who().ask('GET', and(list.path(), `cursor=${'A'.repeat(5_000)}`))).status).toBe(422);
    });
  });
}

test('without a limit a page has 25 items', async () => {
  const many = await person(server, 'many');
  const made = await Promise.all(Array.from({ length: 26 }, (_, n) => many.does(201, 'POST', 'rooms', { name: `One of many ${n}` })));
  const page = await many.does(200, 'GET', 'rooms?total=true');
  expect([page.items.length, page.total, typeof page.nextCursor]).toEqual([25, 26, 'string']);
  expect((await many.does(200, 'GET', `rooms?cursor=${page.nextCursor}`)).items.length).toBe(1);
  for (const { id } of made) await many.does(204, 'DELETE', `rooms/${id}`);
  await server.sql`delete from users where id = ${many.id}`;
});

describe('a cursor', () => {
  test('belongs to its list, its filters and its sort', async () => {
    const cursors = await Promise.all(LISTS.map(async (list) => (await list.who().does(200, 'GET', and(list.path(), 'limit=1'))).nextCursor as string));
    for (const [from, { name, path: own }] of LISTS.entries()) {
      for (const list of LISTS) {
        const path = list.path();
        if (path === own()) continue;
        const answer = await list.who().ask('GET', and(path, `cursor=${cursors[from]}`));
        expect([name, list.name, answer.status]).toEqual([name, list.name, 422]);
      }
    }
  });

  test('holds a position and no rights, and works with another page size', async () => {
    const { nextCursor } = await ann.does(200, 'GET', 'rooms?limit=2');
    expect((await ann.does(200, 'GET', `rooms?limit=100&cursor=${nextCursor}`)).items.length).toBe(ITEMS - 2);
    // The default, spelled out or not, is the same list.
    expect((await ann.does(200, 'GET', `rooms?scope=mine&cursor=${nextCursor}`)).items.length).toBe(ITEMS - 2);
    const members = await ann.does(200, 'GET', `rooms/${room}/members?limit=2`);
    expect((await others[0]!.does(200, 'GET', `rooms/${room}/members?cursor=${members.nextCursor}`)).items.length).toBe(ITEMS - 2);
    const stranger = await person(server, 'stranger');
    expect((await stranger.ask('GET', `rooms/${room}/members?cursor=${members.nextCursor}`)).status).toBe(403);
    await server.sql`delete from users where id = ${stranger.id}`;
  });

  test('still leads on when what it points at is gone', async () => {
    const people = await Promise.all(['p1', 'p2', 'p3', 'p4'].map((name) => person(server, name)));
    const hall = (await ann.does(201, 'POST', 'rooms', { name: 'Short', memberIds: people.map(({ id }) => id) })).id;
    const all = (await ann.does(200, 'GET', `rooms/${hall}/members`)).items.map((item: Json) => item.user.id);
    const first = await ann.does(200, 'GET', `rooms/${hall}/members?limit=3`);
    await ann.does(204, 'DELETE', `rooms/${hall}/members/${all[2] === ann.id ? all[1] : all[2]}`);
    const rest = await ann.does(200, 'GET', `rooms/${hall}/members?cursor=${first.nextCursor}`);
    expect(rest.items.map((item: Json) => item.user.id)).toEqual(all.slice(3));
    await ann.does(204, 'DELETE', `rooms/${hall}`);
  });

  test('keeps what does not change place seen once while rooms move up, which are then on the first page', async () => {
    const first = await ann.does(200, 'GET', 'rooms?limit=3');
    const rest = (await ann.does(200, 'GET', `rooms?cursor=${first.nextCursor}`)).items.map(keyOf);
    await ann.does(201, 'POST', `rooms/${rest[1]}/messages`, { content: 'up' });
    const walked = (await ann.does(200, 'GET', `rooms?cursor=${first.nextCursor}`)).items.map(keyOf);
    expect(walked).toEqual(rest.filter((id: string) => id !== rest[1]));
    expect((await ann.does(200, 'GET', 'rooms?limit=1')).items[0].id).toBe(rest[1]);
  });
});

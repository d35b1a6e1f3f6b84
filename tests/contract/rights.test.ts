/**
 * rest.md's table of rights as a table: operation × who asks → status, over HTTP. Every operation of the served OpenAPI that needs
 * a token must be in it, so that a new route can't be forgotten. What is refused must also change nothing.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { blamed } from './client.ts';
import { type Person, person } from './people.ts';
import { type Server, startServer } from './server.ts';

let server: Server;
type Who = 'owner' | 'moderator' | 'deputy' | 'member' | 'stranger' | 'removed' | 'admin' | 'disabled' | 'plain' | 'outsider';
const people = {} as Record<Who, Person>;

/** A room with an owner, two moderators, plain members, somebody who was removed, and a message of each of them. */
type Hall = { id: string; visibility: 'private' | 'public'; messages: Partial<Record<Who, string>>; code: string };

beforeAll(async () => {
  server = await startServer();
  const names: Who[] = ['owner', 'moderator', 'deputy', 'member', 'stranger', 'removed', 'disabled', 'plain', 'outsider'];
  await Promise.all(names.map(async (name) => (people[name] = await person(server, name))));
  people.admin = await server.admin('admin');
  for (const visibility of ['private', 'public'] as const) shared[visibility] = await hall(visibility);
  await people.admin.does(200, 'PATCH', `users/${people.disabled.id}`, { disabled: true });
});
afterAll(() => server.stop());

const shared = {} as Record<'private' | 'public', Hall>;

async function hall(visibility: 'private' | 'public'): Promise<Hall> {
  const { owner, moderator, deputy, member, removed, plain, disabled } = people;
  const members = [moderator, deputy, member, removed, plain, ...(shared.public ? [] : [disabled])];
  const room = await owner.does(201, 'POST', 'rooms', { name: 'Hall', visibility, memberIds: members.map(({ id }) => id) });
  for (const { id } of [moderator, deputy]) await owner.does(200, 'PATCH', `rooms/${room.id}/members/${id}`, { role: 'moderator' });
  const messages: Hall['messages'] = {};
  for (const who of ['owner', 'moderator', 'member', 'removed', 'plain'] as const) {
    messages[who] = (await people[who].does(201, 'POST', `rooms/${room.id}/messages`, { content: `of ${who}` })).id;
  }
  await owner.does(204, 'DELETE', `rooms/${room.id}/members/${removed.id}`);
  const { code } = await owner.does(201, 'POST', `rooms/${room.id}/invites`, {});
  return { id: room.id, visibility, messages, code };
}

type Column =
  | 'stranger, private'
  | 'stranger, public'
  | 'removed, private'
  | 'removed, public'
  | 'member'
  | 'moderator'
  | 'owner'
  | 'admin, private'
  | 'admin, public';
const WHO: Record<Column, [who: Who, visibility: 'private' | 'public']> = {
  'stranger, private': ['stranger', 'private'],
  'stranger, public': ['stranger', 'public'],
  'removed, private': ['removed', 'private'],
  'removed, public': ['removed', 'public'],
  member: ['member', 'private'],
  moderator: ['moderator', 'private'],
  owner: ['owner', 'private'],
  'admin, private': ['admin', 'private'],
  'admin, public': ['admin', 'public'],
};

/** In the order of rest.md: stranger of a private and of a public room, member, moderator, owner, admin who is no member. */
type Row = [strangerPrivate: number, strangerPublic: number, member: number, moderator: number, owner: number, admin: number];
type Call = (hall: Hall, who: Who) => [method: string, path: string, body?: unknown];
type Operation = { name: string; id: string; row: Row; call: Call; adminPublic?: number };

const READ: Row = [404, 403, 200, 200, 200, 200];
/** Somebody else who wrote in the room. */
const another = (who: Who): Who => (who === 'owner' ? 'plain' : 'owner');
const own = (hall: Hall, who: Who): string => hall.messages[who] ?? hall.messages.owner!;

const OPERATIONS: Operation[] = [
  { name: 'read a room', id: 'readRoom', row: [404, 200, 200, 200, 200, 200], call: ({ id }) => ['GET', `rooms/${id}`] },
  { name: 'list members', id: 'listMembers', row: READ, call: ({ id }) => ['GET', `rooms/${id}/members`] },
  { name: 'read a member', id: 'readMember', row: READ, call: ({ id }) => ['GET', `rooms/${id}/members/${people.plain.id}`] },
  { name: 'read messages', id: 'readHistory', row: READ, call: ({ id }) => ['GET', `rooms/${id}/messages`] },
  { name: 'read events', id: 'readEvents', row: READ, call: ({ id }) => ['GET', `rooms/${id}/events`] },
  { name: 'read a message', id: 'readMessage', row: READ, call: ({ messages }) => ['GET', `messages/${messages.plain}`] },
  { name: 'read his own message', id: 'readMessage', row: READ, call: (room, who) => ['GET', `messages/${own(room, who)}`] },
  { name: 'list readers', id: 'listReaders', row: READ, call: ({ messages }) => ['GET', `messages/${messages.plain}/readers`] },
  { name: 'send', id: 'sendMessage', row: [404, 403, 201, 201, 201, 403], call: ({ id }) => ['POST', `rooms/${id}/messages`, { content: 'hello' }] },
  {
    name: 'edit his own',
    id: 'editMessage',
    row: [404, 403, 200, 200, 200, 403],
    call: (room, who) => ['PATCH', `messages/${own(room, who)}`, { content: 'new' }],
  },
  {
    name: 'replace his own',
    id: 'replaceMessage',
    row: [404, 403, 200, 200, 200, 403],
    call: (room, who) => ['PUT', `messages/${own(room, who)}`, { content: 'newer' }],
  },
  { name: 'mark read', id: 'markRead', row: [404, 403, 200, 200, 200, 403], call: ({ id }) => ['PUT', `rooms/${id}/read`, { seq: 1 }] },
  {
    name: 'mark a message read',
    id: 'markMessageRead',
    row: [404, 403, 200, 200, 200, 403],
    call: ({ messages }) => ['POST', `messages/${messages.plain}/read`],
  },
  {
    name: 'edit another’s',
    id: 'editMessage',
    row: [404, 403, 403, 403, 403, 403],
    call: ({ messages }, who) => ['PATCH', `messages/${messages[another(who)]}`, { content: 'not mine' }],
  },
  {
    name: 'replace another’s',
    id: 'replaceMessage',
    row: [404, 403, 403, 403, 403, 403],
    call: ({ messages }, who) => ['PUT', `messages/${messages[another(who)]}`, { content: 'not mine' }],
  },
  { name: 'delete his own', id: 'deleteMessage', row: [404, 403, 204, 204, 204, 204], call: (room, who) => ['DELETE', `messages/${own(room, who)}`] },
  {
    name: 'delete another’s',
    id: 'deleteMessage',
    row: [404, 403, 403, 204, 204, 204],
    call: ({ messages }, who) => ['DELETE', `messages/${messages[another(who)]}`],
  },
  { name: 'change a room', id: 'changeRoom', row: [404, 403, 403, 200, 200, 200], call: ({ id }) => ['PATCH', `rooms/${id}`, { name: 'New' }] },
  {
    name: 'replace a room',
    id: 'replaceRoom',
    row: [404, 403, 403, 200, 200, 200],
    call: ({ id, visibility }) => ['PUT', `rooms/${id}`, { name: 'New', description: 'Newer', visibility }],
  },
  {
    name: 'change a room naming the owner whom it has',
    id: 'changeRoom',
    row: [404, 403, 403, 200, 200, 200],
    call: ({ id }) => ['PATCH', `rooms/${id}`, { name: 'New', ownerId: people.owner.id }],
  },
  {
    name: 'hand a room over',
    id: 'changeRoom',
    row: [404, 403, 403, 403, 200, 200],
    call: ({ id }) => ['PATCH', `rooms/${id}`, { ownerId: people.plain.id }],
  },
  {
    name: 'hand a room over with PUT',
    id: 'replaceRoom',
    row: [404, 403, 403, 403, 200, 200],
    call: ({ id, visibility }) => ['PUT', `rooms/${id}`, { name: 'Hall', description: '', visibility, ownerId: people.plain.id }],
  },
  {
    name: 'make a member a moderator',
    id: 'changeMember',
    row: [404, 403, 403, 403, 200, 200],
    call: ({ id }) => ['PATCH', `rooms/${id}/members/${people.plain.id}`, { role: 'moderator' }],
  },
  {
    name: 'make a moderator a member',
    id: 'changeMember',
    row: [404, 403, 403, 403, 200, 200],
    call: ({ id }) => ['PATCH', `rooms/${id}/members/${people.moderator.id}`, { role: 'member' }],
  },
  {
    name: 'add as moderator',
    id: 'addMember',
    row: [404, 403, 403, 403, 201, 201],
    call: ({ id }) => ['POST', `rooms/${id}/members`, { userId: people.outsider.id, role: 'moderator' }],
  },
  {
    name: 'remove a moderator',
    id: 'removeMember',
    row: [404, 403, 403, 403, 204, 204],
    call: ({ id }) => ['DELETE', `rooms/${id}/members/${people.deputy.id}`],
  },
  {
    name: 'add a member by id',
    id: 'addMember',
    row: [404, 403, 403, 201, 201, 201],
    call: ({ id }) => ['POST', `rooms/${id}/members`, { userId: people.outsider.id }],
  },
  {
    name: 'add a member by name',
    id: 'addMember',
    row: [404, 403, 403, 201, 201, 201],
    call: ({ id }) => ['POST', `rooms/${id}/members`, { username: people.outsider.username.toUpperCase(), role: 'member' }],
  },
  {
    name: 'remove a plain member',
    id: 'removeMember',
    row: [404, 403, 403, 204, 204, 204],
    call: ({ id }) => ['DELETE', `rooms/${id}/members/${people.plain.id}`],
  },
  { name: 'make an invite', id: 'createInvite', row: [404, 403, 403, 201, 201, 201], call: ({ id }) => ['POST', `rooms/${id}/invites`, {}] },
  { name: 'list invites', id: 'listInvites', row: [404, 403, 403, 200, 200, 200], call: ({ id }) => ['GET', `rooms/${id}/invites`] },
  { name: 'revoke an invite', id: 'revokeInvite', row: [404, 403, 403, 204, 204, 204], call: ({ id, code }) => ['DELETE', `rooms/${id}/invites/${code}`] },
  { name: 'remove the owner', id: 'removeMember', row: [404, 403, 403, 403, 409, 409], call: ({ id }) => ['DELETE', `rooms/${id}/members/${people.owner.id}`] },
  {
    name: 'change the owner’s role',
    id: 'changeMember',
    row: [404, 403, 403, 403, 409, 409],
    call: ({ id }) => ['PATCH', `rooms/${id}/members/${people.owner.id}`, { role: 'member' }],
  },
  { name: 'leave', id: 'leaveRoom', row: [404, 404, 204, 204, 409, 404], call: ({ id }) => ['POST', `rooms/${id}/leave`] },
  { name: 'remove himself', id: 'removeMember', row: [404, 404, 204, 204, 409, 404], call: ({ id }) => ['DELETE', `rooms/${id}/members/me`] },
  { name: 'join', id: 'joinRoom', row: [404, 200, 200, 200, 200, 403], adminPublic: 200, call: ({ id }) => ['POST', `rooms/${id}/join`] },
  { name: 'delete a room', id: 'deleteRoom', row: [404, 403, 403, 403, 204, 204], call: ({ id }) => ['DELETE', `rooms/${id}`] },
  // An invite opens the door to everybody signed in who knows it.
  { name: 'look at an invite', id: 'readInvite', row: [200, 200, 200, 200, 200, 200], call: ({ code }) => ['GET', `invites/${code}`] },
  { name: 'accept an invite', id: 'acceptInvite', row: [200, 200, 200, 200, 200, 200], call: ({ code }) => ['POST', `invites/${code}/accept`] },
];

/** Operations outside rooms: everybody signed in, unless a case below says more. */
const ELSEWHERE = new Set([
  ...[
    'logout',
    'listSessions',
    'endSession',
    'endOtherSessions',
    'buyTicket',
    'readStats',
    'createRoom',
    'listRooms',
    'listUserRooms',
    'openConversation',
    'findMessages',
  ],
  ...['listUsers', 'readMe', 'changeMe', 'changeMyPassword', 'deleteMe', 'readUser', 'changeUser', 'deleteUser', 'setPassword'],
]);

const expected = ({ row, adminPublic }: Operation, column: Column): number =>
  ({
    'stranger, private': row[0],
    'stranger, public': row[1],
    'removed, private': row[0],
    'removed, public': row[1],
    member: row[2],
    moderator: row[3],
    owner: row[4],
    'admin, private': row[5],
    'admin, public': adminPublic ?? row[5],
  })[column];

/** Where a room stands: its log's head, and what a refusal must not touch. */
async function stateOf({ id }: Hall) {
  const [state] = await server.sql`
    select r.*, (select count(*) from memberships m where m.room_id = r.id) as people, (select sum(read_seq) from memberships m where m.room_id = r.id) as markers,
      (select count(*) from invites i where i.room_id = r.id and i.revoked_at is null) as invites,
      (select string_agg(content, '|' order by seq) from messages m where m.room_id = r.id) as texts
    from rooms r where r.id = ${id}`;
  return state;
}

describe('in a room', () => {
  for (const operation of OPERATIONS) {
    test(`who may ${operation.name}`, async () => {
      const found: Record<string, number> = {};
      const wanted: Record<string, number> = {};
      for (const column of Object.keys(WHO) as Column[]) {
        const [who, visibility] = WHO[column];
        const status = expected(operation, column);
        const [method] = operation.call(shared[visibility], who);
        const harmless = status >= 400 || method === 'GET';
        const room = harmless ? shared[visibility] : await hall(visibility);
        const before = harmless ? await stateOf(room) : undefined;
        const [, path, body] = operation.call(room, who);
        const answer = await people[who].ask(method, path, body);
        wanted[column] = status;
        found[column] = answer.status;
        if (harmless && answer.status === status) expect(await stateOf(room)).toEqual(before);
        if (status === 404) expect(answer.json).toMatchObject({ code: 'not_found' });
        if (status === 403) expect(answer.json).toMatchObject({ code: 'forbidden' });
        if (status === 409) expect(answer.json).toMatchObject({ code: 'conflict' });
      }
      expect(found).toEqual(wanted);
    });
  }
});

describe('without a token, and with one of a disabled account', () => {
  type Documented = { method: string; path: string; id: string; open: boolean; body: boolean };
  let documented: Documented[];

  beforeAll(async () => {
    const { paths } = (await server.ask('GET', '/openapi.json')).json;
    documented = Object.entries(paths as Record<string, Record<string, { operationId: string; security: unknown[]; requestBody?: unknown }>>).flatMap(
      ([path, methods]) =>
        Object.entries(methods).map(([method, { operationId, security, requestBody }]) => ({
          method: method.toUpperCase(),
          path: path
            .replaceAll('{userId}', people.plain.id)
            .replaceAll('{roomId}', shared.public.id)
            .replaceAll('{messageId}', shared.public.messages.owner!)
            .replaceAll(/\{\w+\}/g, 'nothing'),
          id: operationId,
          open: security.length === 0,
          body: requestBody !== undefined,
        })),
    );
  });

  test('every operation that needs a token is in the table of this file', () => {
    const listed = new Set([...OPERATIONS.map(({ id }) => id), ...ELSEWHERE]);
    const closed = documented.filter(({ open }) => !open).map(({ id }) => id);
    expect(closed.filter((id) => !listed.has(id))).toEqual([]);
    expect([...listed].filter((id) => !closed.includes(id))).toEqual([]);
  });

  test('only these operations under /api/v1 are open', () => {
    const open = documented.filter(({ path, open }) => open && path.startsWith('/api/v1')).map(({ method, path }) => `${method} ${path}`);
    expect(open.sort()).toEqual([
      'GET /api/v1',
      'POST /api/v1/auth/login',
      'POST /api/v1/auth/refresh',
      'POST /api/v1/auth/register',
      'POST /api/v1/auth/verify',
    ]);
  });

  test('nobody learns anything: 401, whatever the fields, the thing and the query', async () => {
    let first: unknown;
    for (const { method, path, body, open } of documented) {
      if (open) continue;
      for (const request of body ? [{ body: {} }, { body: { content: 5 } }, {}] : [{}]) {
        const answer = await server.ask(method, `${path}?limit=0&cursor=x`, request);
        expect([method, path, answer.status, answer.headers.get('www-authenticate')]).toEqual([method, path, 401, 'Bearer']);
        const { requestId, ...rest } = answer.json;
        expect(requestId).toBe(answer.headers.get('x-request-id'));
        first ??= rest;
        expect(rest).toEqual(first);
      }
    }
  });

  test('a disabled account gets 403 account_disabled everywhere, before fields and things are looked at', async () => {
    for (const { method, path, body, open } of documented) {
      if (open) continue;
      const answer = await people.disabled.ask(method, `${path}?limit=0`, body ? {} : undefined);
      expect([method, path, answer.status, answer.json?.code]).toEqual([method, path, 403, 'account_disabled']);
    }
  });

  test('on open operations an Authorization header is not looked at', async () => {
    expect((await server.ask('GET', '/api/v1', { token: 'rubbish' })).status).toBe(200);
    expect((await server.ask('POST', 'auth/login', { token: 'rubbish', body: { login: people.plain.username, password: people.plain.password } })).status).toBe(
      200,
    );
    expect((await server.ask('GET', '/livez', { token: people.disabled.token })).status).toBe(200);
  });
});

describe('in a direct conversation', () => {
  let id: string;
  let message: string;

  beforeAll(async () => {
    id = (await people.owner.does(201, 'PUT', `users/${people.member.id}/conversation`)).id;
    message = (await people.owner.does(201, 'POST', `rooms/${id}/messages`, { content: 'between us' })).id;
  });

  const conversation: [name: string, both: number, call: () => [method: string, path: string, body?: unknown]][] = [
    ['read', 200, () => ['GET', `rooms/${id}`]],
    ['list its members', 200, () => ['GET', `rooms/${id}/members`]],
    ['read its messages', 200, () => ['GET', `rooms/${id}/messages`]],
    ['read its events', 200, () => ['GET', `rooms/${id}/events`]],
    ['read a message', 200, () => ['GET', `messages/${message}`]],
    ['list readers', 200, () => ['GET', `messages/${message}/readers`]],
    ['send', 201, () => ['POST', `rooms/${id}/messages`, { content: 'hello' }]],
    ['mark read', 200, () => ['PUT', `rooms/${id}/read`, { seq: 1 }]],
    ['join', 200, () => ['POST', `rooms/${id}/join`]],
    ['leave', 403, () => ['POST', `rooms/${id}/leave`]],
    ['remove himself', 403, () => ['DELETE', `rooms/${id}/members/me`]],
    ['remove a member', 403, () => ['DELETE', `rooms/${id}/members/${people.member.id}`]],
    ['change a role', 403, () => ['PATCH', `rooms/${id}/members/${people.member.id}`, { role: 'moderator' }]],
    ['change it', 403, () => ['PATCH', `rooms/${id}`, { description: 'ours' }]],
    ['replace it', 403, () => ['PUT', `rooms/${id}`, { name: 'Ours', description: '', visibility: 'public' }]],
    ['hand it over', 403, () => ['PATCH', `rooms/${id}`, { ownerId: people.member.id }]],
    ['add a member', 403, () => ['POST', `rooms/${id}/members`, { userId: people.plain.id }]],
    ['make an invite', 403, () => ['POST', `rooms/${id}/invites`, {}]],
    ['list invites', 403, () => ['GET', `rooms/${id}/invites`]],
    ['revoke an invite', 403, () => ['DELETE', `rooms/${id}/invites/AAAAAAAAAAAA`]],
    ['delete it', 403, () => ['DELETE', `rooms/${id}`]],
  ];
  for (const [name, both, call] of conversation) {
    test(`both may ${name}: ${both}; for everybody else, admins included, it does not exist`, async () => {
      for (const who of ['owner', 'member', 'stranger', 'admin'] as const) {
        const answer = await people[who].ask(...call());
        expect([who, answer.status]).toEqual([who, who === 'stranger' || who === 'admin' ? 404 : both]);
      }
    });
  }

  test('neither may edit or delete what the other wrote', async () => {
    expect((await people.member.ask('DELETE', `messages/${message}`)).status).toBe(403);
    expect((await people.member.ask('PATCH', `messages/${message}`, { content: 'mine' })).status).toBe(403);
    expect((await people.admin.ask('DELETE', `messages/${message}`)).status).toBe(404);
  });
});

describe('over accounts', () => {
  const { plain, admin } = new Proxy({} as Record<Who, Person>, {
    get: (_, who: Who) => new Proxy({} as Person, { get: (_, key: keyof Person) => people[who][key] }),
  });

  test('only a person and admins see an address and a role', async () => {
    const shown = async (who: Person) => Object.keys((await who.does(200, 'GET', `users/${plain.id}`)) as object).sort();
    expect(await shown(people.stranger)).toEqual(['deleted', 'firstName', 'id', 'lastName', 'username']);
    const whole = ['createdAt', 'deleted', 'disabledAt', 'email', 'firstName', 'id', 'lastName', 'role', 'updatedAt', 'username'];
    expect(await shown(people.plain)).toEqual(whole);
    expect(await shown(people.admin)).toEqual(whole);
  });

  test('only admins change another’s account', async () => {
    for (const [method, path, body] of [
      ['PATCH', `users/${plain.id}`, { firstName: 'P' }],
      ['PUT', `users/${plain.id}/password`, { newPassword: 'another good one' }],
      ['DELETE', `users/${plain.id}`],
      ['GET', `users/${plain.id}/rooms`],
      ['GET', 'rooms?scope=all'],
      ['GET', 'users?disabled=true'],
    ] as const) {
      expect([method, path, (await people.stranger.ask(method, path, body)).status]).toEqual([method, path, 403]);
    }
    expect((await people.admin.ask('PATCH', `users/${plain.id}`, { firstName: 'P' })).json).toMatchObject({ id: plain.id, firstName: 'P' });
    expect((await people.admin.ask('GET', `users/${plain.id}/rooms`)).status).toBe(200);
    expect((await people.admin.ask('GET', 'rooms?scope=all')).status).toBe(200);
    expect((await people.admin.ask('GET', 'users?disabled=true')).json.items.map(({ id }: { id: string }) => id)).toEqual([people.disabled.id]);
    expect((await people.plain.ask('GET', 'users/me')).json).toMatchObject({ firstName: 'P', role: 'user' });
  });

  test('one’s own account is deleted and its password changed at `me` only, also by admins', async () => {
    expect((await people.plain.ask('DELETE', `users/${plain.id}`)).status).toBe(403);
    expect((await people.plain.ask('DELETE', 'users/me')).status).toBe(403);
    expect((await people.admin.ask('DELETE', `users/${admin.id}`)).status).toBe(403);
    expect((await people.plain.ask('PUT', `users/${plain.id}/password`, { newPassword: 'another good one' })).status).toBe(403);
    expect((await people.admin.ask('PUT', `users/${admin.id}/password`, { newPassword: 'another good one' })).status).toBe(403);
  });

  test('what names nobody is 404, for admins and others', async () => {
    const nobody = Bun.randomUUIDv7();
    for (const who of [people.stranger, people.admin]) {
      for (const [method, path, body] of [
        ['GET', `users/${nobody}`],
        ['PATCH', `users/${nobody}`, { firstName: 'P' }],
        ['DELETE', `users/${nobody}`],
        ['GET', `users/${nobody}/rooms`],
        ['PUT', `users/${nobody}/conversation`],
      ] as const) {
        expect([who.username, method, path, (await who.ask(method, path, body)).status]).toEqual([who.username, method, path, 404]);
      }
    }
  });

  test('fields that a caller may not set are ignored', async () => {
    const before = await people.plain.does(200, 'GET', 'users/me');
    const after = await people.plain.does(200, 'PATCH', 'users/me', {
      role: 'admin',
      disabled: true,
      id: admin.id,
      createdAt: '2020-01-01T00:00:00Z',
      deleted: true,
      disabledAt: '2020-01-01T00:00:00Z',
    });
    expect(after).toEqual(before);
    const made = await server.ask('POST', 'auth/register', {
      body: {
        username: 'mass.assignment',
        password: 'a fine long one',
        role: 'admin',
        id: admin.id,
        disabled: true,
        disabledAt: '2020-01-01T00:00:00Z',
        createdAt: '2020-01-01T00:00:00Z',
      },
    });
    expect(made.json.user).toMatchObject({ role: 'user', disabledAt: null });
    expect(made.json.user.id).not.toBe(admin.id);
    expect(Date.parse(made.json.user.createdAt)).toBeGreaterThan(Date.now() - 60_000);

    const room = await people.plain.does(201, 'POST', 'rooms', {
      name: 'Mine',
      id: shared.private.id,
      kind: 'direct',
      ownerId: admin.id,
      epoch: 'e',
      lastSeq: 9,
      memberCount: 7,
      createdAt: '2020-01-01T00:00:00Z',
    });
    expect(room).toMatchObject({ kind: 'group', ownerId: plain.id, lastSeq: 0, memberCount: 1 });
    expect(room.id).not.toBe(shared.private.id);
    const message = await people.plain.does(201, 'POST', `rooms/${room.id}/messages`, {
      content: 'x',
      id: room.id,
      roomId: shared.private.id,
      seq: 99,
      senderId: admin.id,
      sender: { id: admin.id },
      createdAt: '2020-01-01T00:00:00Z',
      deletedAt: '2020-01-01T00:00:00Z',
    });
    expect(message).toMatchObject({ roomId: room.id, seq: 1, sender: { id: plain.id }, deletedAt: null, editedAt: null });
    expect(message.id).not.toBe(room.id);
  });
});

describe('of lists', () => {
  test('search and GET /messages cover the caller’s own rooms only, also for admins', async () => {
    const admin = await server.admin('nowhere');
    const outsider = await person(server, 'nowhere');
    const found = async (who: Person, query: string) => (await who.does(200, 'GET', `messages?${query}`)).items.length as number;
    for (const query of ['limit=100', 'search=owner', 'contains=owner', `room=${shared.private.id}`, `room=${shared.public.id}`, `user=${people.owner.id}`]) {
      expect([query, await found(admin, query)]).toEqual([query, 0]);
      expect([query, await found(outsider, query)]).toEqual([query, 0]);
      expect(await found(people.plain, query)).toBeGreaterThan(0);
    }
    const room = await hall('public');
    expect(await found(people.removed, `room=${room.id}`)).toBe(0);
    expect(await found(people.removed, `room=${room.id}&user=me`)).toBe(0);
    expect(await found(people.member, `room=${room.id}&user=${people.removed.id}`)).toBe(1);
  });

  test('a public room shows itself to strangers without a membership or messages', async () => {
    const room = await people.stranger.does(200, 'GET', `rooms/${shared.public.id}`);
    expect(room).toMatchObject({ me: null, lastMessage: null, kind: 'group' });
  });

  test('an id in the body that names nothing is 422, after the right was checked', async () => {
    const answer = await people.owner.ask('POST', `rooms/${shared.private.id}/members`, { userId: Bun.randomUUIDv7() });
    expect([answer.status, blamed(answer)]).toEqual([422, ['/userId:unknown']]);
    expect((await people.member.ask('POST', `rooms/${shared.private.id}/members`, { userId: Bun.randomUUIDv7() })).status).toBe(403);
    expect((await people.stranger.ask('POST', `rooms/${shared.private.id}/members`, { userId: Bun.randomUUIDv7() })).status).toBe(404);
  });
});

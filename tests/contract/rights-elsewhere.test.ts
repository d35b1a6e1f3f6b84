/** Rights that the table of rooms does not hold: direct conversations, accounts, fields that nobody may set, lists. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { blamed } from './client.ts';
import { aCast } from './hall.ts';
import { type Person, person } from './people.ts';

const { people, shared, server, open, hall } = aCast();

beforeAll(open);
afterAll(() => server().stop());

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
  test('only a person and admins see an address and a role', async () => {
    const shown = async (who: Person) => Object.keys((await who.does(200, 'GET', `users/${people.plain.id}`)) as object).sort();
    expect(await shown(people.stranger)).toEqual(['deleted', 'firstName', 'id', 'lastName', 'username']);
    const whole = ['createdAt', 'deleted', 'disabledAt', 'email', 'firstName', 'id', 'lastName', 'role', 'updatedAt', 'username'];
    expect(await shown(people.plain)).toEqual(whole);
    expect(await shown(people.admin)).toEqual(whole);
  });

  test('only admins change another’s account', async () => {
    for (const [method, path, body] of [
      ['PATCH', `users/${people.plain.id}`, { firstName: 'P' }],
      ['PUT', `users/${people.plain.id}/password`, { newPassword: 'another good one' }],
      ['DELETE', `users/${people.plain.id}`],
      ['GET', `users/${people.plain.id}/rooms`],
      ['GET', 'rooms?scope=all'],
      ['GET', 'users?disabled=true'],
    ] as const) {
      expect([method, path, (await people.stranger.ask(method, path, body)).status]).toEqual([method, path, 403]);
    }
    expect((await people.admin.ask('PATCH', `users/${people.plain.id}`, { firstName: 'P' })).json).toMatchObject({ id: people.plain.id, firstName: 'P' });
    expect((await people.admin.ask('GET', `users/${people.plain.id}/rooms`)).status).toBe(200);
    expect((await people.admin.ask('GET', 'rooms?scope=all')).status).toBe(200);
    expect((await people.admin.ask('GET', 'users?disabled=true')).json.items.map(({ id }: { id: string }) => id)).toEqual([people.disabled.id]);
    expect((await people.plain.ask('GET', 'users/me')).json).toMatchObject({ firstName: 'P', role: 'user' });
  });

  test('one’s own account is deleted and its password changed at `me` only, also by admins', async () => {
    expect((await people.plain.ask('DELETE', `users/${people.plain.id}`)).status).toBe(403);
    expect((await people.plain.ask('DELETE', 'users/me')).status).toBe(403);
    expect((await people.admin.ask('DELETE', `users/${people.admin.id}`)).status).toBe(403);
    expect((await people.plain.ask('PUT', `users/${people.plain.id}/password`, { newPassword: 'another good one' })).status).toBe(403);
    expect((await people.admin.ask('PUT', `users/${people.admin.id}/password`, { newPassword: 'another good one' })).status).toBe(403);
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
      id: people.admin.id,
      createdAt: '2020-01-01T00:00:00Z',
      deleted: true,
      disabledAt: '2020-01-01T00:00:00Z',
    });
    expect(after).toEqual(before);
    const made = await server().ask('POST', 'auth/register', {
      body: {
        username: 'mass.assignment',
        password: 'a fine long one',
        role: 'admin',
        id: people.admin.id,
        disabled: true,
        disabledAt: '2020-01-01T00:00:00Z',
        createdAt: '2020-01-01T00:00:00Z',
      },
    });
    expect(made.json.user).toMatchObject({ role: 'user', disabledAt: null });
    expect(made.json.user.id).not.toBe(people.admin.id);
    expect(Date.parse(made.json.user.createdAt)).toBeGreaterThan(Date.now() - 60_000);

    const room = await people.plain.does(201, 'POST', 'rooms', {
      name: 'Mine',
      id: shared.private.id,
      kind: 'direct',
      ownerId: people.admin.id,
      epoch: 'e',
      lastSeq: 9,
      memberCount: 7,
      createdAt: '2020-01-01T00:00:00Z',
    });
    expect(room).toMatchObject({ kind: 'group', ownerId: people.plain.id, lastSeq: 0, memberCount: 1 });
    expect(room.id).not.toBe(shared.private.id);
    const message = await people.plain.does(201, 'POST', `rooms/${room.id}/messages`, {
      content: 'x',
      id: room.id,
      roomId: shared.private.id,
      seq: 99,
      senderId: people.admin.id,
      sender: { id: people.admin.id },
      createdAt: '2020-01-01T00:00:00Z',
      deletedAt: '2020-01-01T00:00:00Z',
    });
    expect(message).toMatchObject({ roomId: room.id, seq: 1, sender: { id: people.plain.id }, deletedAt: null, editedAt: null });
    expect(message.id).not.toBe(room.id);
  });
});

describe('of lists', () => {
  test('search and GET /messages cover the caller’s own rooms only, also for admins', async () => {
    const admin = await server().admin('nowhere');
    const outsider = await person(server(), 'nowhere');
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

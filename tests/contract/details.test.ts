/** Sentences of rest.md that no table holds: passwords, what disabled and deleted people leave behind, closed registration, finding. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { type Answer, blamed, type Json } from './client.ts';
import { PASSWORD, type Person, person } from './people.ts';
import { type Server, startServer } from './server.ts';

let server: Server;
let ann: Person;
let bob: Person;
let admin: Person;

beforeAll(async () => {
  server = await startServer();
  [ann, bob] = [await person(server, 'ann', { email: 'Ann@Example.ORG', firstName: 'Ann', lastName: 'Lee' }), await person(server, 'bob')];
  admin = await server.admin();
});
afterAll(() => server.stop());

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

describe('passwords', () => {
  test('are 8 to 128 characters, not common, not digits only, not the name or address', async () => {
    const register = (body: Json) => server.ask('POST', 'auth/register', { body: { username: 'hermione.g', email: 'hgranger@example.org', ...body } });
    for (const [password, code] of [
      ['', 'too_short'],
      ['1234567', 'too_short'],
      ['😀'.repeat(7), 'too_short'],
      ['x'.repeat(129), 'too_long'],
      ['13572468097531', 'weak'],
      ['password1', 'weak'],
      ['qwerty123', 'weak'],
      ['iloveyou1', 'weak'],
      ['hermione.g', 'weak'],
      ['HERMIONE.G', 'weak'],
      ['hermione.g123!', 'weak'],
      ['!!12hermione.g', 'weak'],
      ['hgranger@example.org', 'weak'],
      ['hgranger99', 'weak'],
      ['HGranger', 'weak'],
    ] as const) {
      const answer = await register({ password });
      expect([password, answer.status, blamed(answer)]).toEqual([password, 422, [`/password:${code}`]]);
    }
    const mismatch = await register({ password: PASSWORD, passwordConfirm: `${PASSWORD} ` });
    expect([mismatch.status, blamed(mismatch)]).toEqual([422, ['/passwordConfirm:mismatch']]);
    expect((await register({ password: '😀'.repeat(128), passwordConfirm: '😀'.repeat(128) })).status).toBe(201);
    expect((await server.ask('POST', 'auth/login', { body: { login: 'HGranger@Example.org', password: '😀'.repeat(128) } })).status).toBe(200);
    const weak = await ann.ask('PUT', 'users/me/password', { currentPassword: PASSWORD, newPassword: 'password1' });
    expect([weak.status, blamed(weak)]).toEqual([422, ['/newPassword:weak']]);
    const wrong = await ann.ask('PUT', 'users/me/password', { currentPassword: 'not it', newPassword: 'a fine new one' });
    expect([wrong.status, wrong.json.code, blamed(wrong)]).toEqual([422, 'invalid', ['/currentPassword:incorrect']]);
    expect(blamed(await admin.ask('PUT', `users/${ann.id}/password`, { newPassword: 'ANN@example.org1' }))).toEqual(['/newPassword:weak']);
  });

  test('an unknown name and a wrong password get the same answer', async () => {
    const without = ({ json: { requestId: _, ...rest } }: Answer) => rest;
    const unknown = await server.ask('POST', 'auth/login', { body: { login: 'no.such.person', password: PASSWORD } });
    const wrong = await server.ask('POST', 'auth/login', { body: { login: ann.username, password: 'wrong' } });
    expect([unknown.status, wrong.status, without(unknown)]).toEqual([401, 401, without(wrong)]);
    expect(unknown.json.code).toBe('invalid_credentials');
    // A login with @ is an address, any other a username.
    expect((await server.ask('POST', 'auth/login', { body: { login: 'ann@example.org', password: PASSWORD } })).status).toBe(200);
  });
});

describe('disabled people', () => {
  test('stay members, but can’t sign in, be added, be made owner or be written to anew; enabled again, they sign in', async () => {
    const [owner, gone] = [await person(server, 'owner'), await person(server, 'gone')];
    const room = (await owner.does(201, 'POST', 'rooms', { name: 'Still here', memberIds: [gone.id] })).id;
    const direct = (await owner.does(201, 'PUT', `users/${gone.id}/conversation`)).id;
    expect((await admin.does(200, 'PATCH', `users/${gone.id}`, { disabled: true })).disabledAt).toMatch(TIME);
    expect((await gone.ask('GET', 'users/me')).json).toMatchObject({ status: 403, code: 'account_disabled' });
    for (const [path, body] of [
      ['auth/login', { login: gone.username, password: PASSWORD }],
      ['auth/refresh', { refreshToken: gone.refreshToken }],
      ['auth/verify', { token: gone.token }],
    ] as const)
      expect([path, (await server.ask('POST', path, { body })).json.code]).toEqual([path, 'account_disabled']);
    expect((await server.ask('POST', 'auth/login', { body: { login: gone.username, password: 'wrong' } })).json.code).toBe('invalid_credentials');
    expect((await owner.does(200, 'GET', `rooms/${room}/members/${gone.id}`)).role).toBe('member');
    expect((await owner.does(200, 'GET', `users/${gone.id}`)).deleted).toBe(false);
    const elsewhere = (await owner.does(201, 'POST', 'rooms', { name: 'Elsewhere' })).id;
    expect(blamed(await owner.ask('POST', `rooms/${elsewhere}/members`, { userId: gone.id }))).toEqual(['/userId:unknown']);
    expect(blamed(await owner.ask('POST', `rooms/${elsewhere}/members`, { username: gone.username }))).toEqual(['/username:unknown']);
    expect(blamed(await owner.ask('POST', 'rooms', { name: 'N', memberIds: [bob.id, gone.id], memberUsernames: [gone.username] }))).toEqual([
      '/memberIds/1:unknown',
      '/memberUsernames/0:unknown',
    ]);
    expect(blamed(await owner.ask('PATCH', `rooms/${room}`, { ownerId: gone.id }))).toEqual(['/ownerId:unknown']);
    expect((await owner.ask('PUT', `users/${gone.id}/conversation`)).status).toBe(200);
    expect((await owner.ask('POST', `rooms/${direct}/messages`, { content: 'are you there?' })).status).toBe(201);
    expect((await ann.ask('PUT', `users/${gone.id}/conversation`)).status).toBe(404);
    expect((await owner.does(200, 'GET', `users?username=${gone.username}`)).items).toEqual([]);
    expect((await admin.does(200, 'GET', `users?username=${gone.username}`)).items.length).toBe(1);
    expect((await owner.ask('POST', `rooms/${room}/members`, { userId: gone.id })).status).toBe(422);
    expect((await admin.does(200, 'PATCH', `users/${gone.id}`, { disabled: false })).disabledAt).toBeNull();
    // The sessions that ended stay ended.
    expect((await gone.ask('GET', 'users/me')).json.code).toBe('session_revoked');
    expect((await server.ask('POST', 'auth/login', { body: { login: gone.username, password: PASSWORD } })).status).toBe(200);
  });
});

describe('deleted people', () => {
  test('leave their messages, free their names, and pass their rooms on', async () => {
    const [gone, heir, other] = [await person(server, 'leaver', { email: 'leaver@example.org' }), await person(server, 'heir'), await person(server, 'other')];
    const room = (await gone.does(201, 'POST', 'rooms', { name: 'Legacy', memberIds: [other.id, heir.id] })).id;
    await gone.does(200, 'PATCH', `rooms/${room}/members/${heir.id}`, { role: 'moderator' });
    const { id } = await gone.does(201, 'POST', `rooms/${room}/messages`, { content: 'remember me' });
    const alone = (await gone.does(201, 'POST', 'rooms', { name: 'Alone', visibility: 'public' })).id;
    const direct = (await other.does(201, 'PUT', `users/${gone.id}/conversation`)).id;
    await gone.does(201, 'POST', `rooms/${direct}/messages`, { content: 'farewell' });
    const wrong = await gone.ask('POST', 'users/me/delete', { password: 'wrong' });
    expect([wrong.status, blamed(wrong)]).toEqual([422, ['/password:incorrect']]);
    await gone.does(204, 'POST', 'users/me/delete', { password: PASSWORD });

    const shown = { id: gone.id, username: 'deleted', firstName: '', lastName: '', deleted: true };
    expect((await gone.ask('GET', 'users/me')).json.code).toBe('session_revoked');
    for (const who of [other, admin]) expect((await who.ask('GET', `users/${gone.id}`)).status).toBe(404);
    expect((await other.does(200, 'GET', `messages/${id}`)).sender).toEqual(shown);
    const state = await other.does(200, 'GET', `rooms/${room}`);
    expect([state.ownerId, state.memberCount]).toEqual([heir.id, 2]);
    const events = (await other.does(200, 'GET', `rooms/${room}/events`)).items.slice(-2);
    expect(events.map((event: Json) => [event.type, event.actorId, event.reason ?? event.changes])).toEqual([
      ['member.left', gone.id, 'deleted'],
      ['room.updated', gone.id, { ownerId: heir.id }],
    ]);
    expect(events[0].member.user).toEqual(shown);
    expect((await other.does(200, 'GET', `rooms/${room}/members/${heir.id}`)).role).toBe('owner');
    expect((await other.ask('GET', `rooms/${room}/members/${gone.id}`)).status).toBe(404);
    expect((await other.ask('GET', `rooms/${alone}`)).status).toBe(404);
    // The conversation stays readable, but not writable.
    const conversation = await other.does(200, 'GET', `rooms/${direct}`);
    expect([conversation.peer, conversation.lastMessage?.content]).toEqual([shown, 'farewell']);
    expect((await other.does(200, 'GET', `rooms/${direct}/messages`)).items[0].sender).toEqual(shown);
    expect((await other.ask('POST', `rooms/${direct}/messages`, { content: 'hello?' })).status).toBe(403);
    expect((await other.ask('PUT', `users/${gone.id}/conversation`)).status).toBe(404);
    expect((await other.does(200, 'GET', 'messages?search=farewell')).items[0].sender).toEqual(shown);
    expect((await other.does(200, 'GET', `users?username=${gone.username}`)).items).toEqual([]);
    expect((await other.does(200, 'GET', 'users?username=deleted')).items).toEqual([]);
    expect(blamed(await other.ask('POST', 'rooms', { name: 'N', memberIds: [gone.id] }))).toEqual(['/memberIds/0:unknown']);
    const again = await server.ask('POST', 'auth/register', { body: { username: gone.username, email: 'leaver@example.org', password: PASSWORD } });
    expect([again.status, again.json.user?.id === gone.id]).toEqual([201, false]);
  });
});

describe('registration that is closed', () => {
  test('is 403 for everybody but admins; a bad token is 401 as anywhere', async () => {
    const closed = await startServer({ REGISTRATION: 'closed' });
    const register = (username: string, more = {}) => closed.ask('POST', 'auth/register', { body: { username, password: PASSWORD }, ...more });
    // The first admin is made on the command line; here by the database, with a password that is known.
    const [{ hash }] = (await server.sql`select password_hash as hash from users where id = ${admin.id}`) as unknown as [{ hash: string }];
    for (const [name, role] of [
      ['root', 'admin'],
      ['plain', 'user'],
    ])
      await closed.sql`insert into users (id, username, role, password_hash) values (${Bun.randomUUIDv7()}, ${name!}, ${role!}, ${hash})`;
    const tokenOf = async (login: string) => (await closed.ask('POST', 'auth/login', { body: { login, password: PASSWORD } })).json.accessToken as string;
    expect((await register('nobody')).json).toMatchObject({ status: 403, code: 'forbidden' });
    expect((await register('nobody', { token: await tokenOf('plain') })).status).toBe(403);
    expect((await register('nobody', { token: 'rubbish' })).json).toMatchObject({ status: 401, code: 'unauthenticated' });
    expect((await register('nobody', { headers: { authorization: 'Basic eDp5' } })).status).toBe(401);
    const made = await register('somebody', { token: await tokenOf('root') });
    expect([made.status, made.json.user.username]).toEqual([201, 'somebody']);
    await closed.stop();
  });
});

describe('finding messages', () => {
  test('needs a room that one is in; ids that name nothing, or other people’s rooms, find nothing', async () => {
    const room = (await ann.does(201, 'POST', 'rooms', { name: 'Searched', memberIds: [bob.id] })).id;
    const { id, createdAt } = await ann.does(201, 'POST', `rooms/${room}/messages`, { content: 'A Café at 8.04, foo-bar' });
    const found = async (query: string, who = bob) => (await who.does(200, 'GET', `messages?room=${room}&${query}`)).items as Json[];
    expect((await found('search=cafe'))[0]).toMatchObject({ id, highlights: [[2, 6]] });
    expect((await found(''))[0]).not.toHaveProperty('highlights');
    expect(await found('search=cafe', await person(server, 'nosy'))).toEqual([]);
    expect(await found(`user=${Bun.randomUUIDv7()}`)).toEqual([]);
    expect(await found(`user=${bob.id}`)).toEqual([]);
    expect((await found(`user=${ann.id.toUpperCase()}`)).length).toBe(1);
    // since is inclusive, until exclusive.
    const at = encodeURIComponent(createdAt);
    expect([(await found(`since=${at}`)).length, (await found(`until=${at}`)).length]).toEqual([1, 0]);
    const later = encodeURIComponent(new Date(Date.parse(createdAt) + 1).toISOString());
    expect([(await found(`since=${later}`)).length, (await found(`until=${later}`)).length]).toEqual([0, 1]);
    for (const [query, count] of [
      ['search=foo', 1],
      ['search=foo-bar', 1],
      ['search=bar-foo', 0],
      ['search=%22foo%20bar%22', 1],
      ['search=8.04', 1],
      ['search=ca', 1],
      ['search=ca%20foo', 0],
      ['search=foo%20ca', 1],
      ['search=-cafe', 0],
      ['search=foo%20-cafe', 0],
      ['search=foo%20-tea', 1],
      ['search=tea%20or%20cafe', 1],
      ['search=or', 0],
      ['search=%21%21', 0],
      ['search=%22', 0],
      ['contains=AFE%20AT', 1],
      ['contains=o-b', 1],
      ['contains=8.04,', 1],
      ['contains=f%20b', 0],
      ['search=cafe&contains=o-b', 1],
      ['search=cafe&sort=relevance', 1],
    ] as const)
      expect([query, (await found(query)).length]).toEqual([query, count]);
    await ann.does(200, 'PATCH', `messages/${id}`, { content: 'now tea' });
    expect([(await found('search=cafe')).length, (await found('search=tea')).length]).toEqual([0, 1]);
    await ann.does(204, 'DELETE', `messages/${id}`);
    expect([(await found('search=tea')).length, (await found('')).length, (await found('contains=tea')).length]).toEqual([0, 0, 0]);
  });
});

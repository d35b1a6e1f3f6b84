/** rest.md's "Repeats at a glance": what a client gets that asks again because an answer was lost, and that nothing happens twice. */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { blamed, type Json } from './client.ts';
import { PASSWORD, type Person, person } from './people.ts';
import { type Server, startServer } from './server.ts';

let server: Server;
let ann: Person;
let bob: Person;
let room: string;

beforeAll(async () => {
  server = await startServer();
  [ann, bob] = [await person(server, 'ann', { email: 'ann@example.org' }), await person(server, 'bob')];
  room = (await ann.does(201, 'POST', 'rooms', { name: 'Hall', visibility: 'public' })).id;
});
afterAll(() => server.stop());

const headOf = async (id = room): Promise<number> => (await ann.does(200, 'GET', `rooms/${id}`)).lastSeq;
/** Asks twice; returns both answers and how many events each of them made. */
async function twice(who: Person, method: string, path: string, body?: unknown) {
  const heads = [await headOf()];
  const answers = [];
  for (let n = 0; n < 2; n++) {
    answers.push(await who.ask(method, path, body));
    heads.push(await headOf());
  }
  return {
    statuses: answers.map(({ status }) => status),
    events: [heads[1]! - heads[0]!, heads[2]! - heads[1]!],
    bodies: answers.map(({ json }) => json),
    last: answers[1]!,
  };
}

test('register again is 409 with what is taken', async () => {
  const register = (body: Json) => server.ask('POST', 'auth/register', { body: { password: PASSWORD, ...body } });
  const both = await register({ username: ann.username.toUpperCase(), email: 'ANN@example.org' });
  expect([both.status, both.json.code, blamed(both)]).toEqual([409, 'conflict', ['/email:taken', '/username:taken']]);
  const one = await register({ username: 'somebody.new', email: 'Ann@Example.org' });
  expect([one.status, blamed(one)]).toEqual([409, ['/email:taken']]);
  expect((await register({ username: 'somebody.new' })).status).toBe(201);
});

test('login again is a new session', async () => {
  const login = () => server.ask('POST', 'auth/login', { body: { login: 'ann@example.org', password: PASSWORD } });
  const [first, second] = [await login(), await login()];
  expect([first.status, second.status]).toEqual([200, 200]);
  expect(first.json.refreshToken).not.toBe(second.json.refreshToken);
  expect((await ann.does(200, 'GET', 'auth/sessions')).items.length).toBe(3);
});

test('refresh again gives the same successor', async () => {
  const { json } = await server.ask('POST', 'auth/login', { body: { login: ann.username, password: PASSWORD } });
  const refresh = (refreshToken: string) => server.ask('POST', 'auth/refresh', { body: { refreshToken } });
  const answers = await Promise.all(Array.from({ length: 10 }, () => refresh(json.refreshToken)));
  expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200));
  expect(new Set(answers.map((answer) => answer.json.refreshToken)).size).toBe(1);
  const { refreshToken, accessToken } = answers[0]!.json;
  expect((await refresh(refreshToken)).status).toBe(200);
  const replay = await refresh(json.refreshToken);
  expect([replay.status, replay.json.code]).toEqual([401, 'session_revoked']);
  expect((await refresh(refreshToken)).json.code).toBe('session_revoked');
  expect((await server.ask('GET', 'users/me', { token: accessToken })).json.code).toBe('session_revoked');
});

test('logout again is 401 session_revoked', async () => {
  const { json } = await server.ask('POST', 'auth/login', { body: { login: ann.username, password: PASSWORD } });
  const logout = () => server.ask('POST', 'auth/logout', { token: json.accessToken });
  expect((await logout()).status).toBe(204);
  const again = await logout();
  expect([again.status, again.json.code]).toEqual([401, 'session_revoked']);
  expect((await server.ask('POST', 'auth/refresh', { body: { refreshToken: json.refreshToken } })).json.code).toBe('session_revoked');
});

test('POST /rooms and POST invites again make a second one', async () => {
  const rooms = await twice(ann, 'POST', 'rooms', { name: 'Twin' });
  expect([rooms.statuses, rooms.bodies[0].id === rooms.bodies[1].id]).toEqual([[201, 201], false]);
  const invites = await twice(ann, 'POST', `rooms/${room}/invites`, { maxUses: 3 });
  expect([invites.statuses, invites.bodies[0].code === invites.bodies[1].code, invites.events]).toEqual([[201, 201], false, [0, 0]]);
});

test('PATCH of anything unchanged is 200 without an event', async () => {
  const changed = await twice(ann, 'PATCH', `rooms/${room}`, { name: 'Great hall', description: 'x' });
  expect([changed.statuses, changed.events]).toEqual([
    [200, 200],
    [1, 0],
  ]);
  expect(changed.bodies[1]).toEqual(changed.bodies[0]);
  const same = await twice(ann, 'PUT', `rooms/${room}`, { name: 'Great hall', description: 'x', visibility: 'public', ownerId: ann.id });
  expect([same.statuses, same.events]).toEqual([
    [200, 200],
    [0, 0],
  ]);
  const empty = await twice(ann, 'PATCH', `rooms/${room}`, {});
  expect([empty.statuses, empty.events]).toEqual([
    [200, 200],
    [0, 0],
  ]);
  const { id } = await ann.does(201, 'POST', `rooms/${room}/messages`, { content: 'draft' });
  const edited = await twice(ann, 'PATCH', `messages/${id}`, { content: 'final' });
  expect([edited.statuses, edited.events]).toEqual([
    [200, 200],
    [1, 0],
  ]);
  expect(edited.bodies[1]).toEqual(edited.bodies[0]);
  await ann.does(201, 'POST', `rooms/${room}/members`, { userId: bob.id });
  const role = await twice(ann, 'PATCH', `rooms/${room}/members/${bob.id}`, { role: 'moderator' });
  expect([role.statuses, role.events]).toEqual([
    [200, 200],
    [1, 0],
  ]);
  const me = await twice(ann, 'PATCH', 'users/me', { firstName: 'Ann' });
  expect([me.statuses, me.bodies[1]]).toEqual([[200, 200], me.bodies[0]]);
  await ann.does(204, 'DELETE', `rooms/${room}/members/${bob.id}`);
});

test('mark read again is 200', async () => {
  const head = await headOf();
  for (const [seq, readSeq] of [
    [head - 1, head - 1],
    [head - 1, head - 1],
    [1, head - 1],
    [head + 1_000, head],
    [0, head],
  ]) {
    const answer = await ann.ask('PUT', `rooms/${room}/read`, { seq });
    expect([seq, answer.status, answer.json.readSeq]).toEqual([seq, 200, readSeq]);
    expect(Object.keys(answer.json).sort()).toEqual(['readSeq', 'unread']);
  }
  expect(await headOf()).toBe(head);
});

test('add, join and accept again are 200 without an event, and change nothing', async () => {
  const added = await twice(ann, 'POST', `rooms/${room}/members`, { userId: bob.id, role: 'moderator' });
  expect([added.statuses, added.events]).toEqual([
    [201, 200],
    [1, 0],
  ]);
  expect((await ann.does(200, 'POST', `rooms/${room}/members`, { username: bob.username, role: 'member' })).role).toBe('moderator');
  const cleo = await person(server, 'cleo');
  const joined = await twice(cleo, 'POST', `rooms/${room}/join`);
  expect([joined.statuses, joined.events, joined.bodies[1]]).toEqual([[200, 200], [1, 0], joined.bodies[0]]);
  const dora = await person(server, 'dora');
  const { code } = await ann.does(201, 'POST', `rooms/${room}/invites`, { maxUses: 1 });
  const accepted = await twice(dora, 'POST', `invites/${code}/accept`);
  expect([accepted.statuses, accepted.events]).toEqual([
    [200, 200],
    [1, 0],
  ]);
  expect((await ann.does(200, 'GET', `rooms/${room}/invites`)).items.find((one: Json) => one.code === code).uses).toBe(1);
  expect((await (await person(server, 'late')).ask('POST', `invites/${code}/accept`)).status).toBe(404);
  await ann.does(204, 'DELETE', `rooms/${room}/invites/${code}`);
  expect((await dora.ask('POST', `invites/${code}/accept`)).status).toBe(404);
});

test('remove a member and leave again are 404', async () => {
  const removed = await twice(ann, 'DELETE', `rooms/${room}/members/${bob.id}`);
  expect([removed.statuses, removed.events]).toEqual([
    [204, 404],
    [1, 0],
  ]);
  await bob.does(200, 'POST', `rooms/${room}/join`);
  const left = await twice(bob, 'POST', `rooms/${room}/leave`);
  expect([left.statuses, left.events]).toEqual([
    [204, 404],
    [1, 0],
  ]);
});

test('revoke an invite, delete a room and end a session again are 404', async () => {
  const { code } = await ann.does(201, 'POST', `rooms/${room}/invites`, {});
  expect((await twice(ann, 'DELETE', `rooms/${room}/invites/${code}`)).statuses).toEqual([204, 404]);
  const { id } = await ann.does(201, 'POST', 'rooms', { name: 'Short-lived' });
  expect((await twice(ann, 'DELETE', `rooms/${id}`)).statuses).toEqual([204, 404]);
  expect((await ann.ask('GET', `rooms/${id}/messages`)).status).toBe(404);
  const session = (await ann.does(200, 'GET', 'auth/sessions')).items.find((one: Json) => !one.current);
  expect((await twice(ann, 'DELETE', `auth/sessions/${session.id}`)).statuses).toEqual([204, 404]);
});

test('a conversation again is 200 and the same, from either side, also at once', async () => {
  const first = await ann.ask('PUT', `users/${bob.id}/conversation`);
  expect(first.status).toBe(201);
  for (const [who, other] of [
    [ann, bob],
    [bob, ann],
  ] as const) {
    const again = await who.ask('PUT', `users/${other.id}/conversation`);
    expect([again.status, again.json.id, again.json.peer.id, again.json.kind]).toEqual([200, first.json.id, other.id, 'direct']);
  }
  const [eva, finn] = [await person(server, 'eva'), await person(server, 'finn')];
  const racing = await Promise.all(
    Array.from({ length: 50 }, (_, n) => (n % 2 ? eva.ask('PUT', `users/${finn.id}/conversation`) : finn.ask('PUT', `users/${eva.id}/conversation`))),
  );
  expect(new Set(racing.map(({ json }) => json.id)).size).toBe(1);
  expect(racing.map(({ status }) => status).sort()).toEqual([...Array(49).fill(200), 201]);
});

test('send again with a clientMessageId is 200 and the first, as it is now', async () => {
  const send = (body: Json) => ann.ask('POST', `rooms/${room}/messages`, body);
  const sent = await twice(ann, 'POST', `rooms/${room}/messages`, { content: 'once', clientMessageId: 'c!~1' });
  expect([sent.statuses, sent.events, sent.bodies[1]]).toEqual([[201, 200], [1, 0], sent.bodies[0]]);
  const { id } = sent.bodies[0];
  const other = await send({ content: 'Once', clientMessageId: 'c!~1' });
  expect([other.status, other.json.code]).toEqual([409, 'idempotency_conflict']);
  expect((await send({ content: 'once', clientMessageId: 'c!~1', replyTo: id })).status).toBe(409);
  // Compared with what was first sent, not with what it was edited to.
  await ann.does(200, 'PATCH', `messages/${id}`, { content: 'edited' });
  expect((await send({ content: 'once', clientMessageId: 'c!~1' })).json).toMatchObject({ id, content: 'edited' });
  expect((await send({ content: 'edited', clientMessageId: 'c!~1' })).status).toBe(409);
  await ann.does(204, 'DELETE', `messages/${id}`);
  const tombstone = await send({ content: 'once', clientMessageId: 'c!~1' });
  expect([tombstone.status, tombstone.json.id, tombstone.json.content]).toEqual([200, id, '']);
  // Unique per room and sender only.
  await bob.does(200, 'POST', `rooms/${room}/join`);
  expect((await bob.ask('POST', `rooms/${room}/messages`, { content: 'once', clientMessageId: 'c!~1' })).status).toBe(201);
  const elsewhere = (await ann.does(201, 'POST', 'rooms', { name: 'Elsewhere' })).id;
  expect((await ann.ask('POST', `rooms/${elsewhere}/messages`, { content: 'once', clientMessageId: 'c!~1' })).status).toBe(201);
  const racing = await Promise.all(Array.from({ length: 100 }, () => send({ content: 'race', clientMessageId: 'race' })));
  expect(racing.map(({ status }) => status).sort()).toEqual([...Array(99).fill(200), 201]);
  expect(new Set(racing.map(({ json }) => json.id)).size).toBe(1);
  // Without it, twice is twice.
  expect((await twice(ann, 'POST', `rooms/${room}/messages`, { content: 'once' })).statuses).toEqual([201, 201]);
});

test('delete a message again is 204 without an event; editing it then is 409', async () => {
  const { id } = await ann.does(201, 'POST', `rooms/${room}/messages`, { content: 'gone' });
  const deleted = await twice(ann, 'DELETE', `messages/${id}`);
  expect([deleted.statuses, deleted.events]).toEqual([
    [204, 204],
    [1, 0],
  ]);
  const edited = await twice(ann, 'PATCH', `messages/${id}`, { content: 'back' });
  expect([edited.statuses, edited.bodies[0].code, edited.events]).toEqual([[409, 409], 'conflict', [0, 0]]);
});

test('delete one’s own account again is 401', async () => {
  const gone = await person(server, 'gone');
  expect((await twice(gone, 'POST', 'users/me/delete', { password: PASSWORD })).statuses).toEqual([204, 401]);
  expect((await gone.ask('GET', 'users/me')).json.code).toBe('session_revoked');
  expect((await ann.ask('GET', `users/${gone.id}`)).status).toBe(404);
  expect((await server.ask('POST', 'auth/login', { body: { login: gone.username, password: PASSWORD } })).json.code).toBe('invalid_credentials');
});

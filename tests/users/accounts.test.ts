/** What people change of themselves, what admins change of others, and how an account ends. */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { type Person, type Server, PASSWORD, blamed, done, start } from '../support/people.ts';

let server: Server;
let root: Person;
beforeAll(async () => {
  server = await start();
  root = await server.admin('root');
});
afterAll(() => server[Symbol.asyncDispose]());

const NEW = 'a much better one';
const state = async (person: Person) => {
  const answer = await person.get('/users/me');
  return answer.status === 200 ? 'lives' : answer.body.code;
};
const logsIn = async (login: string, password: string) => (await server.anyone.post('/auth/login', { login, password })).status === 200;

test('people change their names and address, and nothing when nothing differs', async () => {
  const ann = await server.person('ann');
  const before = done(await ann.get('/users/me'), 200);
  const changed = await ann.patch('/users/me', { firstName: ' Ann ', lastName: 'B', email: 'ANN@example.org' });
  expect(changed.status).toBe(200);
  expect(changed.body).toEqual({ ...before, firstName: ' Ann ', lastName: 'B', email: 'ann@example.org', updatedAt: changed.body.updatedAt });
  expect(changed.body.updatedAt > before.updatedAt).toBe(true);
  expect((await ann.patch('/users/me', { firstName: ' Ann ', email: 'ann@example.org', username: 'ann' })).body).toEqual(changed.body);
  expect((await ann.patch('/users/me', {})).body).toEqual(changed.body);
  expect((await ann.patch('/users/me', { firstName: null, lastName: '' })).body).toMatchObject({ firstName: ' Ann ', lastName: '' });
  expect((await ann.patch('/users/me', { email: null })).body.email).toBeNull();
  expect((await ann.patch(`/users/${ann.id}`, { firstName: 'A' })).body.firstName).toBe('A');
  expect(blamed(await ann.patch('/users/me', { email: '', firstName: 5, lastName: 'a\u202eb', username: 'x' }))).toEqual([
    '/email too_short',
    '/firstName type',
    '/lastName format',
    '/username too_short',
  ]);
});

test('another username needs the password, whatever it is asked by', async () => {
  const bea = await server.person('bea', { email: 'bea@example.org' });
  await server.person('taken', { email: 'taken@example.org' });
  for (const path of ['/users/me', `/users/${bea.id}`]) {
    expect(blamed(await bea.patch(path, { username: 'bea2' }))).toEqual(['/password required']);
    expect(blamed(await bea.patch(path, { username: 'bea2', password: null }))).toEqual(['/password required']);
    const wrong = await bea.patch(path, { username: 'bea2', password: 'not this one' });
    expect([wrong.status, blamed(wrong)]).toEqual([422, ['/password incorrect']]);
    expect(blamed(await bea.patch(path, { username: 'TAKEN', email: 'Taken@example.org', password: PASSWORD }))).toEqual(['/email taken', '/username taken']);
  }
  expect((await bea.patch('/users/me', { email: 'taken@EXAMPLE.org' })).status).toBe(409);
  expect((await bea.patch('/users/me', { username: 'BEA', password: PASSWORD })).body.username).toBe('BEA');
  expect((await bea.patch('/users/me', { username: 'bea2', password: PASSWORD })).body.username).toBe('bea2');
  expect([await logsIn('bea', PASSWORD), await logsIn('bea2', PASSWORD)]).toEqual([false, true]);
  // The old name is free at once.
  await server.person('bea');
});

test('role, state and other fields that a person may not set are ignored', async () => {
  const cat = await server.person('cat');
  const before = (await cat.get('/users/me')).body;
  const attempt = { role: 'admin', disabled: true, id: root.id, createdAt: '2020-01-01T00:00:00Z', passwordHash: 'x', deleted: true };
  for (const path of ['/users/me', `/users/${cat.id}`]) expect((await cat.patch(path, attempt)).body).toEqual(before);
  expect((await cat.get('/users?disabled=true')).status).toBe(403);
});

test('changing the password needs the current one and ends all other sessions', async () => {
  const dan = await server.person('dan', { email: 'dan.cooper@example.org' });
  const phone = await dan.again();
  const change = (body: unknown) => dan.put('/users/me/password', body);
  expect(blamed(await change({}))).toEqual(['/currentPassword required', '/newPassword required']);
  const wrong = await change({ currentPassword: 'not this one', newPassword: NEW });
  expect([wrong.status, blamed(wrong)]).toEqual([422, ['/currentPassword incorrect']]);
  for (const newPassword of ['password1', '1234567890', 'Dan.Cooper!', 'dan12345', 'Dan.Cooper@example.org']) {
    expect(blamed(await change({ currentPassword: PASSWORD, newPassword }))).toEqual(['/newPassword weak']);
  }
  expect(blamed(await change({ currentPassword: PASSWORD, newPassword: 'short' }))).toEqual(['/newPassword too_short']);
  expect(await state(phone)).toBe('lives');
  const done204 = await change({ currentPassword: PASSWORD, newPassword: NEW });
  expect([done204.status, done204.body]).toEqual([204, undefined]);
  expect([await state(dan), await state(phone)]).toEqual(['lives', 'session_revoked']);
  expect([await logsIn('dan', PASSWORD), await logsIn('dan', NEW)]).toEqual([false, true]);
});

test('of two changes of one password at once, one wins', async () => {
  const duo = await server.person('duo');
  const answers = await Promise.all(
    ['first choice!!', 'second choice!'].map((newPassword) => duo.put('/users/me/password', { currentPassword: PASSWORD, newPassword })),
  );
  expect(answers.map(({ status }) => status).sort()).toEqual([204, 422]);
});

test('admins change others’ accounts without a password, and demote and disable anyone', async () => {
  const eve = await server.person('eve');
  const changed = await root.patch(`/users/${eve.id}`, { username: 'eva', email: 'Eva@example.org', role: 'admin' });
  expect(changed.body).toMatchObject({ id: eve.id, username: 'eva', email: 'eva@example.org', role: 'admin' });
  // On this node at once: she may already do what admins do.
  expect((await eve.get('/users?disabled=true')).status).toBe(200);
  expect((await root.patch(`/users/${eve.id}`, { role: 'user' })).body.role).toBe('user');
  expect((await eve.get('/users?disabled=true')).status).toBe(403);
  expect(blamed(await root.patch(`/users/${eve.id}`, { role: 'owner', disabled: 'yes' }))).toEqual(['/disabled type', '/role enum']);

  const off = await root.patch(`/users/${eve.id}`, { disabled: true });
  expect(off.body.disabledAt).toMatch(/Z$/);
  expect(await state(eve)).toBe('account_disabled');
  expect((await root.patch(`/users/${eve.id}`, { disabled: true })).body).toEqual(off.body);
  expect((await root.patch(`/users/${eve.id}`, { disabled: false })).body.disabledAt).toBeNull();
  expect(await state(eve)).toBe('session_revoked');
  expect(await logsIn('eva', PASSWORD)).toBe(true);
});

test('an admin may demote and disable himself, but his own name costs him his password', async () => {
  const ada = await server.admin('ada');
  expect(blamed(await ada.patch(`/users/${ada.id}`, { username: 'ada2' }))).toEqual(['/password required']);
  expect((await ada.patch(`/users/${ada.id}`, { username: 'ada2', password: PASSWORD })).status).toBe(200);
  expect((await ada.patch(`/users/${ada.id}`, { role: 'user' })).body.role).toBe('user');
  expect((await ada.patch(`/users/${ada.id}`, { role: 'admin' })).body.role).toBe('user');
  const bea = await server.admin('bea.admin');
  expect((await bea.patch(`/users/${bea.id}`, { disabled: true })).status).toBe(200);
  expect(await state(bea)).toBe('account_disabled');
});

test('another’s account is none of a person’s business: 404 before 403', async () => {
  const fay = await server.person('fay');
  const gus = await server.person('gus');
  for (const who of [fay, root]) {
    for (const id of [Bun.randomUUIDv7(), 'nobody']) {
      expect((await who.patch(`/users/${id}`, { firstName: 'x' })).status).toBe(404);
      expect((await who.delete(`/users/${id}`)).status).toBe(404);
      expect((await who.put(`/users/${id}/password`, { newPassword: NEW })).status).toBe(404);
    }
  }
  expect((await fay.patch(`/users/${gus.id}`, { firstName: 'x' })).status).toBe(403);
  expect((await fay.delete(`/users/${gus.id}`)).status).toBe(403);
  expect((await fay.put(`/users/${gus.id}/password`, { newPassword: NEW })).status).toBe(403);
  expect((await fay.delete(`/users/${fay.id}`)).status).toBe(403);
  expect((await root.delete(`/users/${root.id}`)).status).toBe(403);
  expect((await root.delete('/users/me')).status).toBe(403);
  expect((await root.put(`/users/${root.id}/password`, { newPassword: NEW })).status).toBe(403);
  expect((await fay.put(`/users/${gus.id}/password`, { newPassword: '1234567890' })).status).toBe(422);
  expect((await fay.patch(`/users/${Bun.randomUUIDv7()}`, { firstName: 5 })).status).toBe(422);
  expect((await server.anyone.patch(`/users/${gus.id}`, { firstName: 5 })).status).toBe(401);
});

test('an admin sets a password, and all of that person’s sessions end', async () => {
  const hal = await server.person('hal');
  const phone = await hal.again();
  expect(blamed(await root.put(`/users/${hal.id}/password`, { newPassword: 'hal 99999' }))).toEqual(['/newPassword weak']);
  expect((await root.put(`/users/${hal.id}/password`, { newPassword: NEW })).status).toBe(204);
  expect([await state(hal), await state(phone)]).toEqual(['session_revoked', 'session_revoked']);
  expect([await logsIn('hal', PASSWORD), await logsIn('hal', NEW)]).toEqual([false, true]);
});

test('a deleted account ends with its sessions, frees its names, and is shown to nobody', async () => {
  const ian = await server.person('ian', { email: 'ian@example.org', firstName: 'Ian' });
  const phone = await ian.again();
  const joe = await server.person('joe');
  expect(blamed(await ian.post('/users/me/delete', {}))).toEqual(['/password required']);
  expect(blamed(await ian.post('/users/me/delete', { password: 'not this one' }))).toEqual(['/password incorrect']);
  expect(await state(ian)).toBe('lives');
  expect((await ian.post('/users/me/delete', { password: PASSWORD })).status).toBe(204);
  expect([await state(ian), await state(phone)]).toEqual(['session_revoked', 'session_revoked']);
  expect((await ian.post('/users/me/delete', { password: PASSWORD })).status).toBe(401);
  expect((await server.anyone.post('/auth/refresh', { refreshToken: ian.refreshToken })).body.code).toBe('session_revoked');
  expect(await logsIn('ian', PASSWORD)).toBe(false);
  expect(await logsIn('deleted', PASSWORD)).toBe(false);
  expect((await joe.get(`/users/${ian.id}`)).status).toBe(404);
  expect((await root.get(`/users/${ian.id}`)).status).toBe(404);
  expect((await root.patch(`/users/${ian.id}`, { disabled: true })).status).toBe(404);
  const again = await server.person('IAN', { email: 'ian@example.org' });
  expect(again.id).not.toBe(ian.id);
});

test('a deleted person’s rooms pass to who is longest there, and his messages stay', async () => {
  const [kim, lea, max, solo] = await Promise.all(['kim', 'lea', 'max', 'solo'].map((name) => server.person(name)));
  const hall = done(await kim!.post('/rooms', { name: 'Hall', memberIds: [lea!.id] }), 201);
  done(await kim!.post(`/rooms/${hall.id}/members`, { userId: max!.id, role: 'moderator' }), 201);
  done(await kim!.post(`/rooms/${hall.id}/messages`, { content: 'I was here' }), 201);
  const own = done(await kim!.post('/rooms', { name: 'Alone' }), 201);
  const talk = done(await kim!.put(`/users/${solo!.id}/conversation`), 201);
  expect((await root.delete(`/users/${kim!.id}`)).status).toBe(204);
  expect((await root.delete(`/users/${kim!.id}`)).status).toBe(404);
  expect(await state(kim!)).toBe('session_revoked');

  expect((await lea!.get(`/rooms/${hall.id}`)).body).toMatchObject({ ownerId: max!.id, memberCount: 2 });
  const { items } = done(await lea!.get(`/rooms/${hall.id}/messages`), 200);
  expect(items[0]).toMatchObject({ content: 'I was here', sender: { id: kim!.id, username: 'deleted', firstName: '', lastName: '', deleted: true } });
  const events = done(await lea!.get(`/rooms/${hall.id}/events`), 200).items;
  expect(events.slice(-2).map(({ type, actorId, reason, changes }: Record<string, unknown>) => ({ type, actorId, reason, changes }))).toEqual([
    { type: 'member.left', actorId: root.id, reason: 'deleted', changes: undefined },
    { type: 'room.updated', actorId: root.id, reason: undefined, changes: { ownerId: max!.id } },
  ]);
  expect((await root.get(`/rooms/${own.id}`)).status).toBe(404);
  expect((await solo!.get(`/rooms/${talk.id}`)).body.peer).toMatchObject({ id: kim!.id, username: 'deleted', deleted: true });
  expect((await solo!.post(`/rooms/${talk.id}/messages`, { content: 'still there?' })).status).toBe(403);
});

test('what a crash left of a deletion is finished later', async () => {
  const ned = await server.person('ned');
  const ora = await server.person('ora');
  const hall = done(await ned.post('/rooms', { name: 'Hall', memberIds: [ora.id] }), 201);
  // As if the process had died right after the mark.
  await server.db.sql`select * from delete_account(${ned.id}, null)`;
  expect((await ora.get(`/rooms/${hall.id}`)).body.memberCount).toBe(2);
  await server.rooms.resumeDepartures();
  expect((await ora.get(`/rooms/${hall.id}`)).body).toMatchObject({ memberCount: 1, ownerId: ora.id });
});

test('the command line’s verbs judge what they are given', async () => {
  const made = await server.users.make({ username: 'cli', password: 'parlour-seed', email: 'CLI@example.org', role: 'admin' });
  expect(made).toMatchObject({ username: 'cli', email: 'cli@example.org', role: 'admin' });
  expect(await server.users.named('CLI')).toEqual(made);
  expect(await server.users.named('nobody')).toBeUndefined();
  const code = (work: Promise<unknown>) =>
    work.then(
      () => 'ok',
      (error: { code: string }) => error.code,
    );
  expect(await code(server.users.make({ username: 'CLI' }))).toBe('conflict');
  expect(await code(server.users.make({ username: 'c li' }))).toBe('invalid');
  expect(await code(server.users.make({ username: 'deleted' }))).toBe('invalid');
  expect(await code(server.users.make({ username: 'cli2', password: 'password1' }))).toBe('invalid');
  expect(await code(server.users.resetPassword(made.id, 'short'))).toBe('invalid');
  expect(await code(server.users.resetPassword(made.id, NEW))).toBe('ok');
  expect(await logsIn('cli', NEW)).toBe(true);
  const tokens = await server.sessions.mint(made.id, 120);
  expect(tokens.expiresIn).toBe(120);
  expect((await server.holder(tokens.accessToken).get('/users/me')).body.username).toBe('cli');
  expect((await server.anyone.post('/auth/refresh', { refreshToken: tokens.refreshToken })).status).toBe(200);
  await server.users.setDisabled(made.id, true);
  expect(await code(server.sessions.mint(made.id))).toBe('account_disabled');
});

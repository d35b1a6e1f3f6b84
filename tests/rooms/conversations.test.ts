/** Direct conversations through the doors: one per pair, both plain members, invisible to everybody else, admins included. */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { type Chat, openChat, type Person } from '../support/chat.ts';
import { brokenRooms } from '../support/world.ts';
import { blamed } from './ask.ts';

let chat: Chat;
let ann: Person;
let bob: Person;
let admin: Person;
beforeAll(async () => {
  chat = await openChat();
  [ann, bob, admin] = await Promise.all([chat.person('ann'), chat.person('bob'), chat.person('root', { admin: true })]);
});
afterAll(async () => {
  const broken = await brokenRooms(chat);
  await chat[Symbol.asyncDispose]();
  expect(broken).toEqual([]);
});

test('the first to open it gets 201, both hear of it, and from then on it is the same for both', async () => {
  const sockets = [await ann.connect(), await bob.connect()];
  const { status, body } = await ann.ask('PUT', `/users/${bob.id}/conversation`);
  expect(status).toBe(201);
  expect(body).toMatchObject({ kind: 'direct', name: null, description: '', visibility: 'private', ownerId: null, lastSeq: 0, memberCount: 2 });
  expect(body.me).toEqual({ role: 'member', readSeq: 0, unread: 0 });
  expect(body.peer).toEqual({ id: bob.id, username: bob.username, firstName: '', lastName: '', deleted: false });
  for (const [at, socket] of sockets.entries()) {
    expect((await socket.next('room.added', { roomId: body.id })).room.peer.id).toBe([bob, ann][at]!.id);
    socket.close();
  }
  const his = await bob.ask('PUT', `/users/${ann.id.toUpperCase()}/conversation`);
  expect([his.status, his.body.id, his.body.peer.id]).toEqual([200, body.id, ann.id]);
  expect((await ann.ask('PUT', `/users/${bob.id}/conversation`)).status).toBe(200);
  expect((await bob.done('GET', '/rooms')).items.map(({ id }: { id: string }) => id)).toContain(body.id);
});

test('neither can do in it what takes a moderator or owner, nor leave; joining changes nothing', async () => {
  const { id } = await ann.done('PUT', `/users/${bob.id}/conversation`);
  const calls: [string, string, unknown?][] = [
    ['PATCH', `/rooms/${id}`, { name: 'Ours' }],
    ['PUT', `/rooms/${id}`, { name: 'Ours', description: '', visibility: 'public' }],
    ['DELETE', `/rooms/${id}`],
    ['POST', `/rooms/${id}/leave`],
    ['DELETE', `/rooms/${id}/members/me`],
    ['DELETE', `/rooms/${id}/members/${bob.id}`],
    ['PATCH', `/rooms/${id}/members/${bob.id}`, { role: 'moderator' }],
    ['POST', `/rooms/${id}/members`, { userId: admin.id }],
    ['POST', `/rooms/${id}/invites`],
    ['GET', `/rooms/${id}/invites`],
    ['DELETE', `/rooms/${id}/invites/abcdefghij`],
  ];
  for (const [method, path, body] of calls) {
    expect([method, path, (await ann.ask(method, path, body)).status]).toEqual([method, path, 403]);
    expect([method, path, (await admin.ask(method, path, body)).status]).toEqual([method, path, 404]);
  }
  for (const path of ['', '/members', '/messages', '/events', `/members/${ann.id}`]) {
    expect((await ann.ask('GET', `/rooms/${id}${path}`)).status).toBe(200);
    expect((await admin.ask('GET', `/rooms/${id}${path}`)).status).toBe(404);
  }
  expect((await ann.ask('POST', `/rooms/${id}/join`)).status).toBe(200);
  expect((await admin.ask('POST', `/rooms/${id}/join`)).status).toBe(404);
  expect((await ann.done('GET', `/rooms/${id}`)).lastSeq).toBe(0);
});

test('with oneself it is 422, with nobody, a deleted or, while there is none, a disabled person 404', async () => {
  for (const me of ['me', ann.id]) expect(blamed(await ann.ask('PUT', `/users/${me}/conversation`))).toEqual([' mismatch']);
  for (const nobody of [crypto.randomUUID(), 'bob']) expect((await ann.ask('PUT', `/users/${nobody}/conversation`)).status).toBe(404);
  const [off, gone] = [await chat.person('off'), await chat.person('gone')];
  const { id } = await bob.done('PUT', `/users/${off.id}/conversation`);
  await bob.done('PUT', `/users/${gone.id}/conversation`);
  await chat.sql`update users set disabled_at = now() where id = ${off.id}`;
  await admin.done('DELETE', `/users/${gone.id}`);
  expect((await ann.ask('PUT', `/users/${off.id}/conversation`)).status).toBe(404);
  expect((await bob.ask('PUT', `/users/${off.id}/conversation`)).status).toBe(200);
  expect((await bob.ask('POST', `/rooms/${id}/messages`, { content: 'still open' })).status).toBe(201);
  expect((await bob.ask('PUT', `/users/${gone.id}/conversation`)).status).toBe(404);
});

/** Invites through the doors: what they are, whom they let in, and when they are over. */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { type Any, type Chat, openChat, type Person } from '../support/chat.ts';
import { until } from '../support/wait.ts';
import { brokenRooms } from '../support/world.ts';
import { blamed, walk } from './ask.ts';

let chat: Chat;
let ann: Person;
let bob: Person;
let cid: Person;
beforeAll(async () => {
  chat = await openChat();
  [ann, bob, cid] = await Promise.all([chat.person('ann'), chat.person('bob'), chat.person('cid')]);
});
afterAll(async () => {
  const broken = await brokenRooms(chat);
  await chat[Symbol.asyncDispose]();
  expect(broken).toEqual([]);
});

const invite = (room: Any, body: unknown = {}): Promise<Any> => ann.done('POST', `/rooms/${room.id}/invites`, body);
const uses = async (room: Any, code: string): Promise<number> =>
  (await ann.done('GET', `/rooms/${room.id}/invites`)).items.find((item: Any) => item.code === code).uses;

test('an invite tells where it leads, and lets a stranger of a private room in', async () => {
  const room = await ann.room('Behind a door');
  const made = await invite(room, { maxUses: 2, expiresAt: '2999-01-01T01:00:00+01:00' });
  expect(made).toEqual({
    code: made.code,
    roomId: room.id,
    maxUses: 2,
    uses: 0,
    expiresAt: '2999-01-01T00:00:00.000Z',
    creatorId: ann.id,
    createdAt: made.createdAt,
  });
  expect(made.code).toMatch(/^[A-Za-z0-9_-]{10,}$/);
  expect(await bob.done('GET', `/invites/${made.code}`)).toEqual({ room: { id: room.id, name: 'Behind a door', memberCount: 1 } });
  const socket = await bob.connect();
  const { status, body } = await bob.ask('POST', `/invites/${made.code}/accept`);
  expect([status, body.id, body.me, body.memberCount]).toEqual([200, room.id, { role: 'member', readSeq: 1, unread: 0 }, 2]);
  expect((await socket.next('room.added')).room.id).toBe(room.id);
  expect((await ann.log(room)).map(({ type, actorId }) => [type, actorId])).toEqual([['member.joined', bob.id]]);
  expect(await uses(room, made.code)).toBe(1);
  socket.close();
});

test('who is a member already spends no use, even of a code that is over, unless it was revoked', async () => {
  const room = await ann.room();
  const [one, gone] = [await invite(room, { maxUses: 1 }), await invite(room)];
  await bob.done('POST', `/invites/${one.code}/accept`);
  for (const who of [bob, ann]) expect((await who.ask('POST', `/invites/${one.code}/accept`)).status).toBe(200);
  expect((await cid.ask('POST', `/invites/${one.code}/accept`)).status).toBe(404);
  expect((await bob.ask('GET', `/invites/${one.code}`)).status).toBe(404);
  expect(await uses(room, one.code)).toBe(1);
  expect((await ann.ask('DELETE', `/rooms/${room.id}/invites/${gone.code}`)).status).toBe(204);
  expect((await bob.ask('POST', `/invites/${gone.code}/accept`)).status).toBe(404);
  expect((await ann.done('GET', `/rooms/${room.id}`)).lastSeq).toBe(1);
});

test('an invite is over when its time has come, yet is still listed', async () => {
  const room = await ann.room();
  const { code } = await invite(room, { expiresAt: new Date(Date.now() + 300).toISOString() });
  expect((await bob.ask('GET', `/invites/${code}`)).status).toBe(200);
  await until('it is over', async () => (await bob.ask('GET', `/invites/${code}`)).status === 404);
  expect((await bob.ask('POST', `/invites/${code}/accept`)).status).toBe(404);
  expect((await ann.ask('POST', `/invites/${code}/accept`)).status).toBe(200);
  expect(await uses(room, code)).toBe(0);
});

test('a revoked invite is gone for everybody, once, and only in its own room', async () => {
  const [room, other] = [await ann.room(), await ann.room()];
  const { code } = await invite(room);
  expect((await ann.ask('DELETE', `/rooms/${other.id}/invites/${code}`)).status).toBe(404);
  expect((await bob.ask('GET', `/invites/${code}`)).status).toBe(200);
  expect((await ann.ask('DELETE', `/rooms/${room.id}/invites/${code}`)).status).toBe(204);
  expect((await ann.ask('DELETE', `/rooms/${room.id}/invites/${code}`)).status).toBe(404);
  expect((await bob.ask('GET', `/invites/${code}`)).status).toBe(404);
  expect((await bob.ask('POST', `/invites/${code}/accept`)).status).toBe(404);
  expect((await ann.done('GET', `/rooms/${room.id}/invites`)).items).toEqual([]);
});

test('what is no code is 404, whatever it holds', async () => {
  for (const code of ['abcdefghij', 'x', '%00', "'%20or%201=1", 'a'.repeat(300), '%F0%9F%98%80']) {
    expect((await bob.ask('GET', `/invites/${code}`)).status).toBe(404);
    expect((await bob.ask('POST', `/invites/${code}/accept`)).status).toBe(404);
  }
});

test('uses are 1 to 1000, and the end lies in the future', async () => {
  const room = await ann.room();
  const blames = async (body: unknown) => blamed(await ann.ask('POST', `/rooms/${room.id}/invites`, body));
  expect(await blames({ maxUses: 0 })).toEqual(['/maxUses too_small']);
  expect(await blames({ maxUses: 1_001 })).toEqual(['/maxUses too_large']);
  expect(await blames({ maxUses: 1.5 })).toEqual(['/maxUses type']);
  expect(await blames({ expiresAt: '2020-01-01T00:00:00Z' })).toEqual(['/expiresAt too_small']);
  expect(await blames({ expiresAt: '2999-02-30T00:00:00Z' })).toEqual(['/expiresAt format']);
  expect(await blames({ expiresAt: '9999-12-31T23:59:59-12:00' })).toEqual(['/expiresAt too_large']);
  expect((await ann.ask('POST', `/rooms/${room.id}/invites`, { maxUses: null, expiresAt: null })).status).toBe(201);
  expect((await ann.ask('POST', `/rooms/${room.id}/invites`)).body.maxUses).toBeNull();
});

test('the list walks every invite once, newest first, those of the same moment by code', async () => {
  const room = await ann.room();
  for (let n = 0; n < 9; n++) await invite(room);
  await chat.sql`update invites set created_at = ${'2026-01-01T00:00:00.001Z'} where room_id = ${room.id} and code in (select code from invites where room_id = ${room.id} limit 6)`;
  const all = (await ann.done('GET', `/rooms/${room.id}/invites`)).items;
  const seen = await walk(ann, `/rooms/${room.id}/invites?limit=2`);
  expect(seen).toEqual(all);
  expect(all.length).toBe(9);
  expect([...all].sort((a: Any, b: Any) => (a.createdAt < b.createdAt ? 1 : a.createdAt > b.createdAt ? -1 : 0)).map((item: Any) => item.createdAt)).toEqual(
    all.map((item: Any) => item.createdAt),
  );
  expect((await ann.done('GET', `/rooms/${room.id}/invites?total=true`)).total).toBeNull();
});

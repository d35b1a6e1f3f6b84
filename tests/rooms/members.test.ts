/** Members through the doors: how they come, change and go, what the log says of it, and what sockets hear. The table of rights is in tests/contract. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { type Any, type Chat, openChat, type Person } from '../support/chat.ts';
import { brokenRooms } from '../support/world.ts';
import { blamed, walk } from './ask.ts';

let chat: Chat;
let ann: Person;
let bob: Person;
let cid: Person;
let admin: Person;
beforeAll(async () => {
  chat = await openChat();
  [ann, bob, cid, admin] = await Promise.all([chat.person('ann'), chat.person('bob'), chat.person('cid'), chat.person('root', { admin: true })]);
});
afterAll(async () => {
  const broken = await brokenRooms(chat);
  await chat[Symbol.asyncDispose]();
  expect(broken).toEqual([]);
});

const shape = (person: Person) => ({ id: person.id, username: person.username, firstName: '', lastName: '', deleted: false });

describe('somebody is added', () => {
  test('by id or by name without case, once, and has read everything before', async () => {
    const room = await ann.room();
    await ann.says(room, 'earlier');
    const hers = await ann.listens(room);
    const his = await bob.connect();
    const { status, body } = await ann.ask('POST', `/rooms/${room.id}/members`, { userId: bob.id });
    expect([status, body]).toEqual([201, { user: shape(bob), role: 'member', readSeq: 2, joinedAt: body.joinedAt }]);
    const event = await hers.next('member.joined');
    expect(event).toEqual({ type: 'member.joined', roomId: room.id, seq: 2, at: body.joinedAt, actorId: ann.id, member: body });
    const added = await his.next('room.added');
    expect([added.room.id, added.room.lastSeq, added.room.me]).toEqual([room.id, 2, { role: 'member', readSeq: 2, unread: 0 }]);
    const again = await ann.ask('POST', `/rooms/${room.id}/members`, { username: bob.username.toUpperCase(), role: 'moderator' });
    expect([again.status, again.body]).toEqual([200, body]);
    expect((await ann.done('POST', `/rooms/${room.id}/members`, { username: cid.username, role: 'moderator' })).role).toBe('moderator');
    expect((await ann.log(room)).map(({ seq, type }) => [seq, type])).toEqual([
      [1, 'message.created'],
      [2, 'member.joined'],
      [3, 'member.joined'],
    ]);
    expect((await ann.log(room))[1]).toEqual(event);
    hers.close();
    his.close();
  });

  test('only when there is such an enabled account, and only in one way', async () => {
    const off = await chat.person('off');
    await chat.sql`update users set disabled_at = now() where id = ${off.id}`;
    const room = await ann.room();
    const add = async (body: unknown) => blamed(await ann.ask('POST', `/rooms/${room.id}/members`, body));
    expect(await add({ userId: crypto.randomUUID() })).toEqual(['/userId unknown']);
    expect(await add({ userId: off.id })).toEqual(['/userId unknown']);
    expect(await add({ username: 'no one' })).toEqual(['/username unknown']);
    expect(await add({ username: off.username })).toEqual(['/username unknown']);
    expect(await add({ userId: bob.id, username: bob.username })).toEqual([' mismatch']);
    expect(await add({})).toEqual([' required']);
    expect(await add({ userId: bob.id, role: 'owner' })).toEqual(['/role enum']);
    expect(await add({ userId: 'me' })).toEqual(['/userId format']);
    expect(await ann.log(room)).toEqual([]);
  });

  test('as a moderator by the owner and admins, not by moderators', async () => {
    const room = await ann.room();
    await ann.done('POST', `/rooms/${room.id}/members`, { userId: bob.id, role: 'moderator' });
    expect((await bob.ask('POST', `/rooms/${room.id}/members`, { userId: cid.id, role: 'moderator' })).status).toBe(403);
    expect((await bob.ask('POST', `/rooms/${room.id}/members`, { userId: cid.id })).status).toBe(201);
    expect((await admin.ask('POST', `/rooms/${room.id}/members`, { userId: admin.id, role: 'moderator' })).status).toBe(201);
  });
});

describe('somebody goes', () => {
  test('and the log keeps who he was last, and his sockets hear nothing more', async () => {
    const room = await ann.room('Hall', { memberIds: [bob.id] });
    const role = await ann.done('PATCH', `/rooms/${room.id}/members/${bob.id}`, { role: 'moderator' });
    expect(role.role).toBe('moderator');
    const [hers, his] = [await ann.listens(room), await bob.listens(room)];
    await bob.done('PUT', `/rooms/${room.id}/read`, { seq: 1 });
    await ann.removes(room, bob);
    const left = await hers.next('member.left');
    expect(left).toEqual({
      type: 'member.left',
      roomId: room.id,
      seq: 2,
      at: left.at,
      actorId: ann.id,
      member: { user: shape(bob), role: 'moderator', readSeq: 1, joinedAt: role.joinedAt },
      reason: 'removed',
    });
    expect(await his.next('room.removed')).toEqual({ type: 'room.removed', roomId: room.id, seq: 2, reason: 'removed' });
    const heard = his.frames.length;
    await ann.says(room, 'after');
    await hers.next('message.created', { seq: 3 });
    await his.hearsNothingSince(heard);
    expect((await bob.ask('GET', `/rooms/${room.id}`)).status).toBe(404);
    expect((await ann.ask('DELETE', `/rooms/${room.id}/members/${bob.id}`)).status).toBe(404);
    expect((await ann.ask('GET', `/rooms/${room.id}/members/${bob.id}`)).status).toBe(404);
    hers.close();
    his.close();
  });

  test('by himself in either way, once, but not as the owner', async () => {
    const room = await ann.room('Hall', { memberIds: [bob.id, cid.id] });
    expect((await bob.ask('POST', `/rooms/${room.id}/leave`)).status).toBe(204);
    expect((await bob.ask('POST', `/rooms/${room.id}/leave`)).status).toBe(404);
    expect((await cid.ask('DELETE', `/rooms/${room.id}/members/me`)).status).toBe(204);
    expect((await cid.ask('DELETE', `/rooms/${room.id}/members/${cid.id}`)).status).toBe(404);
    expect((await ann.ask('POST', `/rooms/${room.id}/leave`)).status).toBe(409);
    expect((await ann.ask('DELETE', `/rooms/${room.id}/members/me`)).status).toBe(409);
    expect((await ann.log(room)).map(({ type, reason, actorId }) => [type, reason, actorId])).toEqual([
      ['member.left', 'left', bob.id],
      ['member.left', 'left', cid.id],
    ]);
    expect((await ann.done('GET', `/rooms/${room.id}`)).memberCount).toBe(1);
  });

  test('and may come back, as somebody new', async () => {
    const room = await ann.room('Hall', { visibility: 'public' });
    const first = await bob.done('POST', `/rooms/${room.id}/join`);
    await ann.done('PATCH', `/rooms/${room.id}/members/${bob.id}`, { role: 'moderator' });
    await bob.done('POST', `/rooms/${room.id}/leave`);
    const second = await bob.done('POST', `/rooms/${room.id}/join`);
    expect([first.readSeq, second.readSeq, second.role]).toEqual([1, 4, 'member']);
    expect(await bob.done('POST', `/rooms/${room.id}/join`)).toEqual(second);
    expect((await ann.done('GET', `/rooms/${room.id}`)).lastSeq).toBe(4);
  });
});

describe('a role', () => {
  test('changes once, with one event that shows the member as he is then', async () => {
    const room = await ann.room('Hall', { memberIds: [bob.id] });
    const path = `/rooms/${room.id}/members/${bob.id}`;
    const member = await ann.done('PATCH', path, { role: 'moderator' });
    expect(await ann.done('PATCH', path, { role: 'moderator' })).toEqual(member);
    expect((await ann.log(room)).map(({ type, member, actorId }) => ({ type, member, actorId }))).toEqual([
      { type: 'member.updated', member, actorId: ann.id },
    ]);
    expect((await ann.ask('PATCH', `/rooms/${room.id}/members/${ann.id}`, { role: 'member' })).status).toBe(409);
    expect((await admin.ask('PATCH', `/rooms/${room.id}/members/${ann.id}`, { role: 'member' })).status).toBe(409);
    expect((await ann.ask('PATCH', `/rooms/${room.id}/members/${cid.id}`, { role: 'member' })).status).toBe(404);
    expect(blamed(await ann.ask('PATCH', path, { role: 'owner' }))).toEqual(['/role enum']);
    expect(blamed(await ann.ask('PATCH', path, {}))).toEqual(['/role required']);
  });
});

describe('the list of members', () => {
  test('walks everybody once, oldest first, those of the same moment by id', async () => {
    const people = await Promise.all(Array.from({ length: 11 }, (_, n) => chat.person(`m${n}`)));
    const room = await ann.room('Hall', { memberIds: people.slice(0, 8).map(({ id }) => id) });
    for (const person of people.slice(8)) await ann.adds(room, person);
    const first = [ann, ...people.slice(0, 8)].map(({ id }) => id).sort();
    const ids = (items: Any[]) => items.map(({ user }) => user.id);
    const expected = [...first, ...people.slice(8).map(({ id }) => id)];
    expect(ids(await walk(ann, `/rooms/${room.id}/members?limit=4`))).toEqual(expected);
    const page = await ann.done('GET', `/rooms/${room.id}/members?limit=2&total=true`);
    expect([page.total, page.items.length]).toEqual([12, 2]);
    expect(blamed(await ann.ask('GET', `/rooms/${room.id}/members?query=m&cursor=${page.nextCursor}`))).toEqual(['/cursor format']);
  });

  test('finds those whose username, first or last name begins with a text, without case', async () => {
    const zed = await chat.person('Zed');
    await chat.sql`update users set first_name = 'Ämilie', last_name = 'O_Neil' where id = ${zed.id}`;
    const room = await ann.room('Hall', { memberIds: [zed.id, bob.id] });
    const found = async (query: string) =>
      (await ann.done('GET', `/rooms/${room.id}/members?total=true&query=${encodeURIComponent(query)}`)).items.map(({ user }: Any) => user.id);
    for (const query of ['zed', 'äMI', 'o_n']) expect(await found(query)).toEqual([zed.id]);
    for (const query of ['ed', 'o%', 'oxn']) expect(await found(query)).toEqual([]);
    expect((await ann.done('GET', `/rooms/${room.id}/members?total=true&query=z`)).total).toBeNull();
  });
});

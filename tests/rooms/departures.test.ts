/** Accounts that are deleted: what becomes of their memberships, of the rooms they owned, and of what a killed process left half done. */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { createLog } from '../../src/lib/log.ts';
import { startPurge, step } from '../../src/rooms/purge.ts';
import { type Chat, openChat, type Person } from '../support/chat.ts';
import { freshOpenDatabase } from '../support/postgres.ts';
import { until } from '../support/wait.ts';
import { brokenRooms } from '../support/world.ts';

let chat: Chat;
let admin: Person;
let bob: Person;
let cid: Person;
let dan: Person;
beforeAll(async () => {
  chat = await openChat();
  [admin, bob, cid, dan] = await Promise.all([chat.person('root', { admin: true }), chat.person('bob'), chat.person('cid'), chat.person('dan')]);
});
afterAll(async () => {
  const broken = await brokenRooms(chat);
  await chat[Symbol.asyncDispose]();
  expect(broken).toEqual([]);
});

const erase = (person: Person) => admin.done('DELETE', `/users/${person.id}`);
const nobody = (person: Person) => ({ id: person.id, username: 'deleted', firstName: '', lastName: '', deleted: true });

test('a room passes to the longest-standing moderator, in two events', async () => {
  const ann = await chat.person('ann');
  const room = await ann.room('Hall', { memberIds: [bob.id] });
  for (const person of [cid, dan]) await ann.adds(room, person);
  for (const person of [dan, cid]) await ann.done('PATCH', `/rooms/${room.id}/members/${person.id}`, { role: 'moderator' });
  const message = await ann.says(room, 'stays');
  const socket = await bob.listens(room);
  await erase(ann);
  const left = await socket.next('member.left');
  expect(left).toMatchObject({ seq: 6, reason: 'deleted', member: { user: nobody(ann), role: 'owner', readSeq: 0 } });
  const updated = await socket.next('room.updated');
  expect(updated).toMatchObject({ seq: 7, changes: { ownerId: cid.id } });
  expect((await bob.log(room)).slice(5)).toEqual([left, updated]);
  const shown = await bob.done('GET', `/rooms/${room.id}`);
  expect([shown.ownerId, shown.memberCount, shown.lastSeq, shown.lastMessage.sender]).toEqual([cid.id, 3, 7, nobody(ann)]);
  expect((await cid.done('GET', `/rooms/${room.id}/members/me`)).role).toBe('owner');
  expect((await bob.done('GET', `/messages/${message.id}`)).content).toBe('stays');
  expect((await admin.ask('GET', `/users/${ann.id}/rooms`)).status).toBe(404);
  socket.close();
});

test('without a moderator it passes to the longest-standing member, one who can act before one who is disabled', async () => {
  const ann = await chat.person('ann');
  const off = await chat.person('off');
  const room = await ann.room('Hall', { memberIds: [off.id] });
  await ann.adds(room, dan);
  await ann.adds(room, bob);
  await chat.sql`update users set disabled_at = now() where id = ${off.id}`;
  await erase(ann);
  expect((await bob.done('GET', `/rooms/${room.id}`)).ownerId).toBe(dan.id);
});

test('a room without anybody else is deleted', async () => {
  const ann = await chat.person('ann');
  const room = await ann.room('Alone', { visibility: 'public' });
  await ann.says(room, 'to myself');
  await erase(ann);
  expect((await bob.ask('GET', `/rooms/${room.id}`)).status).toBe(404);
  await until('its messages are removed', async () => (await chat.sql`select from messages where room_id = ${room.id}`).length === 0);
});

test('a conversation stays readable for the other, who can not write in it, and goes with him', async () => {
  const [ann, eve] = [await chat.person('ann'), await chat.person('eve')];
  const { id } = await ann.done('PUT', `/users/${eve.id}/conversation`);
  await ann.says({ id }, 'bye');
  await erase(ann);
  const shown = await eve.done('GET', `/rooms/${id}`);
  expect([shown.peer, shown.memberCount, shown.lastSeq, shown.lastMessage.content]).toEqual([nobody(ann), 1, 2, 'bye']);
  expect((await eve.ask('POST', `/rooms/${id}/messages`, { content: 'are you there' })).status).toBe(403);
  expect((await eve.ask('PUT', `/users/${ann.id}/conversation`)).status).toBe(404);
  expect((await eve.log({ id })).map(({ type, reason }) => [type, reason])).toEqual([
    ['message.created', undefined],
    ['member.left', 'deleted'],
  ]);
  await erase(eve);
  expect([...(await chat.sql`select from rooms where id = ${id}`)]).toEqual([]);
});

test('what a killed process left is finished by the next: departures and removals', async () => {
  const ann = await chat.person('ann');
  const { db, rooms } = chat.node.services;
  const kept = await ann.room('Kept', { memberIds: [bob.id] });
  const lost = await bob.room('Lost', { memberIds: [cid.id] });
  await bob.says(lost, 'one');
  // As it is after a kill: the account is marked, the room is gone, and nothing else has happened.
  await chat.sql`update users set deleted_at = now(), username = 'deleted' where id = ${ann.id}`;
  await chat.sql`select erase_room(${lost.id})`;
  expect((await chat.sql`select from messages where room_id = ${lost.id}`).length).toBe(1);
  await using _ = startPurge({ db, log: createLog({ level: 'silent' }), resumeDepartures: rooms.resumeDepartures });
  await until('the account has left', async () => (await bob.done('GET', `/rooms/${kept.id}`)).ownerId === bob.id);
  await until('the messages are removed', async () => (await chat.sql`select from messages where room_id = ${lost.id}`).length === 0);
  await until('nothing waits', async () => (await chat.sql`select from purges`).length === 0);
});

test('a removal takes many small steps, one node at a time, and can stop after each', async () => {
  // A database without a node: nobody else takes a step.
  await using db = await freshOpenDatabase();
  const { sql } = db;
  const roomId = Bun.randomUUIDv7();
  await sql`insert into messages (id, room_id, seq, sender_id, content) select gen_random_uuid(), ${roomId}, n, ${roomId}, 'x' from generate_series(1, 25) n`;
  await sql`insert into room_events (room_id, seq, type) select ${roomId}, n, 'room.updated' from generate_series(26, 40) n`;
  await sql`insert into purges (room_id, created_at) values (${roomId}, '2020-01-01')`;
  const left = async () =>
    (
      await sql<{
        n: number;
      }>`select (select count(*) from messages where room_id = ${roomId}) + (select count(*) from room_events where room_id = ${roomId}) as n`
    )[0]!.n;
  expect([await step(db, 10), await left()]).toEqual(['removed', 30]);
  const alone = db.alone();
  const release = Promise.withResolvers<void>();
  const holding = Promise.withResolvers<void>();
  const held = alone.begin(async (held) => {
    await held`select pg_advisory_xact_lock(7275690)`;
    holding.resolve();
    await release.promise;
  });
  await holding.promise;
  expect([await step(db, 10), await left()]).toEqual(['busy', 30]);
  release.resolve();
  await held;
  await alone.end();
  const steps: string[] = [];
  while (steps.at(-1) !== 'idle' && steps.length < 10) steps.push(await step(db, 10));
  expect(steps).toEqual(['removed', 'removed', 'removed', 'idle']);
  expect(await left()).toBe(0);
});

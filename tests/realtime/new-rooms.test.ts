/**
 * Many new members at once: each of them hears `room.added` once, and finding out what they shall hear costs a question for
 * each, a few at a time, so that everybody else's requests still get a connection.
 */
import { expect, test } from 'bun:test';
import type { Database } from '../../src/db/client.ts';
import { openChat } from '../support/chat.ts';
import { until } from '../support/wait.ts';
import { brokenRooms } from '../support/world.ts';

const PEOPLE = 150;
/** src/realtime/new-rooms.ts asks about 16 at a time; the rest are the poll, presence and who asks just now. */
const AT_ONCE = 16 + 8;

/** Looks in each turn of the loop how many queries are on their way; `end` says how many at most. */
function watchQueries(db: Pick<Database, 'stats'>): { end: () => Promise<number> } {
  let most = 0;
  let watching = true;
  const watched = (async () => {
    while (watching) {
      most = Math.max(most, db.stats().inFlight);
      await new Promise(setImmediate);
    }
  })();
  return {
    async end() {
      watching = false;
      await watched;
      return most;
    },
  };
}

test('an import that makes a hundred and fifty memberships at once costs one question each, a few at a time', async () => {
  await using chat = await openChat();
  const { db } = chat.node.services;
  const ann = await chat.person('ann');
  const hall = await ann.room('Hall');
  const people = await Promise.all(Array.from({ length: PEOPLE }, () => chat.person('member')));
  const clients = await Promise.all(people.map((person) => person.connect()));
  const late = people[0]!;

  const watch = watchQueries(db);
  const before = db.stats().answered;
  // Behind the verbs' back, as an import on another node does it: the poll finds all of them in one answer.
  await chat.sql<object>`
    with counted as (update rooms set member_count = member_count + ${PEOPLE}::int where id = ${hall.id})
    insert into memberships (room_id, user_id) select ${hall.id}, u from unnest(${people.map(({ id }) => id)}::uuid[]) u`;
  await Promise.all(clients.map((client) => client.next('room.added', { roomId: hall.id }, 5_000)));
  const asked = db.stats().answered - before;
  // The poll finds them again each second, and a socket that is opened now knows the room from its `ready`.
  const socket = await late.connect();
  const polls = db.stats().answered;
  await until('three more polls', () => db.stats().answered >= polls + 3, 6_000);
  const most = await watch.end();

  for (const client of clients) {
    await client.settled();
    expect(client.all('room.added').length).toBe(1);
  }
  await socket.settled();
  expect(socket.all('room.added')).toEqual([]);
  expect(asked).toBeGreaterThanOrEqual(PEOPLE);
  expect(asked).toBeLessThan(PEOPLE + 20);
  expect(db.stats().answered - polls).toBeLessThan(20);
  expect(most).toBeLessThanOrEqual(AT_ONCE);
  expect(await brokenRooms(chat)).toEqual([]);
}, 25_000);

test('a room that is opened with a hundred people in it asks likewise', async () => {
  await using chat = await openChat();
  const { db } = chat.node.services;
  const ann = await chat.person('ann');
  const people = await Promise.all(Array.from({ length: 99 }, () => chat.person('member')));
  const clients = await Promise.all(people.map((person) => person.connect()));
  const watch = watchQueries(db);
  const before = db.stats().answered;
  const hall = await ann.room('Hall', { memberIds: people.map(({ id }) => id) });
  await Promise.all(clients.map((client) => client.next('room.added', { roomId: hall.id })));
  const asked = db.stats().answered - before;
  const most = await watch.end();
  expect(asked).toBeLessThan(people.length + 20);
  expect(most).toBeLessThanOrEqual(AT_ONCE);
}, 25_000);

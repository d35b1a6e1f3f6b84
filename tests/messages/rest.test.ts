/** Messages through the REST door: repeats, history around every edge, events, markers, readers, counts. */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { until } from '../support/wait.ts';
import { blamed, done, type Person, type Server, start } from '../support/people.ts';

let server: Server;
let ann: Person;
let bob: Person;
let eve: Person;

beforeAll(async () => {
  server = await start();
  [ann, bob, eve] = [await server.person('ann'), await server.person('bob'), await server.person('eve')];
});
afterAll(() => server[Symbol.asyncDispose]());

async function hall(...guests: Person[]): Promise<string> {
  return done(await ann.post('/rooms', { name: 'Hall', memberIds: guests.map((guest) => guest.id) }), 201).id;
}

const says = async (person: Person, room: string, content: string, more: object = {}) =>
  done(await person.post(`/rooms/${room}/messages`, { content, ...more }), 201, 200);

test('a hundred repeats at once store one message and answer all the same', async () => {
  const room = await hall();
  const answers = await Promise.all(Array.from({ length: 100 }, () => ann.post(`/rooms/${room}/messages`, { content: 'once', clientMessageId: 'x' })));
  expect(answers.map(({ status }) => status).sort()).toEqual([...Array(99).fill(200), 201]);
  expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1);
  expect((await ann.get(`/rooms/${room}`)).body).toMatchObject({ lastSeq: 1, messageCount: 1 });
});

test('a repeat with another content or reply is a conflict; after an edit the repeat answers the edited message', async () => {
  const room = await hall();
  const first = await says(ann, room, 'a', { clientMessageId: 'x' });
  expect((await ann.post(`/rooms/${room}/messages`, { content: 'b', clientMessageId: 'x' })).body.code).toBe('idempotency_conflict');
  expect((await ann.post(`/rooms/${room}/messages`, { content: 'a', replyTo: first.id, clientMessageId: 'x' })).status).toBe(409);
  done(await ann.patch(`/messages/${first.id}`, { content: 'new' }), 200);
  expect((await ann.post(`/rooms/${room}/messages`, { content: 'a', clientMessageId: 'x' })).body).toMatchObject({ id: first.id, content: 'new' });
  done(await ann.delete(`/messages/${first.id}`), 204);
  expect((await ann.post(`/rooms/${room}/messages`, { content: 'a', clientMessageId: 'x' })).body).toMatchObject({ id: first.id, content: '' });
});

test('sends have a connection of their own: readers who all wait for Postgres keep no send waiting', async () => {
  const room = await hall();
  const holder = server.db.alone();
  await holder.unsafe('begin; lock table room_events in access exclusive mode');
  const readers = Array.from({ length: 2 * server.config.databasePool }, () => ann.get(`/rooms/${room}/events?after=0`));
  const first = Promise.race(readers);
  try {
    // Her session was asked about a moment ago, so that alone needs nobody.
    await until('they all wait', () => server.db.stats().inFlight >= readers.length);
    expect(await Promise.race([first.then(() => 'a reader'), says(ann, room, 'now')])).toMatchObject({ content: 'now' });
  } finally {
    await holder.unsafe('commit');
    await holder.end({ timeout: 1 });
  }
  for (const { status } of await Promise.all(readers)) expect(status).toBe(200);
});

test('history is cut by before, after and around, with honest edges', async () => {
  const room = await hall();
  const messages = [];
  for (let n = 1; n <= 5; n++) messages.push(await says(ann, room, `m${n}`));
  done(await ann.post(`/rooms/${room}/members`, { userId: bob.id }), 201); // seq 6
  messages.push(await says(bob, room, 'm7'));
  const page = async (query: string) => {
    const { items, hasBefore, hasAfter, lastSeq } = done(await ann.get(`/rooms/${room}/messages${query}`), 200);
    expect(lastSeq).toBe(7);
    return [items.map((item: { seq: number }) => item.seq), hasBefore, hasAfter];
  };
  expect(await page('')).toEqual([[1, 2, 3, 4, 5, 7], false, false]);
  expect(await page('?limit=2')).toEqual([[5, 7], true, false]);
  expect(await page('?before=5&limit=2')).toEqual([[3, 4], true, true]);
  expect(await page('?before=1')).toEqual([[], false, true]);
  expect(await page('?before=0')).toEqual([[], false, true]);
  expect(await page('?before=100&limit=1')).toEqual([[7], true, false]);
  expect(await page('?after=0&limit=2')).toEqual([[1, 2], false, true]);
  expect(await page('?after=5')).toEqual([[7], true, false]);
  expect(await page('?after=7')).toEqual([[], true, false]);
  expect(await page('?after=100')).toEqual([[], true, false]);
  expect(await page('?around=4&limit=4')).toEqual([[2, 3, 4, 5], true, true]);
  expect(await page('?around=6&limit=3')).toEqual([[5, 7], true, false]);
  expect(await page('?around=1&limit=4')).toEqual([[1, 2], false, true]);
  expect(await page('?around=3&limit=1')).toEqual([[3], true, true]);
  for (const bad of ['?before=1&after=2', '?around=0&after=2']) expect(blamed(await ann.get(`/rooms/${room}/messages${bad}`))).toEqual([' mismatch']);
  for (const [bad, blame] of [
    ['?limit=0', '/limit too_small'],
    ['?limit=101', '/limit too_large'],
    ['?limit=1e1', '/limit type'],
    ['?before=-1', '/before type'],
  ])
    expect(blamed(await ann.get(`/rooms/${room}/messages${bad}`))).toEqual([blame!]);
});

test('an empty room has an empty history on every side', async () => {
  const room = await hall();
  for (const query of ['', '?before=5', '?after=0', '?around=3'])
    expect(done(await ann.get(`/rooms/${room}/messages${query}`), 200)).toMatchObject({ items: [], hasBefore: false, hasAfter: false, lastSeq: 0 });
});

test('events are the whole log, and show messages as they are now', async () => {
  const room = await hall();
  const one = await says(ann, room, 'one');
  done(await ann.post(`/rooms/${room}/members`, { userId: bob.id }), 201);
  const two = await says(bob, room, 'two');
  done(await ann.patch(`/messages/${one.id}`, { content: 'one!' }), 200);
  done(await ann.patch(`/messages/${one.id}`, { content: 'one!' }), 200);
  done(await ann.delete(`/messages/${two.id}`), 204);
  done(await ann.delete(`/messages/${two.id}`), 204);
  done(await ann.patch(`/rooms/${room}`, { name: 'Parlour' }), 200);
  done(await bob.post(`/rooms/${room}/leave`), 204);
  const { items, lastSeq } = done(await ann.get(`/rooms/${room}/events`), 200);
  expect(items.map((event: { seq: number; type: string }) => [event.seq, event.type])).toEqual([
    [1, 'message.created'],
    [2, 'member.joined'],
    [3, 'message.created'],
    [4, 'message.edited'],
    [5, 'message.deleted'],
    [6, 'room.updated'],
    [7, 'member.left'],
  ]);
  expect(lastSeq).toBe(7);
  expect(items[0].message.content).toBe('one!');
  expect(items[2].message).toMatchObject({ content: '', seq: 3 });
  expect(JSON.stringify(items)).not.toContain('two');
  expect(items[5].changes).toEqual({ name: 'Parlour' });
  expect(items[6]).toMatchObject({ actorId: bob.id, reason: 'left', member: { user: { username: 'bob' }, role: 'member' } });
  const rest = done(await ann.get(`/rooms/${room}/events?after=2&limit=3`), 200);
  expect(rest.items.map((event: { seq: number }) => event.seq)).toEqual([3, 4, 5]);
});

test('markers move forward only, and unread counts the others’ messages exactly up to 99', async () => {
  const room = await hall(bob);
  await Promise.all(Array.from({ length: 99 }, (_, n) => says(ann, room, `m${n}`)));
  await says(bob, room, 'mine');
  const unread = async (person: Person) => done(await person.get(`/rooms/${room}`), 200).me.unread;
  expect(await unread(bob)).toBe(99);
  expect(await unread(ann)).toBe(1);
  await says(ann, room, 'one more');
  expect(await unread(bob)).toBe(100);
  await says(ann, room, 'and more');
  expect(await unread(bob)).toBe(100);
  expect((await bob.put(`/rooms/${room}/read`, { seq: 50 })).body.readSeq).toBe(50);
  expect((await bob.put(`/rooms/${room}/read`, { seq: 10 })).body.readSeq).toBe(50);
  expect((await bob.put(`/rooms/${room}/read`, { seq: 9_999_999 })).body).toEqual({ readSeq: 102, unread: 0 });
  expect(blamed(await bob.put(`/rooms/${room}/read`, { seq: -1 }))).toEqual(['/seq too_small']);
  expect((await eve.put(`/rooms/${room}/read`, { seq: 1 })).status).toBe(404);
});

test('readers are the present members but the author whose marker has reached it', async () => {
  const room = await hall(bob, eve);
  const message = await says(ann, room, 'read me');
  const readers = async () => done(await ann.get(`/messages/${message.id}/readers`), 200).items.map((user: { username: string }) => user.username);
  expect(await readers()).toEqual([]);
  done(await bob.post(`/messages/${message.id}/read`), 200);
  done(await eve.put(`/rooms/${room}/read`, { seq: 1 }), 200);
  expect((await readers()).sort()).toEqual(['bob', 'eve']);
  done(await eve.post(`/rooms/${room}/leave`), 204);
  expect(await readers()).toEqual(['bob']);
});

test('edits and deletions keep their rules', async () => {
  const room = await hall(bob);
  const message = await says(bob, room, 'mine');
  expect((await ann.patch(`/messages/${message.id}`, { content: 'yours' })).status).toBe(403);
  expect((await eve.get(`/messages/${message.id}`)).status).toBe(404);
  expect((await bob.put(`/messages/${message.id}`, { content: 'better' })).body).toMatchObject({ content: 'better', seq: 1 });
  done(await ann.delete(`/messages/${message.id}`), 204);
  expect((await bob.get(`/messages/${message.id}`)).body).toMatchObject({ content: '', seq: 1 });
  expect((await bob.patch(`/messages/${message.id}`, { content: 'again' })).status).toBe(409);
  const reply = await says(ann, room, 'to a tombstone', { replyTo: message.id });
  expect(reply.replyTo).toBe(message.id);
  expect(blamed(await ann.post(`/rooms/${room}/messages`, { content: 'x', replyTo: Bun.randomUUIDv7() }))).toEqual(['/replyTo unknown']);
  done(await ann.delete(`/rooms/${room}/members/${bob.id}`), 204);
  expect((await bob.get(`/messages/${message.id}`)).status).toBe(404);
  expect((await bob.delete(`/messages/${message.id}`)).status).toBe(404);
});

test('content comes back as it was sent, and what may not be stored is refused at its pointer', async () => {
  const room = await hall();
  for (const content of [' leading and trailing ', '\u202eabc', 'a\u200bb', 'e\u0301'.repeat(500), '😀'.repeat(4000), '%_\\ \' " ; -- <script>', '\u0001'])
    expect((await says(ann, room, content)).content).toBe(content);
  for (const [content, code] of [
    ['', 'too_short'],
    [' \n\t\u3000', 'blank'],
    ['x'.repeat(4001), 'too_long'],
    ['a\0b', 'format'],
  ])
    expect(blamed(await ann.post(`/rooms/${room}/messages`, { content }))).toEqual([`/content ${code}`]);
  for (const clientMessageId of ['', 'a b', 'é', 'x'.repeat(65)])
    expect((await ann.post(`/rooms/${room}/messages`, { content: 'x', clientMessageId })).status).toBe(422);
});

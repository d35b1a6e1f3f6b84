/** What happens at once, on two nodes: one order comes out of it, nothing is counted twice, and no seq is taken for nothing. */
import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test';
import { type Answer, type Any, type Chat, openChat, type Person } from '../support/chat.ts';
import { brokenRooms } from '../support/world.ts';
import { statuses } from './ask.ts';

let chat: Chat;
let ann: Person;
let bob: Person;
let cid: Person;
beforeAll(async () => {
  chat = await openChat({ nodes: 2 });
  [ann, bob, cid] = await Promise.all([chat.person('ann'), chat.person('bob'), chat.person('cid')]);
});
afterAll(() => chat[Symbol.asyncDispose]());

/** storage.md's invariant, and nothing that belongs to a room or a person who is gone. */
afterEach(async () => {
  expect(await brokenRooms(chat)).toEqual([]);
  const orphans = await chat.sql`
    select m.room_id, m.user_id from memberships m left join rooms r on r.id = m.room_id left join users u on u.id = m.user_id and u.deleted_at is null
    where r.id is null or u.id is null union all select i.room_id, null from invites i left join rooms r on r.id = i.room_id where r.id is null`;
  expect([...orphans]).toEqual([]);
  const owners = await chat.sql`
    select r.id from rooms r where r.kind = 'group' and (select array_agg(m.user_id) from memberships m where m.room_id = r.id and m.role = 'owner') is distinct from array[r.owner_id]`;
  expect([...owners]).toEqual([]);
});

/** The same person at one node and the other, by turns. */
const at = (person: Person, n: number): Person => person.at(chat.nodes[n % 2]!);
const times = <T>(count: number, ask: (n: number) => Promise<T>): Promise<T[]> => Promise.all(Array.from({ length: count }, (_, n) => ask(n)));
const people = (count: number, name: string): Promise<Person[]> => times(count, () => chat.person(name));

test('a hundred people with an invite for ten: ten come in', async () => {
  const room = await ann.room();
  const { code } = await ann.done('POST', `/rooms/${room.id}/invites`, { maxUses: 10 });
  const guests = await people(100, 'guest');
  const answers = await Promise.all(guests.map((guest, n) => at(guest, n).ask('POST', `/invites/${code}/accept`)));
  expect(statuses(answers)).toEqual({ 200: 10, 404: 90 });
  const { items } = await ann.done('GET', `/rooms/${room.id}/invites`);
  expect(items[0].uses).toBe(10);
  expect(await ann.done('GET', `/rooms/${room.id}`)).toMatchObject({ memberCount: 11, lastSeq: 10 });
});

test('one person who accepts, joins and is added ten times at once comes in once', async () => {
  const room = await ann.room('Hall', { visibility: 'public' });
  const { code } = await ann.done('POST', `/rooms/${room.id}/invites`, { maxUses: 5 });
  const answers = await Promise.all(
    [
      ...(await times(10, async (n) => () => at(bob, n).ask('POST', `/invites/${code}/accept`))),
      ...(await times(10, async (n) => () => at(bob, n).ask('POST', `/rooms/${room.id}/join`))),
      ...(await times(10, async (n) => () => at(ann, n).ask('POST', `/rooms/${room.id}/members`, { userId: bob.id }))),
    ].map((ask) => ask()),
  );
  const counted = statuses(answers);
  expect((counted[200] ?? 0) + (counted[201] ?? 0)).toBe(30);
  expect(counted[201] ?? 0).toBeLessThanOrEqual(1);
  expect(await ann.done('GET', `/rooms/${room.id}`)).toMatchObject({ memberCount: 2, lastSeq: 1 });
  const { items } = await ann.done('GET', `/rooms/${room.id}/invites`);
  expect(items[0].uses).toBeLessThanOrEqual(1);
});

test('fifty openings of a conversation, by both and on both nodes, make one', async () => {
  const [one, two] = await people(2, 'talker');
  const answers = await times(50, (n) => at(n % 3 ? one! : two!, n).ask('PUT', `/users/${n % 3 ? two!.id : one!.id}/conversation`));
  expect(statuses(answers)).toEqual({ 201: 1, 200: 49 });
  expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
  expect(answers[0]!.body).toMatchObject({ memberCount: 2, lastSeq: 0 });
});

test('of twenty removals or departures at once one happens', async () => {
  for (const go of ['remove', 'leave'] as const) {
    const room = await ann.room('Hall', { memberIds: [bob.id] });
    const answers = await times(20, (n) =>
      go === 'remove' ? at(ann, n).ask('DELETE', `/rooms/${room.id}/members/${bob.id}`) : at(bob, n).ask('POST', `/rooms/${room.id}/leave`),
    );
    expect(statuses(answers)).toEqual({ 204: 1, 404: 19 });
    expect((await ann.log(room)).map(({ type }) => type)).toEqual(['member.left']);
  }
});

test('of two hand-overs at once one happens, and the other finds that it is not his any more', async () => {
  for (let round = 0; round < 10; round++) {
    const room = await ann.room('Hall', { memberIds: [bob.id, cid.id] });
    const answers = await Promise.all([bob, cid].map((next, n) => at(ann, n).ask('PATCH', `/rooms/${room.id}`, { ownerId: next.id })));
    expect(statuses(answers)).toEqual({ 200: 1, 403: 1 });
    expect(await ann.done('GET', `/rooms/${room.id}`)).toMatchObject({ lastSeq: 1, me: { role: 'moderator' } });
  }
});

test('a hand-over to somebody who is being removed ends in one of the two', async () => {
  for (let round = 0; round < 10; round++) {
    const room = await ann.room('Hall', { memberIds: [bob.id, cid.id] });
    await ann.done('PATCH', `/rooms/${room.id}/members/${cid.id}`, { role: 'moderator' });
    const [handed, removed] = await Promise.all([
      at(ann, 0).ask('PATCH', `/rooms/${room.id}`, { ownerId: bob.id }),
      at(cid, 1).ask('DELETE', `/rooms/${room.id}/members/${bob.id}`),
    ]);
    expect([
      [200, 403],
      [422, 204],
    ]).toContainEqual([handed!.status, removed!.status]);
  }
});

test('the same change made twenty times at once is one event', async () => {
  const room = await ann.room('Hall', { memberIds: [bob.id] });
  await times(20, (n) => at(ann, n).done('PATCH', `/rooms/${room.id}`, { name: 'New' }));
  await times(20, (n) => at(ann, n).done('PATCH', `/rooms/${room.id}/members/${bob.id}`, { role: 'moderator' }));
  expect((await ann.log(room)).map(({ type }) => type)).toEqual(['room.updated', 'member.updated']);
});

test('nothing that a removed member sends comes after his removal', async () => {
  for (let round = 0; round < 10; round++) {
    const room = await ann.room('Hall', { memberIds: [bob.id] });
    const sends = times(12, (n) => at(bob, n).ask('POST', `/rooms/${room.id}/messages`, { content: `${n}` }));
    const removal = at(ann, 1).ask('DELETE', `/rooms/${room.id}/members/${bob.id}`);
    const answers = await sends;
    expect((await removal).status).toBe(204);
    const log = await ann.log(room);
    const left = log.find(({ type }) => type === 'member.left');
    expect(log.filter(({ seq }) => seq > left.seq)).toEqual([]);
    expect(answers.filter(({ status }) => status === 201).length).toBe(log.length - 1);
  }
});

test('a revocation and those who accept at once: whoever came in came before it', async () => {
  const room = await ann.room();
  const { code } = await ann.done('POST', `/rooms/${room.id}/invites`);
  const guests = await people(30, 'late');
  const answers: Answer[] = [];
  const accepts = guests.map(async (guest, n) => void answers.push(await at(guest, n).ask('POST', `/invites/${code}/accept`)));
  const revoked = await at(ann, 1).ask('DELETE', `/rooms/${room.id}/invites/${code}`);
  expect(revoked.status).toBe(204);
  await Promise.all(accepts);
  const late = await chat.person('too late');
  expect((await late.ask('POST', `/invites/${code}/accept`)).status).toBe(404);
  const admitted = statuses(answers)[200] ?? 0;
  expect(await ann.done('GET', `/rooms/${room.id}`)).toMatchObject({ memberCount: 1 + admitted, lastSeq: admitted });
  const [row] = await chat.sql<{ uses: number }>`select uses from invites where code = ${code}`;
  expect(row!.uses).toBe(admitted);
});

test('a room that is deleted while everybody does something in it leaves nothing behind', async () => {
  for (let round = 0; round < 5; round++) {
    const room = await ann.room('Hall', { memberIds: [bob.id], visibility: 'public' });
    const { code } = await ann.done('POST', `/rooms/${room.id}/invites`);
    const guests = await people(6, 'busy');
    const path = `/rooms/${room.id}`;
    const asks: [Person, string, string, unknown?][] = [
      ...guests.map((guest): [Person, string, string] => [guest, 'POST', `${path}/join`]),
      ...guests.map((guest): [Person, string, string] => [guest, 'POST', `/invites/${code}/accept`]),
      [ann, 'POST', `${path}/members`, { userId: cid.id }],
      [ann, 'POST', `${path}/invites`, {}],
      [ann, 'DELETE', path],
      [ann, 'DELETE', path],
      [bob, 'POST', `${path}/messages`, { content: 'hello' }],
      [bob, 'POST', `${path}/leave`],
      [ann, 'PATCH', path, { ownerId: bob.id }],
    ];
    const answers = await Promise.all(asks.map(([who, method, where, body], n) => at(who, n).ask(method, where, body)));
    expect(answers.filter(({ status }) => status >= 500)).toEqual([]);
    // Handed over first, it is Bob’s, and Ann’s deletion was refused.
    const gone = (await at(bob, 0).ask('GET', path)).status === 404;
    expect(gone || statuses([answers[14]!, answers[15]!])[403] === 2).toBe(true);
  }
});

test('an account that is deleted while it is let in everywhere is nobody’s member', async () => {
  const admin = await chat.person('root', { admin: true });
  for (let round = 0; round < 5; round++) {
    const [leaver, host] = await people(2, 'leaver');
    const rooms: Any[] = await times(4, () => host!.room('Hall', { visibility: 'public' }));
    const { code } = await host!.done('POST', `/rooms/${rooms[3].id}/invites`);
    const answers = await Promise.all([
      at(host!, 0).ask('POST', `/rooms/${rooms[0].id}/members`, { userId: leaver!.id }),
      at(leaver!, 1).ask('POST', `/rooms/${rooms[1].id}/join`),
      at(leaver!, 0).ask('POST', '/rooms', { name: 'Mine' }),
      at(host!, 1).ask('POST', '/rooms', { name: 'Ours', memberIds: [leaver!.id] }),
      at(leaver!, 1).ask('PUT', `/users/${host!.id}/conversation`),
      at(leaver!, 0).ask('POST', `/invites/${code}/accept`),
      at(admin, 1).ask('DELETE', `/users/${leaver!.id}`),
      at(host!, 1).ask('POST', `/rooms/${rooms[2].id}/members`, { username: leaver!.username }),
    ]);
    expect(answers.filter(({ status }) => status >= 500)).toEqual([]);
    expect(answers[6]!.status).toBe(204);
  }
});

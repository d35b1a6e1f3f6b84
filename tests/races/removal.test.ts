/** Races of membership with delivery, on two nodes: ten thousand removals raced with sends, and everything that is done twice at once. */
import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test';
import { type Any, type Chat, openChat, type Person } from '../support/chat.ts';
import { Reader } from '../support/client.ts';
import { until } from '../support/wait.ts';
import { brokenRooms } from '../support/world.ts';
import { judge } from '../faults/story.ts';

let chat: Chat;
let ann: Person;
beforeAll(async () => {
  chat = await openChat({ nodes: 2, env: { WS_PER_USER: '50', WS_ROOMS: '500' } });
  ann = await chat.person('ann');
});
afterEach(async () => expect(await brokenRooms(chat)).toEqual([]));
afterAll(() => chat[Symbol.asyncDispose]());

const times = <T>(count: number, ask: (n: number) => Promise<T>): Promise<T[]> => Promise.all(Array.from({ length: count }, (_, n) => ask(n)));
const at = (person: Person, n: number): Person => person.at(chat.nodes[n % 2]!);
const readerOf = (person: Person, n: number): Promise<Reader> => new Reader(at(person, n), { urls: () => [chat.nodes[n % 2]!.url] }).open();

const ROUNDS = 10;
const ROOMS = 50;
const VICTIMS = 20;

test('a removal raced with sends, 10,000 times: nothing above it reaches the removed, and he stores nothing after it', async () => {
  const victims = await times(VICTIMS, () => chat.person('victim'));
  const readers = await times(VICTIMS, (n) => readerOf(victims[n]!, n));
  const watching = await readerOf(ann, 0);
  const sender = await readerOf(ann, 1);
  let removals = 0;
  let heard = 0;
  let refused = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const rooms: Any[] = await times(ROOMS, () => ann.room('Hall', { memberIds: victims.map(({ id }) => id) }));
    const roomIds = rooms.map(({ id }) => id as string);
    await Promise.all([...readers, watching].map((reader) => Promise.all(rooms.map(({ id, epoch }) => reader.follow(id, { after: 0, epoch })))));
    await Promise.all(
      roomIds.map(async (roomId, n) => {
        // Before, between and behind the removals, by the owner and by those who are being removed.
        const asks: (() => Promise<unknown>)[] = victims.map(
          (victim, m) => () =>
            at(ann, n + m)
              .ask('DELETE', `/rooms/${roomId}/members/${victim.id}`)
              .then(({ status }) => {
                if (status === 204) removals++;
              }),
        );
        for (let m = 0; m < VICTIMS; m++) {
          asks.splice(Math.floor(Math.random() * asks.length), 0, () => sender.ask('message.send', { roomId, content: 'x', clientMessageId: `a${m}` }));
          if (m % 4) continue;
          asks.splice(Math.floor(Math.random() * asks.length), 0, async () => {
            const answer = await readers[m]!.ask('message.send', { roomId, content: 'y', clientMessageId: 'v' });
            if (answer.type === 'error' && answer.error.code === 'not_found') refused++;
          });
        }
        // A few at a time, so that one socket has at most 64 commands open.
        for (let from = 0; from < asks.length; from += 8) await Promise.all(asks.slice(from, from + 8).map((ask) => ask()));
      }),
    );
    await until('every removal was told', () => readers.every((reader) => roomIds.every((roomId) => !reader.hears(roomId))), 10_000);
    const { problems } = await judge(chat.sql, { roomIds, readers: [...readers, watching], acknowledged: [] });
    expect(problems).toEqual([]);
    for (const reader of [...readers, watching]) {
      expect(reader.rooms.size).toBe(ROOMS);
      for (const stream of reader.streams()) heard += stream.heard.length;
      for (const roomId of roomIds) reader.discard(roomId);
    }
    await watching.ask('unsubscribe', { rooms: roomIds });
  }
  expect(removals).toBe(ROUNDS * ROOMS * VICTIMS);
  // It was a race: some of them heard a part of it, and some of their sends came too late.
  expect(heard).toBeGreaterThan(ROUNDS * ROOMS * VICTIMS);
  expect(refused).toBeGreaterThan(0);
  console.log(`${removals} removals raced with sends, ${heard} events heard, ${refused} sends of the removed refused`);
  for (const reader of [...readers, watching, sender]) reader.close();
}, 120_000);

test('a removal done twice at once is told once on each socket', async () => {
  const bob = await chat.person('bob');
  const sockets = [await at(bob, 0).connect(), await at(bob, 1).connect()];
  for (let round = 0; round < 50; round++) {
    const room = await chat.room(ann, bob);
    await sockets[1]!.do('subscribe', { rooms: [{ roomId: room.id }] });
    const answers = await times(4, (n) => at(ann, n).ask('DELETE', `/rooms/${room.id}/members/${bob.id}`));
    expect(answers.map(({ status }) => status).sort()).toEqual([204, 404, 404, 404]);
    for (const socket of sockets) await socket.next('room.removed', { roomId: room.id, seq: 1 });
  }
  for (const socket of sockets) {
    await socket.settled();
    expect(socket.all('room.removed').length).toBe(50);
    expect(socket.all('member.left')).toEqual([]);
    socket.close();
  }
}, 60_000);

test('join, accept and hand-over, each twice at once, are told once and in one order', async () => {
  const [bob, cid] = await times(2, (n) => chat.person(`guest${n}`));
  const sockets = [await at(bob!, 0).connect(), await at(bob!, 1).connect()];
  const watching = [await readerOf(ann, 0), await readerOf(ann, 1)];
  const roomIds: string[] = [];
  for (let round = 0; round < 30; round++) {
    const room = await ann.room('Hall', { visibility: 'public', memberIds: [cid!.id] });
    roomIds.push(room.id);
    const { code } = await ann.done('POST', `/rooms/${room.id}/invites`);
    for (const reader of watching) await reader.follow(room.id, { after: 0, epoch: room.epoch });
    await Promise.all([
      ...Array.from({ length: 2 }, (_, n) => at(bob!, n).done('POST', `/rooms/${room.id}/join`)),
      ...Array.from({ length: 2 }, (_, n) => at(bob!, n).done('POST', `/invites/${code}/accept`)),
      ...Array.from({ length: 2 }, (_, n) => at(ann, n).ask('PATCH', `/rooms/${room.id}`, { ownerId: cid!.id })),
    ]);
    const log = await ann.log(room);
    expect(log.map(({ type }) => type).sort()).toEqual(['member.joined', 'room.updated']);
    for (const socket of sockets) await socket.next('room.added', { roomId: room.id });
  }
  expect((await judge(chat.sql, { roomIds, readers: watching, acknowledged: [] })).problems).toEqual([]);
  for (const socket of sockets) {
    await socket.settled();
    expect(socket.all('room.added').length).toBe(30);
    socket.close();
  }
  for (const reader of watching) reader.close();
}, 60_000);

test('subscribing raced with a removal on the other node ends in a removal, whichever was first', async () => {
  const bob = await chat.person('bob');
  const reader = await readerOf(bob, 0);
  const roomIds: string[] = [];
  let told = 0;
  for (let round = 0; round < 200; round++) {
    const room = await chat.room(ann, bob);
    roomIds.push(room.id);
    await times(5, (n) => ann.says(room, `${n}`));
    const subscribed = Bun.sleep(Math.random() * 4).then(() => reader.follow(room.id, { after: 0, epoch: room.epoch }));
    const sends = times(6, (n) => at(ann, n).says(room, `more ${n}`));
    await Promise.all([subscribed, sends, Bun.sleep(Math.random() * 4).then(() => at(ann, 1).removes(room, bob))]);
    await until('he is out', () => !reader.hears(room.id), 3_000);
    if (reader.cursorOf(room.id) > 0) told++;
  }
  expect((await judge(chat.sql, { roomIds, readers: [reader], acknowledged: [] })).problems).toEqual([]);
  expect(reader.counts.get('room.removed')).toBe(200);
  // Both orders happened.
  expect(told).toBeGreaterThan(0);
  expect(told).toBeLessThan(200);
  reader.close();
}, 60_000);

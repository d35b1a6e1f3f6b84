/** Races of messages, through two nodes at once: the same id sent twice, an edit against a delete, one sender's order, a burst against resumes. */
import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test';
import { type Answer, type Any, type Chat, type Client, openChat, type Person } from '../support/chat.ts';
import { Reader } from '../support/client.ts';
import { brokenRooms } from '../support/world.ts';
import { judge } from '../faults/story.ts';

let chat: Chat;
let ann: Person;
let bob: Person;
beforeAll(async () => {
  chat = await openChat({ nodes: 2, env: { WS_PER_USER: '50' } });
  [ann, bob] = await Promise.all([chat.person('ann'), chat.person('bob')]);
});
afterEach(async () => expect(await brokenRooms(chat)).toEqual([]));
afterAll(() => chat[Symbol.asyncDispose]());

const times = <T>(count: number, ask: (n: number) => Promise<T>): Promise<T[]> => Promise.all(Array.from({ length: count }, (_, n) => ask(n)));
const at = (person: Person, n: number): Person => person.at(chat.nodes[n % 2]!);
const urls = () => chat.nodes.map(({ url }) => url);
const statuses = (answers: readonly Answer[]): number[] => answers.map(({ status }) => status).sort();

test('the same clientMessageId through both nodes at once is one message, and everyone is told the same', async () => {
  const rounds = 100;
  const room = await chat.room(ann, bob);
  const [here, there] = [await ann.connect(), await at(ann, 1).connect()];
  const listening = await at(bob, 1).listens(room);
  for (let round = 0; round < rounds; round++) {
    const body = { content: `round ${round}`, clientMessageId: `r${round}` };
    const overRest = times(4, (n) => at(ann, n).ask('POST', `/rooms/${room.id}/messages`, body));
    const overSockets = Promise.all([here, there, here, there].map((socket: Client) => socket.do('message.send', { roomId: room.id, ...body })));
    const [answers, oks] = await Promise.all([overRest, overSockets]);
    const firsts = answers.filter(({ status }) => status === 201).length + oks.filter(({ duplicate }) => !duplicate).length;
    expect(firsts).toBe(1);
    expect(
      new Set([...answers.map(({ body: message }) => `${message.id} ${message.seq}`), ...oks.map(({ message }) => `${message.id} ${message.seq}`)]).size,
    ).toBe(1);
  }
  await listening.when('the last', () => (listening.events(room.id).length >= rounds ? true : undefined));
  await listening.settled();
  expect(listening.events(room.id)).toEqual(await ann.log(room));
  expect((await ann.log(room)).length).toBe(rounds);
}, 60_000);

test('two contents under one clientMessageId at once: one is stored, the other is a conflict', async () => {
  const room = await chat.room(ann);
  for (let round = 0; round < 50; round++) {
    const answers = await times(4, (n) => at(ann, n).ask('POST', `/rooms/${room.id}/messages`, { content: `${n % 2}`, clientMessageId: `r${round}` }));
    expect(statuses(answers)).toEqual([200, 201, 409, 409]);
  }
  expect((await ann.log(room)).length).toBe(50);
});

test('an edit against a delete: never is a deleted message edited, and the text is gone for good', async () => {
  const room = await chat.room(ann, bob);
  const reader = await new Reader(at(bob, 1), { urls: () => [urls()[1]!] }).open();
  await reader.follow(room.id, { after: 0, epoch: room.epoch });
  const outcomes = { before: 0, after: 0 };
  for (let round = 0; round < 100; round++) {
    const message = await ann.says(room, 'old');
    const [edited, deleted] = await Promise.all([
      at(ann, round).ask('PATCH', `/messages/${message.id}`, { content: 'new' }),
      at(ann, round + 1).ask('DELETE', `/messages/${message.id}`),
    ]);
    expect(deleted!.status).toBe(204);
    expect([200, 409]).toContain(edited!.status);
    outcomes[edited!.status === 200 ? 'before' : 'after']++;
    expect((await ann.done('GET', `/messages/${message.id}`)).content).toBe('');
  }
  const log = await ann.log(room);
  expect(log.length).toBe(200 + outcomes.before);
  const gone = new Set<string>();
  for (const { type, message } of log) {
    if (type === 'message.deleted') gone.add(message.id);
    else if (type === 'message.edited') expect(gone.has(message.id)).toBe(false);
    expect(message.content).toBe('');
  }
  expect((await judge(chat.sql, { roomIds: [room.id], readers: [reader], acknowledged: [] })).problems).toEqual([]);
  reader.close();
}, 60_000);

test('one sender who pipelines into many rooms keeps the order in each of them, on both nodes at once', async () => {
  const rooms: Any[] = await times(8, () => chat.room(ann, bob));
  const senders = [ann, bob, ann, bob].map((person, n) => new Reader(at(person, n), { urls: () => [urls()[n % 2]!] }));
  const readers = [0, 1].map((n) => new Reader(at(bob, n), { urls: () => [urls()[n]!] }));
  await Promise.all([...senders, ...readers].map((reader) => reader.open()));
  for (const reader of readers) for (const { id, epoch } of rooms) await reader.follow(id, { after: 0, epoch });
  let nth = 0;
  const acknowledged = (
    await Promise.all(
      senders.map(async (sender) => {
        const done = [];
        for (let burst = 0; burst < 12; burst++) {
          done.push(
            ...(await times(60, async (n) => {
              const sent = {
                roomId: rooms[(n * 5 + burst) % 8].id as string,
                senderId: sender.who.id,
                clientMessageId: `${sender.name} ${nth}`.replaceAll(' ', '-'),
                lane: sender.name,
                nth: nth++,
              };
              const answer = await sender.ask('message.send', { roomId: sent.roomId, content: `${sent.nth}`, clientMessageId: sent.clientMessageId });
              if (answer.type !== 'ok') throw new Error(JSON.stringify(answer));
              return { ...sent, messageId: answer.message.id as string, seq: answer.seq as number, first: true };
            })),
          );
        }
        return done;
      }),
    )
  ).flat();
  expect(acknowledged.length).toBe(4 * 12 * 60);
  expect((await judge(chat.sql, { roomIds: rooms.map(({ id }) => id), readers, acknowledged })).problems).toEqual([]);
  for (const reader of [...senders, ...readers]) reader.close();
}, 60_000);

test('cut-over against a burst on both nodes: whoever resumes, at any moment, hears everything once', async () => {
  const rooms: Any[] = await times(3, () => chat.room(ann, bob));
  const roomIds = rooms.map(({ id }) => id as string);
  let sending = true;
  let sent = 0;
  const burst = Promise.all(
    chat.nodes.map(async ({ services }) => {
      const caller = { userId: ann.id, sessionId: '', role: 'user' as const };
      while (sending) {
        await times(4, async () => services.messages.send(caller, roomIds[sent % 3]!, { content: `${sent++}` }));
        await Bun.sleep(1);
      }
    }),
  );
  const readers = Array.from({ length: 6 }, (_, n) => new Reader(at(bob, n), { urls: () => urls() }));
  let resumes = 0;
  await Promise.all(
    readers.map(async (reader, n) => {
      await reader.open(urls()[n % 2]);
      for (const { id, epoch } of rooms) await reader.follow(id, { after: 0, epoch });
      for (let round = 0; round < 40; round++) {
        await Bun.sleep(Math.random() * 20);
        resumes++;
        if (round % 2) {
          reader.drop();
          await reader.open(urls()[(n + (round >> 1)) % 2]);
        } else await Promise.all(roomIds.map((roomId) => reader.again(roomId)));
      }
    }),
  );
  sending = false;
  await burst;
  expect(sent).toBeGreaterThan(500);
  expect(resumes).toBe(240);
  expect((await judge(chat.sql, { roomIds, readers, acknowledged: [] })).problems).toEqual([]);
  for (const reader of readers) reader.close();
}, 60_000);

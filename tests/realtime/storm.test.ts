/** Many sockets that come back at once: they share what is read, and what the ring has nobody reads; what is shown is the log as it is. */
import { expect, test } from 'bun:test';
import { type Any, type Client, openChat } from '../support/chat.ts';
import { brokenRooms } from '../support/world.ts';

const SOCKETS = 100;
const MISSED = 30;

/** One after the other, so that the log's order is known. */
async function fill(ann: { says: (room: Any, content: string) => Promise<Any> }, hall: Any): Promise<void> {
  for (let n = 1; n <= MISSED; n++) await ann.says(hall, `said ${n}`);
}

const resume = async (client: Client, hall: Any, after: number): Promise<void> => {
  await client.do('subscribe', { rooms: [{ roomId: hall.id, after, epoch: hall.epoch }] });
};

for (const { name, cold } of [
  { name: 'whose node knows the room', cold: false },
  { name: 'whose node never followed the room', cold: true },
]) {
  test(`a hundred sockets ${name} resume together, all whole, with a few statements`, async () => {
    await using chat = await openChat();
    const [ann, bob] = [await chat.person('ann'), await chat.person('bob')];
    const hall = await chat.room(ann, bob);
    const watcher = cold ? undefined : await bob.listens(hall);
    await fill(ann, hall);
    watcher?.close();
    const clients = await Promise.all(Array.from({ length: SOCKETS / 10 }, () => bob.connect()));
    const before = chat.node.services.db.stats().answered;
    // Ten commands each: every one leaves the room and resumes it from another place.
    await Promise.all(clients.flatMap((client) => Array.from({ length: 10 }, () => resume(client, hall, 0))));
    const asked = chat.node.services.db.stats().answered - before;
    const log = await ann.log(hall);
    for (const client of clients) {
      expect(client.all('synced', { roomId: hall.id })).toHaveLength(10);
      expect(client.events(hall.id)).toEqual(Array.from({ length: 10 }, () => log).flat());
    }
    expect(asked).toBeLessThan(SOCKETS / 2);
    expect(await brokenRooms(chat)).toEqual([]);
  });
}

test('a message that was changed or deleted since is replayed as it is, not as it was published', async () => {
  await using chat = await openChat();
  const [ann, bob] = [await chat.person('ann'), await chat.person('bob')];
  const hall = await chat.room(ann, bob);
  await using watcher = { client: await bob.listens(hall), [Symbol.asyncDispose]: async () => watcher.client.close() };
  const secret = await ann.says(hall, 'a secret');
  const typo = await ann.says(hall, 'a tpyo');
  await watcher.client.next('message.created', { seq: 2 });
  const atAnn = await ann.listens(hall);
  await atAnn.do('message.delete', { messageId: secret.id });
  await atAnn.do('message.edit', { messageId: typo.id, content: 'a typo' });
  const late = await bob.connect();
  await resume(late, hall, 0);
  expect(JSON.stringify(late.frames)).not.toContain('a secret');
  expect(JSON.stringify(late.frames)).not.toContain('tpyo');
  expect(late.events(hall.id)).toEqual(await ann.log(hall));
});

test('of sockets that resume one room from several places each gets what it missed', async () => {
  await using chat = await openChat();
  const [ann, bob] = [await chat.person('ann'), await chat.person('bob')];
  const hall = await chat.room(ann, bob);
  await fill(ann, hall);
  const clients = await Promise.all(Array.from({ length: 10 }, () => bob.connect()));
  await Promise.all(clients.map((client, at) => resume(client, hall, at * 3)));
  clients.forEach((client, at) => {
    expect(client.events(hall.id).map(({ seq }: Any) => seq)).toEqual(Array.from({ length: MISSED - at * 3 }, (_, n) => at * 3 + 1 + n));
  });
});

/** A resume raced with a new epoch: the node has not heard of it yet, and finds it without asking Postgres over and over. */
import { expect, test } from 'bun:test';
import { openChat } from '../support/chat.ts';
import { Reader } from '../support/client.ts';

test('a resume that meets an epoch unknown to its node is answered at once, with a few queries', async () => {
  await using chat = await openChat();
  const [ann, bob] = [await chat.person('ann'), await chat.person('bob')];
  const { db } = chat.node.services;
  for (let round = 0; round < 10; round++) {
    const room = await chat.room(ann, bob);
    for (let n = 0; n < 3; n++) await ann.says(room, `${n}`);
    const reader = await new Reader(bob, { urls: () => [chat.node.url], epochsMayChange: true }).open();
    await reader.follow(room.id, { after: 0, epoch: room.epoch });
    await chat.sql<object>`update rooms set epoch = ${`restored ${round}`} where id = ${room.id}`;
    const before = db.stats().answered;
    await reader.again(room.id);
    expect(reader.hears(room.id)).toBe(true);
    // The read of the log, twice, one healing, presence, and perhaps a poll of the server's own.
    expect(db.stats().answered - before).toBeLessThan(12);
    expect(reader.problems).toEqual([]);
    reader.close();
  }
}, 30_000);

import { expect, test } from 'bun:test';
import { openChat } from '../support/chat.ts';

test('two people on sockets and one over REST see the same messages in the same order', async () => {
  await using chat = await openChat();
  const [ann, bob, cat] = [await chat.person('ann'), await chat.person('bob'), await chat.person('cat')];
  const hall = await chat.room(ann, bob, cat);
  const atAnn = await ann.listens(hall);
  const atBob = await bob.listens(hall);
  await atAnn.do('message.send', { roomId: hall.id, content: 'one', clientMessageId: 'a' });
  await cat.says(hall, 'two');
  await atBob.do('message.send', { roomId: hall.id, content: 'three', clientMessageId: 'b' });
  for (const client of [atAnn, atBob]) {
    await client.next('message.created', { seq: 3 });
    expect(client.events(hall.id).map((event) => event.message.content)).toEqual(['one', 'two', 'three']);
    expect(client.events(hall.id)).toEqual(await ann.log(hall));
  }
});

import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { type Any, type Chat, type Client, type Person, openChat } from '../support/chat.ts';

let chat: Chat;
let ann: Person;
let bob: Person;

beforeAll(async () => {
  chat = await openChat({ env: { WS_ROOMS: '4' } });
  [ann, bob] = [await chat.person('ann'), await chat.person('bob')];
});
afterAll(() => chat[Symbol.asyncDispose]());

/** Messages straight through the writer, many at once. */
async function fill(room: Any, count: number, content = (n: number) => `${n}`): Promise<void> {
  const { messages } = chat.node.services;
  const caller = { userId: ann.id, sessionId: '', role: 'user' as const };
  await Promise.all(Array.from({ length: count }, (_, n) => messages.send(caller, room.id, { content: content(n) })));
}

const seqs = (client: Client, room: Any): number[] => client.events(room.id).map((event) => event.seq);
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, n) => from + n);

describe('subscribing', () => {
  test('answers per room exactly one of synced, gap and refused, in the order listed, then ok', async () => {
    const [one, two, three, empty] = [await chat.room(ann, bob), await chat.room(ann, bob), await chat.room(ann, bob), await chat.room(ann, bob)];
    const foreign = await chat.room(ann);
    for (const room of [one, two, three]) await fill(room, 7);
    const client = await bob.connect();
    const answer = await client.ask('subscribe', {
      rooms: [
        { roomId: one.id, after: 4, epoch: one.epoch },
        { roomId: two.id, epoch: 'ignored' },
        { roomId: three.id, after: 3, epoch: 'old' },
        { roomId: foreign.id },
        { roomId: empty.id, after: 5, epoch: empty.epoch },
      ],
    });
    expect(answer).toEqual({ type: 'ok', id: answer.id });
    const frames = client.frames.slice(2).filter((frame) => frame.type !== 'presence');
    expect(frames.map((frame) => [frame.type, frame.roomId, frame.seq])).toEqual([
      ['message.created', one.id, 5],
      ['message.created', one.id, 6],
      ['message.created', one.id, 7],
      ['synced', one.id, 7],
      ['synced', two.id, 7],
      ['gap', three.id, undefined],
      ['refused', foreign.id, undefined],
      ['gap', empty.id, undefined],
      ['ok', undefined, undefined],
    ]);
    expect(client.all('synced')[0]).toEqual({ type: 'synced', roomId: one.id, epoch: one.epoch, seq: 7 });
    expect(client.all('gap')).toEqual([
      { type: 'gap', roomId: three.id, epoch: three.epoch, from: 1, to: 7, reason: 'epoch', fetch: `/api/v1/rooms/${three.id}/messages` },
      { type: 'gap', roomId: empty.id, epoch: empty.epoch, from: 1, to: 0, reason: 'epoch', fetch: `/api/v1/rooms/${empty.id}/messages` },
    ]);
    expect(client.all('refused')[0].error).toMatchObject({ code: 'not_found', temporary: false });
    // A gap subscribes as well: live goes on behind it.
    await fill(three, 1);
    await client.next('message.created', { roomId: three.id, seq: 8 });
    await client.do('unsubscribe', { rooms: [one.id, foreign.id] });
    const before = client.frames.length;
    await fill(one, 1);
    await client.hearsNothingSince(before);
  });

  test('replays the same text as live and as REST, edits and deletions as they are now', async () => {
    const room = await chat.room(ann, bob);
    const live = await bob.listens(room);
    const kept = await ann.says(room, 'one');
    const gone = await ann.says(room, 'secret');
    await ann.done('PATCH', `/messages/${kept.id}`, { content: 'two' });
    await ann.done('DELETE', `/messages/${gone.id}`);
    await ann.done('PATCH', `/rooms/${room.id}`, { name: 'Attic', description: 'dusty' });
    const cat = await chat.person('cat');
    await ann.adds(room, cat);
    await ann.done('PATCH', `/rooms/${room.id}/members/${cat.id}`, { role: 'moderator' });
    await ann.removes(room, cat);
    await live.next('member.left', { seq: 8 });
    const late = await bob.connect();
    await late.do('subscribe', { rooms: [{ roomId: room.id, after: 0, epoch: room.epoch }] });
    const log = await ann.log(room);
    expect(log.map((event) => event.type)).toEqual([
      'message.created',
      'message.created',
      'message.edited',
      'message.deleted',
      'room.updated',
      'member.joined',
      'member.updated',
      'member.left',
    ]);
    expect(late.texts.filter((text) => text.includes('"at":'))).toEqual(log.map((event) => JSON.stringify(event)));
    expect(late.texts.join('')).not.toContain('secret');
    // What does not change later is the same text live; messages differ only in what was changed since.
    expect(live.texts.filter((text) => text.includes('"at":')).slice(2)).toEqual(log.slice(2).map((event) => JSON.stringify(event)));
    expect(log[7]).toMatchObject({ actorId: ann.id, member: { user: { id: cat.id }, role: 'moderator' }, reason: 'removed' });
    expect(log[4].changes).toEqual({ name: 'Attic', description: 'dusty' });
  });

  test('brings up to 500 events a room, else a gap that says where to fetch', async () => {
    const room = await chat.room(ann, bob);
    await fill(room, 501);
    const client = await bob.connect();
    await client.do('subscribe', { rooms: [{ roomId: room.id, after: 1, epoch: room.epoch }] });
    expect(seqs(client, room)).toEqual(range(2, 501));
    expect(client.all('synced')[0].seq).toBe(501);
    const other = await bob.connect();
    await other.do('subscribe', { rooms: [{ roomId: room.id, after: 0, epoch: room.epoch }] });
    const [gap] = other.all('gap');
    expect(gap).toEqual({
      type: 'gap',
      roomId: room.id,
      epoch: room.epoch,
      from: 1,
      to: 501,
      reason: 'too_many',
      fetch: `/api/v1/rooms/${room.id}/events?after=0`,
    });
    expect(seqs(other, room)).toEqual([]);
    const page = await bob.done('GET', `${gap.fetch.replace('/api/v1', '')}&limit=500`);
    expect(page.items.map((event: Any) => event.seq)).toEqual(range(1, 500));
    await fill(room, 1);
    await other.next('message.created', { seq: 502 });
    await client.next('message.created', { seq: 502 });
  });

  test('brings up to 1 MiB of UTF-8 a room, never a part of it', async () => {
    const room = await chat.room(ann, bob);
    await fill(room, 70, () => '€'.repeat(4_000));
    const small = await bob.connect();
    await small.do('subscribe', { rooms: [{ roomId: room.id, after: 0, epoch: room.epoch }] }, 10_000);
    expect(seqs(small, room)).toEqual(range(1, 70));
    await fill(room, 20, () => '€'.repeat(4_000));
    const large = await bob.connect();
    await large.do('subscribe', { rooms: [{ roomId: room.id, after: 0, epoch: room.epoch }] });
    expect(large.all('gap')).toMatchObject([{ from: 1, to: 90, reason: 'too_many' }]);
    expect(seqs(large, room)).toEqual([]);
  });

  test('brings 2,000 events a command: the room that would pass them gets the gap, smaller ones behind it still fit', async () => {
    const rooms = [];
    for (const count of [450, 450, 450, 100]) {
      const room = await chat.room(ann, bob);
      await fill(room, count);
      rooms.push(room);
    }
    const client = await bob.connect();
    await client.do('subscribe', { rooms: rooms.map((room) => ({ roomId: room.id, after: 0, epoch: room.epoch })) }, 10_000);
    expect(client.all('synced').map((frame) => frame.seq)).toEqual([450, 450, 450, 100]);

    await using wide = await openChat();
    const eve = await wide.person('eve');
    const caller = { userId: eve.id, sessionId: '', role: 'user' as const };
    const many = [];
    for (const count of [450, 450, 450, 450, 300, 100, 200]) {
      const room = await wide.room(eve);
      await Promise.all(Array.from({ length: count }, () => wide.node.services.messages.send(caller, room.id, { content: 'x' })));
      many.push(room);
    }
    const reader = await eve.connect();
    await reader.do('subscribe', { rooms: many.map((room) => ({ roomId: room.id, after: 0, epoch: room.epoch })) }, 10_000);
    const outcome = many.map((room) => reader.frames.find((frame) => frame.roomId === room.id && (frame.type === 'synced' || frame.type === 'gap')).type);
    expect(outcome).toEqual(['synced', 'synced', 'synced', 'synced', 'gap', 'synced', 'gap']);
  });

  test('beyond the rooms of a socket is refused with limit_reached; again in a subscribed one is not beyond', async () => {
    const rooms = [];
    for (let n = 0; n < 5; n++) rooms.push(await chat.room(ann, bob));
    const client = await bob.connect();
    await client.do('subscribe', { rooms: rooms.map((room) => ({ roomId: room.id })) });
    expect(client.all('synced').length).toBe(4);
    expect(client.all('refused')).toMatchObject([{ roomId: rooms[4].id, error: { code: 'limit_reached', status: 409 } }]);
    await client.do('subscribe', { rooms: [{ roomId: rooms[0].id }] });
    expect(client.all('synced').length).toBe(5);
    await client.do('unsubscribe', { rooms: [rooms[1].id] });
    await client.do('subscribe', { rooms: [{ roomId: rooms[4].id }] });
    expect(client.all('synced').length).toBe(6);
  });

  test('in a public room as a stranger is refused with forbidden, as an admin in a group likewise', async () => {
    const [eve, root] = [await chat.person('eve'), await chat.person('root', { admin: true })];
    const open = await ann.room('Open', { visibility: 'public' });
    const closed = await ann.room('Closed');
    const atEve = await eve.connect();
    await atEve.do('subscribe', { rooms: [{ roomId: open.id }, { roomId: closed.id }, { roomId: Bun.randomUUIDv7() }] });
    expect(atEve.all('refused').map((frame) => frame.error.code)).toEqual(['forbidden', 'not_found', 'not_found']);
    const atRoot = await root.connect();
    await atRoot.do('subscribe', { rooms: [{ roomId: closed.id }] });
    expect(atRoot.all('refused').map((frame) => frame.error.code)).toEqual(['forbidden']);
    expect(await atEve.do('subscribe', { rooms: [] })).toMatchObject({ type: 'ok' });
  });
});

describe('the cut-over', () => {
  /** Resumes as the contract says until it is told otherwise, and keeps what it heard. */
  test('loses and doubles nothing while a burst goes on, over many resumes', async () => {
    const room = await chat.room(ann, bob);
    const { messages } = chat.node.services;
    const caller = { userId: ann.id, sessionId: '', role: 'user' as const };
    let sending = true;
    let sent = 0;
    const burst = (async () => {
      while (sending) {
        await Promise.all(Array.from({ length: 5 }, () => messages.send(caller, room.id, { content: `m${sent++}` })));
        await Bun.sleep(1);
      }
    })();
    for (let round = 0; round < 60; round++) {
      const client = await bob.connect();
      const after = Math.max(0, sent - 300);
      client.send({ type: 'subscribe', id: 's', rooms: [{ roomId: room.id, after, epoch: room.epoch }] });
      if (round % 3 === 0) client.send({ type: 'subscribe', id: 't', rooms: [{ roomId: room.id, after, epoch: room.epoch }] });
      await client.next('ok', { id: round % 3 === 0 ? 't' : 's' });
      await client.when('more', () => (client.events(room.id).length > 20 ? true : undefined));
      await client.settled();
      // Subscribing again leaves and resumes: the client drops what is at or below its cursor.
      let cursor = after;
      for (const frame of client.frames) {
        if (frame.roomId !== room.id || !frame.seq) continue;
        if (frame.type === 'synced') expect(frame.seq).toBe(cursor);
        else if (frame.seq > cursor) expect(frame.seq).toBe(++cursor);
        else expect(round % 3).toBe(0);
      }
      client.close();
    }
    sending = false;
    await burst;
    expect(sent).toBeGreaterThan(500);
  }, 60_000);

  test('while somebody is removed again and again lets nothing above the removal through', async () => {
    const room = await chat.room(ann);
    const caller = { userId: ann.id, sessionId: '', role: 'user' as const };
    const { messages } = chat.node.services;
    let sending = true;
    const burst = (async () => {
      while (sending) {
        await messages.send(caller, room.id, { content: 'x' });
        await Bun.sleep(0);
      }
    })();
    const client = await bob.connect();
    let refusals = 0;
    for (let round = 0; round < 60; round++) {
      await ann.adds(room, bob);
      const from = client.frames.length;
      client.send({ type: 'subscribe', id: `s${round}`, rooms: [{ roomId: room.id, after: 0, epoch: room.epoch }] });
      await Bun.sleep(Math.random() * 6);
      await ann.removes(room, bob);
      const removed = await client.next('room.removed', { roomId: room.id });
      await client.when('the answer', (frames) => frames.find((frame) => frame.id === `s${round}`));
      await client.settled();
      const heard = client.frames.slice(from).filter((frame) => frame.roomId === room.id && frame.type !== 'presence' && frame.type !== 'room.added');
      const end = heard.findIndex((frame) => frame.type === 'room.removed');
      for (const frame of heard) if (frame.at) expect(frame.seq).toBeLessThan(removed.seq);
      expect(heard.filter((frame) => frame.type === 'room.removed').length).toBe(1);
      for (const frame of heard.slice(end + 1)) expect(frame.type).toBe('refused');
      if (heard.some((frame) => frame.type === 'refused')) refusals++;
    }
    sending = false;
    await burst;
    expect(refusals).toBeGreaterThan(0);
    expect(refusals).toBeLessThan(60);
  }, 60_000);

  test('paces a replay for a reader who is slow, and still brings all of it', async () => {
    const room = await chat.room(ann, bob);
    await fill(room, 60, () => '€'.repeat(4_000));
    const client = await bob.connect({ library: 'ws' });
    const raw = client.socket as Any;
    client.send({ type: 'subscribe', id: 's', rooms: [{ roomId: room.id, after: 0, epoch: room.epoch }] });
    raw.pause();
    await Bun.sleep(300);
    raw.resume();
    await client.next('ok', { id: 's' });
    expect(seqs(client, room)).toEqual(range(1, 60));
  });
});

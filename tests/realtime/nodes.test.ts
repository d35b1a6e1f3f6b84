import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { type Any, type Chat, type Client, type Node, type Person, openChat } from '../support/chat.ts';
import { until } from '../support/wait.ts';
import { brokenRooms } from '../support/world.ts';

let chat: Chat;
let here: Node;
let there: Node;
let ann: Person;
let bob: Person;

beforeAll(async () => {
  chat = await openChat({ nodes: 2, env: { PRESENCE_GRACE_SECONDS: '1' } });
  [here, there] = chat.nodes as [Node, Node];
  ann = await chat.person('ann');
  bob = (await chat.person('bob')).at(there);
});
afterAll(() => chat[Symbol.asyncDispose]());

const metric = async (node: Node, name: string): Promise<number> =>
  ((await node.services.metrics.registry.getSingleMetric(name)!.get()) as Any).values.reduce((sum: number, { value }: Any) => sum + value, 0);
const inOrder = (client: Client, room: Any, last: number) => {
  expect(client.events(room.id).map((event) => event.seq)).toEqual(Array.from({ length: last }, (_, n) => n + 1));
};

describe('two nodes are one chat', () => {
  test('messages, edits, deletions, members and rooms arrive on the other node, as the same text, without reading them again', async () => {
    const hall = await chat.room(ann, bob);
    const [atHere, atThere] = [await ann.listens(hall), await bob.listens(hall)];
    const healed = await metric(there, 'parlour_events_healed_total');
    const { message } = await atHere.do('message.send', { roomId: hall.id, content: 'one', clientMessageId: 'a' });
    await atThere.do('message.send', { roomId: hall.id, content: 'two', clientMessageId: 'b' });
    await ann.done('PATCH', `/messages/${message.id}`, { content: 'three' });
    await ann.done('DELETE', `/messages/${message.id}`);
    await ann.done('PATCH', `/rooms/${hall.id}`, { name: 'Attic' });
    const cat = await chat.person('cat');
    await ann.adds(hall, cat);
    await ann.removes(hall, cat);
    for (const client of [atHere, atThere]) {
      await client.next('member.left', { seq: 7 });
      inOrder(client, hall, 7);
    }
    const events = (client: Client) => client.texts.filter((text) => text.includes('"at":'));
    expect(events(atThere)).toEqual(events(atHere));
    expect(await metric(there, 'parlour_events_healed_total')).toBe(healed);
  });

  test('removal, room.added, room.removed, markers, typing and dead sessions reach the other node', async () => {
    const hall = await chat.room(ann, bob);
    const other = await bob.again();
    const [subscribed, unsubscribed, session] = [await bob.listens(hall), await bob.connect(), await other.at(there).connect()];
    const atHere = await ann.listens(hall);
    await atHere.do('typing', { roomId: hall.id, active: true });
    expect(await subscribed.next('typing')).toMatchObject({ userId: ann.id, active: true });
    await ann.says(hall, 'one');
    await bob.at(here).done('PUT', `/rooms/${hall.id}/read`, { seq: 1 });
    for (const client of [subscribed, unsubscribed, session, atHere]) expect(await client.next('read.updated')).toMatchObject({ userId: bob.id, readSeq: 1 });
    const second = await ann.room('Second', { memberIds: [bob.id] });
    for (const client of [subscribed, unsubscribed, session]) expect((await client.next('room.added', { roomId: second.id })).room.me.role).toBe('member');
    await ann.removes(hall, bob);
    for (const client of [subscribed, unsubscribed, session]) {
      expect(await client.next('room.removed', { roomId: hall.id })).toEqual({ type: 'room.removed', roomId: hall.id, seq: 2, reason: 'removed' });
    }
    const mark = subscribed.frames.length;
    await ann.says(hall, 'two');
    await atHere.next('message.created', { seq: 3 });
    await ann.done('DELETE', `/rooms/${second.id}`);
    for (const client of [subscribed, unsubscribed, session]) expect((await client.next('room.removed', { roomId: second.id })).reason).toBe('deleted');
    await subscribed.hearsNothingSince(mark, (frame) => frame.roomId === second.id);
    await other.at(here).done('POST', '/auth/logout');
    expect((await session.closed).code).toBe(4501);
    // Everything once, although the poll looks back ten seconds.
    await Bun.sleep(1_500);
    for (const client of [subscribed, unsubscribed]) {
      await client.settled();
      expect([client.all('room.added').length, client.all('room.removed').length]).toEqual([1, 2]);
    }
  }, 15_000);

  test('presence counts people on every node', async () => {
    const [dan, eve] = [await chat.person('dan'), (await chat.person('eve')).at(there)];
    const hall = await chat.room(dan, eve);
    const atHere = await dan.listens(hall);
    expect((await atHere.next('presence')).count).toBe(1);
    const atThere = await eve.listens(hall);
    const snapshot = await atThere.next('presence');
    expect([...snapshot.online].sort()).toEqual([dan.id, eve.id].sort());
    expect(await atHere.next('presence')).toEqual({ type: 'presence', roomId: hall.id, count: 2, online: [eve.id], offline: [] });
    atThere.close();
    expect(await atHere.next('presence')).toEqual({ type: 'presence', roomId: hall.id, count: 1, online: [], offline: [eve.id] });
  }, 15_000);

  test('bursts on both nodes at once keep one order everywhere', async () => {
    const hall = await chat.room(ann, bob);
    const clients = [await ann.listens(hall), await ann.listens(hall), await bob.listens(hall), await bob.listens(hall)];
    for (let n = 0; n < 300; n++) {
      for (const [at, client] of [clients[0]!, clients[2]!].entries())
        client.send({ type: 'message.send', roomId: hall.id, content: `${at} ${n}`, clientMessageId: `${n}` });
      if (n % 30 === 29) await clients[0]!.settled();
      if (n % 30 === 29) await Bun.sleep(5);
    }
    const stored = await until('all are stored', async () => {
      const log = await ann.log(hall);
      return clients[0]!.all('error').length + clients[2]!.all('error').length + log.length === 600 ? log : undefined;
    });
    for (const client of clients) {
      await client.when('the last', () => (client.events(hall.id).length >= stored.length ? true : undefined));
      expect(client.events(hall.id)).toEqual(stored);
    }
    expect(await brokenRooms(here.services.db)).toEqual([]);
  }, 20_000);
});

describe('Redis makes it faster, never possible', () => {
  test('killed, sends go on, readers on the other node complete, and afterwards it is fast again', async () => {
    const hall = await chat.room(ann, bob);
    const [atHere, atThere] = [await ann.listens(hall), await bob.listens(hall)];
    await chat.redis!.kill();
    await ann.says(hall, 'one');
    await atHere.next('message.created', { seq: 1 }, 200);
    await atThere.next('message.created', { seq: 1 }, 3_000);
    const cat = (await chat.person('cat')).at(there);
    const atCat = await cat.connect();
    await ann.adds(hall, cat);
    await atCat.next('room.added', { roomId: hall.id }, 3_000);
    await ann.removes(hall, bob);
    expect((await atThere.next('room.removed', {}, 3_000)).seq).toBe(3);
    const late = await cat.listens(hall);
    await chat.redis!.start();
    await until('both nodes are back', () => chat.nodes.every((node) => node.services.redis!.ready && node.services.redis!.subscriberReady));
    await until('fast again', async () => {
      const message = await ann.says(hall, 'again');
      const from = performance.now();
      await late.next('message.created', { seq: message.seq }, 3_000);
      return performance.now() - from < 50;
    });
    const seqs = late.events(hall.id).map((event) => event.seq);
    expect(seqs).toEqual(Array.from({ length: seqs.length }, (_, n) => 4 + n));
  }, 30_000);

  test('frozen, sends go on and readers on the other node complete within three seconds', async () => {
    const hall = await chat.room(ann, bob);
    const atThere = await bob.listens(hall);
    const atHere = await ann.listens(hall);
    chat.redis!.freeze();
    try {
      const from = performance.now();
      for (let n = 0; n < 20; n++) await ann.says(hall, `${n}`);
      expect(performance.now() - from).toBeLessThan(1_000);
      await atThere.when('all', () => (atThere.events(hall.id).length === 20 ? true : undefined), 3_000);
      inOrder(atThere, hall, 20);
      const opened = performance.now();
      const late = await bob.listens(hall);
      expect(performance.now() - opened).toBeLessThan(2_000);
      await ann.says(hall, 'more');
      await late.next('message.created', { seq: 21 }, 3_000);
    } finally {
      chat.redis!.thaw();
    }
    await atHere.settled();
    inOrder(atHere, hall, 21);
    await until('it is back', () => chat.nodes.every((node) => node.services.redis!.subscriberReady), 10_000);
    await ann.says(hall, 'after');
    await atThere.next('message.created', { seq: 22 }, 3_000);
    inOrder(atThere, hall, 22);
  }, 30_000);

  test('with its subscribers cut again and again nothing is lost or doubled', async () => {
    const hall = await chat.room(ann, bob);
    const clients = [await ann.listens(hall), await bob.listens(hall)];
    let sent = 0;
    for (let round = 0; round < 5; round++) {
      for (let n = 0; n < 30; n++) {
        await Promise.all([ann.says(hall, `${sent++}`), bob.says(hall, `${sent++}`)]);
        if (n === 10) await chat.nodes[round % 2]!.services.redis!.commands.call('CLIENT', 'KILL', 'TYPE', 'pubsub').catch(() => {});
      }
    }
    for (const client of clients) {
      await client.when('all', () => (client.events(hall.id).length >= sent ? true : undefined), 3_000);
      inOrder(client, hall, sent);
      expect(client.all('gap')).toEqual([]);
    }
  }, 30_000);
});

describe('what the log says counts', () => {
  test('a node that missed more than 500 events tells its readers of a gap, and cuts off who was removed in it', async () => {
    const cat = (await chat.person('cat')).at(there);
    const hall = await chat.room(ann, bob, cat);
    const [atThere, atCat] = [await bob.listens(hall), await cat.listens(hall)];
    // Written behind everyone's back, as by a node that dies before it publishes.
    await ann.removes(hall, cat).catch(() => {});
    await atCat.next('room.removed');
    await ann.adds(hall, cat);
    await atCat.do('subscribe', { rooms: [{ roomId: hall.id }] });
    await atThere.next('member.joined', { seq: 2 });
    await chat.sql<object>`
      with taken as (update rooms set last_seq = last_seq + 601, message_count = message_count + 600, member_count = member_count - 1 where id = ${hall.id} returning last_seq),
      left_ as (delete from memberships where room_id = ${hall.id} and user_id = ${cat.id}),
      event as (insert into room_events (room_id, seq, type, actor_id, payload)
        select ${hall.id}, 3, 'member.left', ${ann.id}, jsonb_build_object('member', jsonb_build_object('user', jsonb_build_object('id', ${cat.id}::text)), 'reason', 'left'))
      insert into messages (id, room_id, seq, sender_id, content) select gen_random_uuid(), ${hall.id}, n, ${ann.id}, 'x' from generate_series(4, 603) n`;
    expect(await atThere.next('gap', {}, 4_000)).toEqual({
      type: 'gap',
      roomId: hall.id,
      epoch: hall.epoch,
      from: 3,
      to: 603,
      reason: 'too_many',
      fetch: `/api/v1/rooms/${hall.id}/events?after=2`,
    });
    expect(await atCat.next('room.removed', {}, 4_000)).toEqual({ type: 'room.removed', roomId: hall.id, seq: 3, reason: 'left' });
    await ann.says(hall, 'on we go');
    await atThere.next('message.created', { seq: 604 });
    await atCat.settled();
    expect(atCat.all('gap')).toEqual([]);
    expect(atCat.all('message.created')).toEqual([]);
  }, 20_000);

  test('a log that got shorter is another log: new epoch, gap epoch, on every node', async () => {
    const hall = await chat.room(ann, bob);
    const clients = [await ann.listens(hall), await bob.listens(hall)];
    for (let n = 0; n < 5; n++) await ann.says(hall, `${n}`);
    for (const client of clients) await client.next('message.created', { seq: 5 });
    await chat.sql<object>`with gone as (delete from messages where room_id = ${hall.id} and seq > 3) update rooms set last_seq = 3, message_count = 3 where id = ${hall.id}`;
    const gaps = [];
    for (const client of clients) gaps.push(await client.next('gap', {}, 5_000));
    const epoch = (await chat.sql<{ epoch: string }>`select epoch from rooms where id = ${hall.id}`)[0]!.epoch;
    expect(epoch).not.toBe(hall.epoch);
    for (const gap of gaps) expect(gap).toMatchObject({ epoch, from: 1, to: 3, reason: 'epoch', fetch: `/api/v1/rooms/${hall.id}/messages` });
    await ann.says(hall, 'anew');
    for (const client of clients) expect((await client.next('message.created', {}, 3_000)).seq).toBe(4);
  }, 20_000);

  test('a restored backup gives every room a new epoch, which readers hear of', async () => {
    const hall = await chat.room(ann, bob);
    const client = await bob.listens(hall);
    await ann.says(hall, 'one');
    await client.next('message.created', { seq: 1 });
    await chat.sql<object>`update rooms set epoch = 'another' where id = ${hall.id}`;
    expect(await client.next('gap', {}, 3_000)).toMatchObject({ epoch: 'another', from: 1, to: 1, reason: 'epoch' });
    await ann.says(hall, 'two');
    await client.next('message.created', { seq: 2 });
  });

  test('a hole that Postgres does not have is told as lost, and counted', async () => {
    const hall = await chat.room(ann, bob);
    const client = await bob.listens(hall);
    await ann.says(hall, 'one');
    await client.next('message.created', { seq: 1 });
    await chat.sql<object>`update rooms set last_seq = 4 where id = ${hall.id}`;
    expect(await client.next('gap', {}, 3_000)).toMatchObject({ from: 2, to: 4, reason: 'lost', fetch: `/api/v1/rooms/${hall.id}/messages` });
    await until('counted', async () => (await metric(there, 'parlour_events_lost_total')) >= 1);
    await ann.says(hall, 'two');
    await client.next('message.created', { seq: 5 });
  });

  test('what a node did not publish is found by the others: rooms, sessions, memberships, deletions', async () => {
    const cat = (await chat.person('cat')).at(there);
    const hall = await chat.room(ann, bob);
    const [atThere, atCat] = [await bob.listens(hall), await cat.connect()];
    await chat.sql<object>`
      with taken as (update rooms set last_seq = last_seq + 1, message_count = message_count + 1 where id = ${hall.id})
      insert into messages (id, room_id, seq, sender_id, content) values (gen_random_uuid(), ${hall.id}, 1, ${ann.id}, 'unpublished')`;
    expect((await atThere.next('message.created', {}, 3_000)).message.content).toBe('unpublished');
    await chat.sql<object>`with counted as (update rooms set member_count = member_count + 1 where id = ${hall.id}) insert into memberships (room_id, user_id) values (${hall.id}, ${cat.id})`;
    await atCat.next('room.added', { roomId: hall.id }, 3_000);
    await chat.sql<object>`update sessions set ended_at = now() where user_id = ${cat.id}`;
    expect((await atCat.closed).code).toBe(4501);
    await chat.sql<object>`with gone as (delete from memberships where room_id = ${hall.id}) delete from rooms where id = ${hall.id}`;
    expect(await atThere.next('room.removed', {}, 3_000)).toEqual({ type: 'room.removed', roomId: hall.id, reason: 'deleted' });
  }, 20_000);
});

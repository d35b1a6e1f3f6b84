import { describe, expect, test } from 'bun:test';
import { connect } from 'node:net';
import { type Any, type Client, openChat } from '../support/chat.ts';
import { until } from '../support/wait.ts';

describe('rooms come and go', () => {
  test('room.added reaches all sockets of whoever creates, joins, accepts, is added or has a conversation opened, once', async () => {
    await using chat = await openChat();
    const [ann, bob] = [await chat.person('ann'), await chat.person('bob')];
    const bobs = [await bob.connect(), await bob.connect()];
    const atAnn = await ann.connect();
    const expected: [string, string][] = [];
    const hears = async (client: Client, roomId: string, lastSeq: number) => {
      const added = await client.next('room.added', { roomId });
      expect(added.room).toMatchObject({ id: roomId, lastSeq, me: { role: expect.any(String) } });
    };
    const created = await ann.room('Created', { memberIds: [bob.id] });
    await hears(atAnn, created.id, 0);
    for (const client of bobs) await hears(client, created.id, 0);
    const open = await ann.room('Open', { visibility: 'public' });
    await bob.done('POST', `/rooms/${open.id}/join`);
    for (const client of bobs) await hears(client, open.id, 1);
    const added = await ann.room('Added');
    await ann.adds(added, bob);
    for (const client of bobs) await hears(client, added.id, 1);
    const invited = await ann.room('Invited');
    const { code } = await ann.done('POST', `/rooms/${invited.id}/invites`, {});
    await bob.done('POST', `/invites/${code}/accept`);
    for (const client of bobs) await hears(client, invited.id, 1);
    const direct = await ann.done('PUT', `/users/${bob.id}/conversation`);
    for (const client of [...bobs, atAnn]) await hears(client, direct.id, 0);
    expected.push(['x', 'y']);
    // The poll looks ten seconds back each second, and must not tell of them again.
    await Bun.sleep(2_200);
    for (const client of bobs) {
      await client.settled();
      expect(client.all('room.added').length).toBe(5);
    }
    const late = await bob.connect();
    await Bun.sleep(1_200);
    await late.settled();
    expect(late.all('room.added')).toEqual([]);
    await bob.done('POST', `/rooms/${open.id}/leave`);
    for (const client of [...bobs, late]) expect(await client.next('room.removed')).toEqual({ type: 'room.removed', roomId: open.id, seq: 2, reason: 'left' });
    await bob.done('POST', `/rooms/${open.id}/join`);
    for (const client of [...bobs, late]) await hears(client, open.id, 3);
  }, 20_000);

  test('a removed member hears nothing more; room.removed is the last word, once on each of his sockets', async () => {
    await using chat = await openChat();
    const [ann, bob] = [await chat.person('ann'), await chat.person('bob')];
    const hall = await chat.room(ann, bob);
    const [subscribed, other] = [await bob.listens(hall), await bob.connect()];
    const atAnn = await ann.listens(hall);
    await ann.says(hall, 'one');
    await subscribed.next('message.created', { seq: 1 });
    await ann.removes(hall, bob);
    for (const client of [subscribed, other])
      expect(await client.next('room.removed')).toEqual({ type: 'room.removed', roomId: hall.id, seq: 2, reason: 'removed' });
    expect(await atAnn.next('member.left')).toMatchObject({ seq: 2, actorId: ann.id, reason: 'removed', member: { user: { id: bob.id } } });
    const marks = [subscribed.frames.length, other.frames.length];
    await ann.says(hall, 'two');
    await atAnn.next('message.created', { seq: 3 });
    await subscribed.hearsNothingSince(marks[0]!);
    await other.hearsNothingSince(marks[1]!);
    expect((await subscribed.ask('message.send', { roomId: hall.id, content: 'x', clientMessageId: 'x' })).error.code).toBe('not_found');
    await subscribed.do('subscribe', { rooms: [{ roomId: hall.id, after: 1, epoch: hall.epoch }] });
    expect(subscribed.all('refused').length).toBe(1);
    await ann.adds(hall, bob);
    await subscribed.next('room.added', { roomId: hall.id });
    await subscribed.do('subscribe', { rooms: [{ roomId: hall.id, after: 1, epoch: hall.epoch }] });
    expect(subscribed.events(hall.id).map((event) => event.seq)).toEqual([1, 2, 3, 4]);
  });

  test('the deletion of a room is told to its members without a seq', async () => {
    await using chat = await openChat();
    const [ann, bob] = [await chat.person('ann'), await chat.person('bob')];
    const hall = await chat.room(ann, bob);
    const clients = [await ann.listens(hall), await bob.listens(hall), await bob.connect()];
    await ann.done('DELETE', `/rooms/${hall.id}`);
    for (const client of clients) expect(await client.next('room.removed')).toEqual({ type: 'room.removed', roomId: hall.id, reason: 'deleted' });
    await clients[1]!.do('subscribe', { rooms: [{ roomId: hall.id }] });
    expect(clients[1]!.all('refused').map((frame) => frame.error.code)).toEqual(['not_found']);
    await Bun.sleep(1_100);
    for (const client of clients) {
      await client.settled();
      expect(client.all('room.removed').length).toBe(1);
    }
  });
});

describe('what is worth hearing only now', () => {
  test('typing reaches the others, at most every three seconds, the end always, never the typist', async () => {
    await using chat = await openChat();
    const [ann, bob] = [await chat.person('ann'), await chat.person('bob')];
    const hall = await chat.room(ann, bob);
    const [typist, second, reader] = [await ann.listens(hall), await ann.listens(hall), await bob.listens(hall)];
    for (let n = 0; n < 5; n++) typist.send({ type: 'typing', roomId: hall.id, active: true });
    expect(await reader.next('typing')).toEqual({ type: 'typing', roomId: hall.id, userId: ann.id, active: true });
    typist.send({ type: 'typing', roomId: hall.id, active: false });
    expect((await reader.next('typing')).active).toBe(false);
    typist.send({ type: 'typing', roomId: hall.id, active: true });
    await typist.settled();
    await reader.settled();
    expect(reader.all('typing').length).toBe(2);
    const from = performance.now();
    expect((await reader.next('typing')).active).toBe(true);
    expect(performance.now() - from).toBeGreaterThan(2_000);
    await ann.says(hall, 'done');
    for (const client of [typist, second]) {
      await client.next('message.created');
      expect(client.all('typing')).toEqual([]);
    }
  }, 15_000);

  test('read markers reach the room now and then with the last value, and every own socket each time', async () => {
    await using chat = await openChat();
    const [ann, bob] = [await chat.person('ann'), await chat.person('bob')];
    const hall = await chat.room(ann, bob);
    for (let n = 0; n < 5; n++) await ann.says(hall, `${n}`);
    const [subscribed, unsubscribed, reader] = [await bob.listens(hall), await bob.connect(), await ann.listens(hall)];
    for (let seq = 1; seq <= 5; seq++) await subscribed.do('room.read', { roomId: hall.id, seq });
    await bob.done('PUT', `/rooms/${hall.id}/read`, { seq: 2 });
    const frames = [1, 2, 3, 4, 5].map((readSeq) => ({ type: 'read.updated', roomId: hall.id, userId: bob.id, readSeq }));
    for (const client of [subscribed, unsubscribed]) {
      await client.settled();
      expect(client.all('read.updated')).toEqual(frames);
    }
    expect((await reader.next('read.updated')).readSeq).toBe(1);
    expect((await reader.next('read.updated')).readSeq).toBe(5);
    expect(reader.all('read.updated').length).toBe(2);
  }, 15_000);

  test('presence: who is online at first, then who comes and goes, after a grace', async () => {
    await using chat = await openChat({ env: { PRESENCE_GRACE_SECONDS: '1' } });
    const [ann, bob, cat] = [await chat.person('ann'), await chat.person('bob'), await chat.person('cat')];
    const hall = await chat.room(ann, bob, cat);
    const atAnn = await ann.listens(hall);
    expect(await atAnn.next('presence')).toEqual({ type: 'presence', roomId: hall.id, count: 1, online: [ann.id] });
    const bob1 = await bob.connect();
    expect(await atAnn.next('presence')).toEqual({ type: 'presence', roomId: hall.id, count: 2, online: [bob.id], offline: [] });
    const bob2 = await bob.listens(hall);
    expect([...(await bob2.next('presence')).online].sort()).toEqual([ann.id, bob.id].sort());
    bob1.close();
    await bob1.closed;
    bob2.close();
    await bob2.closed;
    const back = await bob.connect();
    await Bun.sleep(2_300);
    await atAnn.settled();
    expect(atAnn.all('presence').length).toBe(2);
    back.close();
    const from = performance.now();
    expect(await atAnn.next('presence')).toEqual({ type: 'presence', roomId: hall.id, count: 1, online: [], offline: [bob.id] });
    expect(performance.now() - from).toBeGreaterThan(900);
    const dan = await chat.person('dan');
    await dan.connect();
    await ann.adds(hall, dan);
    expect(await atAnn.next('presence')).toMatchObject({ count: 2, online: [dan.id] });
    await ann.removes(hall, dan);
    expect(await atAnn.next('presence')).toMatchObject({ count: 1, offline: [dan.id] });
  }, 20_000);

  test('rooms above 200 members hear no typing and no markers of others, and presence as a number alone', async () => {
    await using chat = await openChat();
    const [ann, bob] = [await chat.person('ann'), await chat.person('bob')];
    const hall = await chat.room(ann, bob);
    await chat.sql<object>`insert into memberships (room_id, user_id) select ${hall.id}, gen_random_uuid() from generate_series(1, 200)`;
    await chat.sql<object>`update rooms set member_count = 202 where id = ${hall.id}`;
    const [typist, reader] = [await ann.listens(hall), await bob.listens(hall)];
    expect(await reader.next('presence')).toEqual({ type: 'presence', roomId: hall.id, count: 2 });
    await typist.do('typing', { roomId: hall.id, active: true });
    await ann.says(hall, 'one');
    await typist.do('room.read', { roomId: hall.id, seq: 1 });
    await typist.next('read.updated');
    await reader.next('message.created');
    await reader.settled();
    expect([...reader.all('typing'), ...reader.all('read.updated')]).toEqual([]);
    const cat = await chat.person('cat');
    await ann.adds(hall, cat);
    await cat.connect();
    expect(await reader.next('presence', {}, 8_000)).toEqual({ type: 'presence', roomId: hall.id, count: 3 });
  }, 20_000);
});

describe('the clock', () => {
  test('pings name the rooms that moved since the last one, and a silent peer is closed with 4012', async () => {
    await using chat = await openChat({ env: { WS_HEARTBEAT_SECONDS: '1', WS_IDLE_SECONDS: '3' } });
    const ann = await chat.person('ann');
    const [hall, attic] = [await chat.room(ann), await chat.room(ann)];
    const client = await ann.listens(hall, attic);
    expect(client.all('hello')[0].heartbeatMs).toBe(1_000);
    const first = await client.next('ping');
    expect(first).toEqual({ type: 'ping' });
    client.send({ type: 'pong' });
    await ann.says(hall, 'one');
    expect(await client.next('ping')).toEqual({ type: 'ping', heads: { [hall.id]: 1 } });
    const from = performance.now();
    client.send({ type: 'pong' });
    expect(await client.next('ping')).toEqual({ type: 'ping' });
    expect((await client.closed).code).toBe(4012);
    expect(performance.now() - from).toBeGreaterThan(2_900);
    const alive = await ann.connect({ library: 'ws' });
    for (let n = 0; n < 4; n++) {
      await alive.next('ping');
      (alive.socket as Any).pong();
    }
    expect(alive.closeCode).toBeUndefined();
  }, 20_000);

  test('a half-open peer, whose machine is gone, is found by the inbound clock', async () => {
    await using chat = await openChat({ env: { WS_HEARTBEAT_SECONDS: '1', WS_IDLE_SECONDS: '2' } });
    const ann = await chat.person('ann');
    const socket = connect(chat.node.port, '127.0.0.1');
    socket.write(
      `GET /ws HTTP/1.1\r\nHost: 127.0.0.1:${chat.node.port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer ${ann.token}\r\n\r\n`,
    );
    let heard = '';
    socket.on('data', (data) => {
      heard += data;
    });
    await until('ready', () => heard.includes('"ready"'));
    expect(chat.node.services.gateway.sockets).toBe(1);
    await until('gone', () => chat.node.services.gateway.sockets === 0, 4_000);
    socket.destroy();
  });

  test('a socket ends with its access token: told a minute before, closed with 4001; auth renews it', async () => {
    await using chat = await openChat();
    const ann = await chat.person('ann');
    const [short, bob] = [await ann.again(3), await chat.person('bob')];
    const sessions = chat.node.services.sessions;
    const client = await short.connect();
    const expiring = await client.next('token.expiring');
    expect(expiring.inMs).toBeLessThan(3_001);
    expect(expiring.inMs).toBeGreaterThan(1_000);
    expect((await client.ask('auth', { token: bob.token })).error.code).toBe('forbidden');
    expect((await client.ask('auth', { token: ann.token })).error.code).toBe('forbidden');
    expect((await client.ask('auth', { token: 'nonsense' })).error.code).toBe('unauthenticated');
    const same = await client.do('auth', { token: short.token });
    expect(same.expiresAt).toBe(client.all('ready')[0].expiresAt);
    expect((await client.closed).code).toBe(4001);

    // A fresh token of the same session.
    const user = await ann.done('GET', '/users/me');
    const tokens = await sessions.mint(user.id, 4);
    const other = new (client.constructor as typeof Client)(chat.node.url, { headers: { authorization: `Bearer ${tokens.accessToken}` } });
    await other.next('ready');
    const fresh = (await (
      await fetch(`${chat.node.url}/api/v1/auth/refresh`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ refreshToken: tokens.refreshToken }),
      })
    ).json()) as Any;
    const renewed = await other.do('auth', { token: fresh.accessToken });
    expect(Date.parse(renewed.expiresAt) - Date.now()).toBeGreaterThan(800_000);
    await Bun.sleep(4_500);
    await other.settled();
    // One opened by a ticket ends with the token that bought the ticket.
    const brief = await ann.again(3);
    const { ticket } = await brief.done('POST', '/auth/tickets');
    const byTicket = new (client.constructor as typeof Client)(chat.node.url, { path: `/ws?ticket=${ticket}` });
    expect((await byTicket.closed).code).toBe(4001);
  }, 25_000);
});

test('a draining node tells its sockets, answers what it received, and closes with 1012', async () => {
  await using chat = await openChat();
  const ann = await chat.person('ann');
  const hall = await chat.room(ann);
  const clients = await Promise.all([ann.listens(hall), ann.listens(hall), ann.connect()]);
  const drained = chat.node.services.gateway.drain();
  expect((await fetch(`${chat.node.url}/readyz`)).status).toBe(503);
  for (let n = 0; n < 20; n++) clients[0]!.send({ type: 'message.send', id: n, roomId: hall.id, content: `${n}`, clientMessageId: `${n}` });
  for (const client of clients) {
    const { afterMs } = await client.next('reconnect');
    expect(afterMs).toBeGreaterThanOrEqual(0);
    expect(afterMs).toBeLessThanOrEqual(3_000);
    expect((await client.closed).code).toBe(1012);
  }
  await drained;
  expect((await ann.ask('GET', '/users/me')).status).toBe(200);
  const stored = new Set((await ann.log(hall)).map((event) => event.message.content));
  for (const { id } of clients[0]!.all('ok', {})) if (typeof id === 'number') expect(stored.has(`${id}`)).toBe(true);
}, 15_000);

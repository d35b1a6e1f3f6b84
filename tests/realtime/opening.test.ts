import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { type Chat, Client, type Person, openChat } from '../support/chat.ts';

let chat: Chat;
let ann: Person;
let hall: { id: string; epoch: string };

beforeAll(async () => {
  chat = await openChat({ env: { WS_AUTH_SECONDS: '1', WS_QUERY_TOKEN: 'true', ORIGINS: 'https://friend.example', WS_PER_USER: '3' } });
  ann = await chat.person('ann');
  hall = await chat.room(ann);
});
afterAll(() => chat[Symbol.asyncDispose]());

/** The answer to a handshake that is asked for over plain HTTP. */
const knock = (path: string, headers: Record<string, string> = {}) => fetch(`${chat.node.url}${path}`, { headers });
const handshake = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' };
const open = (options: ConstructorParameters<typeof Client>[1] = {}) => new Client(chat.node.url, options);

describe('the handshake', () => {
  test('without upgrade is 426, with Upgrade in the answer', async () => {
    for (const path of ['/ws', `/ws/chat/${hall.id}`]) {
      const answer = await knock(path);
      expect(answer.status).toBe(426);
      expect(answer.headers.get('upgrade')).toBe('websocket');
      expect(((await answer.json()) as { code: string }).code).toBe('upgrade_required');
    }
  });

  test('from a foreign origin is 403, also for null; from the own, a listed one or none it is accepted', async () => {
    for (const origin of ['https://evil.example', 'null', 'http://127.0.0.1:1', `https://127.0.0.1:${chat.node.port}`]) {
      expect((await knock('/ws', { ...handshake, origin })).status).toBe(403);
    }
    for (const headers of [{}, { origin: 'https://friend.example' }, { origin: chat.node.url }] as Record<string, string>[]) {
      const client = open({ headers, library: 'ws' });
      await client.next('hello');
      client.close();
    }
  });

  test('names chat.v1 to whoever asks for it, no protocol to whoever names none, and closes others with 4504', async () => {
    for (const library of ['bun', 'ws'] as const) {
      const named = open({ protocols: ['other', 'chat.v1'], library });
      await named.next('hello');
      expect(named.protocol).toBe('chat.v1');
      const unnamed = open({ library });
      await unnamed.next('hello');
      expect(unnamed.protocol).toBe('');
      const foreign = open({ protocols: ['chat.v9', 'chat.v8'], library });
      expect((await foreign.closed).code).toBe(4504);
      expect(foreign.protocol).toBe('chat.v9');
      for (const client of [named, unnamed]) client.close();
    }
  });
});

describe('the proof', () => {
  test('as a bearer, a ticket, a query parameter or the first frame leads to hello and ready, in this order', async () => {
    const { ticket } = await ann.done('POST', '/auth/tickets');
    const ways = [{ headers: { authorization: `bearer ${ann.token}` } }, { path: `/ws?ticket=${ticket}` }, { path: `/ws?token=${ann.token}` }, {}];
    for (const way of ways) {
      const client = open({ ...way, library: 'ws' });
      if (Object.keys(way).length === 0) {
        await client.next('hello');
        client.send({ type: 'auth', token: ann.token, id: 1 });
      }
      const ready = await client.next('ready');
      expect(client.frames.map((frame) => frame.type).slice(0, 2)).toEqual(['hello', 'ready']);
      expect(ready).toMatchObject({ user: { id: ann.id }, rooms: [{ roomId: hall.id, epoch: hall.epoch, lastSeq: 0, readSeq: 0 }], next: null });
      expect(Math.abs(Date.parse(ready.expiresAt) - Date.now() - 900_000)).toBeLessThan(5_000);
      if (Object.keys(way).length === 0) await client.next('ok', { id: 1 });
      client.close();
      await client.closed;
    }
  });

  test('a ticket opens one socket only', async () => {
    const { ticket } = await ann.done('POST', '/auth/tickets');
    const first = open({ path: `/ws?ticket=${ticket}` });
    await first.next('ready');
    const second = open({ path: `/ws?ticket=${ticket}` });
    expect((await second.next('error')).error.code).toBe('unauthenticated');
    expect((await second.closed).code).toBe(4500);
    first.close();
  });

  test('another scheme than Bearer counts as none', async () => {
    const client = open({ headers: { authorization: 'Basic YTpi' } });
    await client.next('hello');
    client.send({ type: 'auth', token: ann.token });
    await client.next('ready');
    client.close();
  });

  test('a bad one is told on the socket: an error, then the code', async () => {
    const gone = await ann.again();
    await gone.done('POST', '/auth/logout');
    const brief = await ann.again(1);
    const bob = await chat.person('bob');
    const admin = await chat.person('admin', { admin: true });
    await admin.done('PATCH', `/users/${bob.id}`, { disabled: true });
    await Bun.sleep(1_100);
    const cases: [string, string, number][] = [
      ['', 'unauthenticated', 4500],
      ['nonsense', 'unauthenticated', 4500],
      [`${ann.token}x`, 'unauthenticated', 4500],
      [gone.token, 'session_revoked', 4501],
      [brief.token, 'token_expired', 4001],
      [bob.token, 'account_disabled', 4503],
    ];
    for (const [token, code, close] of cases) {
      const byHeader = open({ headers: { authorization: `Bearer ${token}` }, library: 'ws' });
      const byFrame = open();
      await byFrame.next('hello');
      byFrame.send({ type: 'auth', token, id: 'mine' });
      expect((await byFrame.next('error')).id).toBe('mine');
      for (const client of [byHeader, byFrame]) {
        expect((await client.closed).code).toBe(close);
        expect(client.all('error').map((frame) => frame.error.code)).toEqual([code]);
        expect(client.all('error')[0].error).toMatchObject({ type: `/errors/${code}`, temporary: false });
        expect(client.all('ready')).toEqual([]);
      }
    }
  });

  test('missing for the given time closes with 4002, whatever else is said meanwhile', async () => {
    const client = open();
    await client.next('hello');
    client.send({ type: 'ping', id: 1 });
    client.send({ type: 'subscribe', rooms: [], id: 2 });
    client.send({ type: 'what', id: 3 });
    client.send({ type: 'auth', id: 4 });
    client.send({ type: 'pong', id: 5 });
    expect((await client.closed).code).toBe(4002);
    expect(client.all('error').map((frame) => [frame.id, frame.error.code])).toEqual([
      [1, 'unauthenticated'],
      [2, 'unauthenticated'],
      [3, 'unauthenticated'],
      [4, 'invalid'],
    ]);
    expect(client.all('error')[3].error.errors).toMatchObject([{ pointer: '/token', code: 'required' }]);
  });

  test('may be followed by commands at once', async () => {
    const client = open();
    await client.opened;
    client.send({ type: 'auth', token: ann.token, id: 1 });
    client.send({ type: 'subscribe', rooms: [{ roomId: hall.id }], id: 2 });
    await client.next('ok', { id: 2 });
    expect(client.frames.map((frame) => frame.type).slice(0, 5)).toEqual(['hello', 'ready', 'ok', 'synced', 'ok']);
    client.close();
  });
});

test('one socket too many of a user closes the oldest with 4505', async () => {
  const dan = await chat.person('dan');
  const sockets: Client[] = [];
  for (let n = 0; n < 3; n++) sockets.push(await dan.connect());
  expect(sockets.map((socket) => socket.closeCode)).toEqual([undefined, undefined, undefined]);
  const fourth = await dan.connect();
  expect((await sockets[0]!.closed).code).toBe(4505);
  await fourth.settled();
  await sockets[1]!.settled();
  await sockets[2]!.settled();
});

test('a full node accepts and closes with 1013, before hello', async () => {
  await using full = await openChat({ env: { WS_MAX: '2' } });
  const [one, two] = [new Client(full.node.url), new Client(full.node.url)];
  await one.next('hello');
  await two.next('hello');
  const three = new Client(full.node.url);
  expect((await three.closed).code).toBe(1013);
  expect(three.frames).toEqual([]);
  one.close();
  await one.closed;
  await new Client(full.node.url).next('hello');
});

test('too many openings from one address: accepted, told, closed with 4013', async () => {
  await using chat = await openChat({ env: { RATE_LIMITS: 'true', RATE_OPEN: '2/60' } });
  await new Client(chat.node.url).next('hello');
  await new Client(chat.node.url).next('hello');
  const third = new Client(chat.node.url);
  expect((await third.closed).code).toBe(4013);
  expect(third.frames.map((frame) => frame.error?.code ?? frame.type)).toEqual(['hello', 'rate_limited']);
  expect(third.frames[1].error.temporary).toBe(true);
});

describe('a socket for one room', () => {
  test('is ready with that room alone and synced unasked', async () => {
    const eve = await chat.person('eve');
    const attic = await eve.room('Attic');
    await eve.room('Other');
    await eve.says(attic, 'one');
    const client = await eve.connect({ path: `/ws/chat/${attic.id.toUpperCase()}?after=0&epoch=${attic.epoch}` });
    expect(client.all('ready')[0].rooms.map((room: { roomId: string }) => room.roomId)).toEqual([attic.id]);
    await client.next('synced', { seq: 1 });
    expect(client.events(attic.id).map((event) => event.message.content)).toEqual(['one']);
    await client.do('message.send', { content: 'two', clientMessageId: 'x' });
    await client.next('message.created', { seq: 2 });
    expect(await client.do('room.read', { seq: 2 })).toMatchObject({ readSeq: 2, unread: 0 });
    await client.do('subscribe');
    await client.next('synced', { seq: 2 });
    expect((await client.ask('message.send', { roomId: hall.id, content: 'no', clientMessageId: 'y' })).error.code).toBe('forbidden');
    expect((await client.ask('subscribe', { rooms: [{ roomId: hall.id }] })).error.code).toBe('forbidden');
    client.close();
  });

  test('for a stranger, a path without a UUID, or after without epoch: hello, error, 4506', async () => {
    const fay = await chat.person('fay');
    const open_ = await ann.room('Open', { visibility: 'public' });
    const cases: [string, string][] = [
      [hall.id, 'not_found'],
      [open_.id, 'forbidden'],
      ['not-a-uuid', 'not_found'],
      [Bun.randomUUIDv7(), 'not_found'],
    ];
    for (const [path, code] of cases) {
      const client = open({ path: `/ws/chat/${path}`, headers: { authorization: `Bearer ${fay.token}` }, library: 'ws' });
      expect((await client.closed).code).toBe(4506);
      expect(client.frames.map((frame) => frame.error?.code ?? frame.type)).toEqual(['hello', code]);
    }
    for (const [query, pointer] of [
      ['after=3', '/epoch'],
      ['after=x&epoch=e', '/after'],
    ]) {
      const client = open({ path: `/ws/chat/${hall.id}?${query}`, headers: { authorization: `Bearer ${ann.token}` } });
      expect((await client.closed).code).toBe(4506);
      expect(client.frames[1].error).toMatchObject({ code: 'invalid', errors: [{ pointer }] });
    }
  });

  test('closes with 4506 after a removal, and after the deletion of the room', async () => {
    const [gil, hal] = [await chat.person('gil'), await chat.person('hal')];
    for (const how of ['removed', 'deleted'] as const) {
      const attic = await chat.room(gil, hal);
      const client = await hal.connect({ path: `/ws/chat/${attic.id}` });
      await client.next('synced');
      if (how === 'removed') await gil.removes(attic, hal);
      else await gil.done('DELETE', `/rooms/${attic.id}`);
      expect((await client.closed).code).toBe(4506);
      expect(client.all('room.removed')).toEqual([{ type: 'room.removed', roomId: attic.id, ...(how === 'removed' ? { seq: 1 } : {}), reason: how }]);
    }
  });
});

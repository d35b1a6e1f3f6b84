import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { connect } from 'node:net';
import { type Any, type Chat, type Client, type Person, openChat } from '../support/chat.ts';
import { until } from '../support/wait.ts';

let chat: Chat;
let ann: Person;
let bob: Person;
let hall: Any;

beforeAll(async () => {
  chat = await openChat();
  [ann, bob] = [await chat.person('ann'), await chat.person('bob')];
  hall = await chat.room(ann, bob);
});
afterAll(() => chat[Symbol.asyncDispose]());

const issuesOf = (answer: Any): string[] => answer.error.errors.map(({ pointer, code }: Any) => `${pointer} ${code}`);
const send = (client: Client, room: Any, content: string, more: object = {}) =>
  client.ask('message.send', { roomId: room.id, content, clientMessageId: Bun.randomUUIDv7(), ...more });

describe('sending', () => {
  test('answers after the commit, repeats with duplicate, conflicts with another text', async () => {
    const client = await ann.connect();
    const first = await send(client, hall, 'hello', { clientMessageId: 'once' });
    expect(first).toMatchObject({ type: 'ok', message: { content: 'hello', sender: { id: ann.id } } });
    expect(first.duplicate).toBeUndefined();
    expect(first.message.seq).toBe(first.seq);
    expect(await ann.done('GET', `/messages/${first.message.id}`)).toEqual(first.message);
    await client.do('message.edit', { messageId: first.message.id, content: 'changed' });
    const again = await send(client, hall, 'hello', { clientMessageId: 'once' });
    expect(again).toMatchObject({ type: 'ok', seq: first.seq, duplicate: true, message: { id: first.message.id, content: 'changed' } });
    expect((await send(client, hall, 'other', { clientMessageId: 'once' })).error.code).toBe('idempotency_conflict');
    const [{ count }] = (await chat.sql`select count(*)::int as count from messages where client_message_id = 'once'`) as Any;
    expect(count).toBe(1);
  });

  test('edits and deletes with the seq of the event, and without one when nothing changed', async () => {
    const client = await ann.listens(hall);
    const { message } = await send(client, hall, 'draft');
    const edited = await client.do('message.edit', { messageId: message.id, content: 'final' });
    expect(edited).toMatchObject({ seq: message.seq + 1, message: { seq: message.seq, content: 'final' } });
    const same = await client.do('message.edit', { messageId: message.id, content: 'final' });
    expect(Object.keys(same)).toEqual(['type', 'id', 'message']);
    const gone = await client.do('message.delete', { messageId: message.id });
    expect(gone).toMatchObject({ seq: message.seq + 2, message: { content: '', deletedAt: expect.any(String) } });
    expect((await client.do('message.delete', { messageId: message.id })).seq).toBeUndefined();
    expect((await client.ask('message.edit', { messageId: message.id, content: 'late' })).error.code).toBe('conflict');
    const types = client.events(hall.id).map((event) => event.type);
    expect(types).toEqual(['message.created', 'message.edited', 'message.deleted']);
  });

  test('and everything else is a matter of membership, not of subscription', async () => {
    const eve = await chat.person('eve');
    const open = await ann.room('Open', { visibility: 'public' });
    const client = await eve.connect();
    const { message } = await send(await ann.connect(), open, 'mine');
    const commands = (roomId: string): [string, object][] => [
      ['message.send', { roomId, content: 'x', clientMessageId: 'x' }],
      ['room.read', { roomId, seq: 1 }],
      ['typing', { roomId, active: true }],
    ];
    for (const [type, fields] of commands(hall.id)) expect((await client.ask(type, fields as Any)).error.code).toBe('not_found');
    for (const [type, fields] of commands(open.id)) expect((await client.ask(type, fields as Any)).error.code).toBe('forbidden');
    expect((await client.ask('message.edit', { messageId: message.id, content: 'x' })).error.code).toBe('forbidden');
    expect((await client.ask('message.delete', { messageId: message.id })).error.code).toBe('forbidden');
    expect((await client.ask('message.delete', { messageId: Bun.randomUUIDv7() })).error.code).toBe('not_found');
    await eve.done('POST', `/rooms/${open.id}/join`);
    expect((await send(client, open, 'now I may')).type).toBe('ok');
  });

  test('pipelined keeps its order, and a command of another kind waits for those before it', async () => {
    const room = await chat.room(ann);
    const client = await ann.listens(room);
    for (let n = 0; n < 60; n++) client.send({ type: 'message.send', roomId: room.id, content: `${n}`, clientMessageId: `m${n}`, id: n });
    client.send({ type: 'room.read', roomId: room.id, seq: 60, id: 'read' });
    const read = await client.next('ok', { id: 'read' });
    expect(read.readSeq).toBe(60);
    await client.when('all', () => (client.events(room.id).length === 60 ? true : undefined));
    expect(client.events(room.id).map((event) => event.message.content)).toEqual(Array.from({ length: 60 }, (_, n) => `${n}`));
    const { message } = await send(client, room, 'v0');
    for (let n = 1; n <= 20; n++) client.send({ type: 'message.edit', messageId: message.id, content: `v${n}`, id: `e${n}` });
    client.send({ type: 'message.send', roomId: room.id, content: 'after', clientMessageId: 'after', id: 'after' });
    const after = await client.next('ok', { id: 'after' });
    expect(after.seq).toBe(82);
    expect((await ann.done('GET', `/messages/${message.id}`)).content).toBe('v20');
  });

  test('at most 64 unanswered, then overloaded: not carried out', async () => {
    const room = await chat.room(ann);
    const client = await ann.connect();
    for (let n = 0; n < 100; n++) client.send({ type: 'message.send', roomId: room.id, content: `${n}`, clientMessageId: `m${n}`, id: n });
    await client.when('all answers', (frames) => (frames.filter((frame) => frame.type === 'ok' || frame.type === 'error').length === 100 ? true : undefined));
    const refused = client.all('error');
    expect(refused.length).toBeGreaterThan(0);
    for (const { error } of refused) expect(error).toMatchObject({ code: 'overloaded', temporary: true, status: 503, retryAfterMs: expect.any(Number) });
    const log = await ann.log(room);
    expect(log.length).toBe(client.all('ok').length);
    expect(log.length).toBeGreaterThanOrEqual(64);
    const stored = new Set(log.map((event) => event.message.content));
    for (const { id } of refused) expect(stored.has(`${id}`)).toBe(false);
    expect((await send(client, room, 'again')).type).toBe('ok');
  });

  test('without an id only failures are answered', async () => {
    const client = await ann.listens(hall);
    const before = client.frames.length;
    client.send({ type: 'message.send', roomId: hall.id, content: 'quiet', clientMessageId: 'quiet' });
    await client.next('message.created', { actorId: ann.id });
    await client.settled();
    expect(client.frames.slice(before).map((frame) => frame.type)).toEqual(['message.created', 'pong']);
    client.send({ type: 'message.send', roomId: hall.id, content: '', clientMessageId: 'quiet' });
    const error = await client.next('error');
    expect('id' in error).toBe(false);
  });
});

describe('bad input', () => {
  test('malformed frames are told, the third ends the socket with 4400', async () => {
    for (const bad of ['{', '[]', '"x"', 'null', '{}', '{"type":1}', '', '\u{feff}{"type":"ping"}', '['.repeat(20_000)]) {
      const client = await ann.connect();
      client.send(bad);
      expect((await client.next('error')).error).toMatchObject({ code: 'malformed', status: 400 });
      await client.settled();
      client.send(bad);
      client.send({ type: 'ping', id: 1 });
      await client.next('pong', { id: 1 });
      client.send(bad);
      expect((await client.closed).code).toBe(4400);
      expect(client.all('error').length).toBe(3);
    }
  });

  test('wrong fields are told with a pointer, and the socket stays', async () => {
    const client = await ann.connect();
    const cases: [string, Any, string[]][] = [
      ['what', {}, ['/type enum']],
      ['__proto__', {}, ['/type enum']],
      ['message.send', { roomId: hall.id, content: 'x' }, ['/clientMessageId required']],
      ['message.send', { roomId: hall.id, content: '', clientMessageId: 'a b' }, ['/clientMessageId format', '/content too_short']],
      ['message.send', { roomId: 'x', content: ' ', clientMessageId: 'a' }, ['/content blank', '/roomId format']],
      ['message.send', { roomId: hall.id, content: 'x'.repeat(4_001), clientMessageId: 'a' }, ['/content too_long']],
      ['message.send', { roomId: hall.id, content: 'a\0', clientMessageId: 'a' }, ['/content format']],
      ['message.send', { roomId: hall.id, content: '\ud800', clientMessageId: 'a' }, ['/content format']],
      ['message.send', { roomId: hall.id, content: 5, clientMessageId: 'a', replyTo: 5 }, ['/content type', '/replyTo type']],
      ['message.send', { roomId: hall.id, content: 'x', clientMessageId: 'a', replyTo: Bun.randomUUIDv7() }, ['/replyTo unknown']],
      ['room.read', { roomId: hall.id, seq: '5' }, ['/seq type']],
      ['room.read', { roomId: hall.id, seq: -1 }, ['/seq too_small']],
      ['room.read', { roomId: hall.id, seq: 2 ** 53 }, ['/seq too_large']],
      ['typing', { roomId: hall.id }, ['/active required']],
      ['subscribe', {}, ['/rooms required']],
      ['subscribe', { rooms: 'x' }, ['/rooms type']],
      ['subscribe', { rooms: [{ roomId: 'x' }] }, ['/rooms/0/roomId format']],
      ['subscribe', { rooms: [{ roomId: hall.id }, { roomId: hall.id, after: 1 }] }, ['/rooms/1/roomId taken']],
      ['subscribe', { rooms: [{ roomId: hall.id, after: 1 }] }, ['/rooms/0/epoch required']],
      ['subscribe', { rooms: Array.from({ length: 201 }, () => ({ roomId: hall.id })) }, ['/rooms too_long']],
      ['unsubscribe', { rooms: [5] }, ['/rooms/0 type']],
      ['auth', {}, ['/token required']],
    ];
    for (const [type, fields, expected] of cases) {
      const answer = await client.ask(type, fields);
      expect([type, answer.error.code, issuesOf(answer).sort()]).toEqual([type, 'invalid', expected]);
    }
    expect(client.closeCode).toBeUndefined();
  });

  test('an id is an integer or a short text, echoed as given; null is none', async () => {
    const client = await ann.connect();
    for (const id of [0, -7, 2 ** 53 - 1, 'a', 'ä'.repeat(64), '😀'.repeat(64), '7']) {
      for (const more of [{}, { x: 1 }]) {
        client.send({ type: 'ping', id, ...more });
        await client.next('pong', { id });
      }
    }
    client.send({ type: 'ping', id: null });
    expect(await client.next('pong')).toEqual({ type: 'pong' });
    for (const id of ['', 'x'.repeat(65), 1.5, true, {}, [], 'a\0', '\ud800']) {
      client.send({ type: 'ping', id });
      const answer = await client.next('error');
      expect([answer.id, ...issuesOf(answer)]).toEqual([undefined, '/id type']);
    }
    client.send('{"type":"ping","id":1e400}');
    expect(issuesOf(await client.next('error'))).toEqual(['/id type']);
    client.send('{"type":"ping","id":9007199254740993}');
    expect(issuesOf(await client.next('error'))).toEqual(['/id type']);
  });

  test('unknown and duplicate keys, __proto__ and a depth of 20,000 in an unknown field are ignored', async () => {
    const client = await ann.connect();
    client.send(`{"type":"ping","id":1,"__proto__":{"id":2},"deep":${'['.repeat(10_000)}${']'.repeat(10_000)}}`);
    const answer = await client.when('an answer', (frames) => frames.find((frame) => frame.type === 'pong' || frame.type === 'error'));
    expect([answer.type, answer.id ?? answer.error.code]).toEqual(['pong', 1]);
    client.send('{"type":"what","type":"ping","id":3,"id":4}');
    await client.next('pong', { id: 4 });
    expect(({} as Any).id).toBeUndefined();
  });

  test('what is accepted comes back as it was sent', async () => {
    const client = await ann.listens(hall);
    for (const content of [
      '\u202Eevil',
      'a\u200bb',
      `e${'\u0301'.repeat(3_999)}`,
      ' padded ',
      "'; drop table users; --",
      '%_\\ & | ! :*',
      '<b>',
      '😀'.repeat(4_000),
    ]) {
      const answer = await send(client, hall, content);
      expect(answer.message.content).toBe(content);
      expect((await client.next('message.created', { seq: answer.seq })).message.content).toBe(content);
    }
  });

  test('binary frames end the socket with 1003, too large ones with 1009, bad UTF-8 with 1007', async () => {
    const binary = await ann.connect();
    binary.socket.send(new Uint8Array([1, 2, 3]));
    expect((await binary.closed).code).toBe(1003);
    const large = await ann.connect({ library: 'ws' });
    large.send(`{"type":"ping","x":"${'x'.repeat(65_536 - 22)}","id":1}`);
    expect((await large.closed).code).toBe(1009);
    const fits = await ann.connect({ library: 'ws' });
    const frame = `{"type":"ping","id":1,"x":"${'x'.repeat(65_536 - 29)}"}`;
    expect(frame.length).toBe(65_536);
    fits.send(frame);
    await fits.next('pong', { id: 1 });
    expect(await closeCodeAfter(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28]))).toBe(1007);
  });

  test('a fragmented message counts as one', async () => {
    const socket = (await ann.connect({ library: 'ws' })) as Client;
    const raw = socket.socket as Any;
    raw.send('{"type":"pi', { fin: false });
    raw.send('ng","id":', { fin: false });
    raw.send('77}', { fin: true });
    await socket.next('pong', { id: 77 });
    raw.send('x'.repeat(40_000), { fin: false });
    raw.send('x'.repeat(40_000), { fin: true });
    expect((await socket.closed).code).toBe(1009);
  });
});

/** The code in the close frame that answers these bytes on a fresh socket. */
function closeCodeAfter(bytes: Buffer): Promise<number> {
  return new Promise((done, fail) => {
    const socket = connect(chat.node.port, '127.0.0.1');
    let received: Buffer = Buffer.alloc(0);
    socket.write(
      `GET /ws HTTP/1.1\r\nHost: 127.0.0.1:${chat.node.port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
    );
    let asked = false;
    socket.on('data', (data) => {
      received = Buffer.concat([received, data as Buffer]);
      if (!asked && received.includes('hello')) {
        asked = true;
        socket.write(bytes);
      }
      const at = received.lastIndexOf(0x88);
      if (asked && at >= 0 && received.length >= at + 4) {
        done(received.readUInt16BE(at + 2));
        socket.destroy();
      }
    });
    socket.on('error', fail);
    socket.setTimeout(5_000, () => fail(new Error('no close frame')));
  });
}

describe('limits', () => {
  test('are per user and class; ping, pong and typing are free; ten refusals in ten seconds end the socket with 4013', async () => {
    await using chat = await openChat({ env: { RATE_LIMITS: 'true', RATE_SEND: '3/60', RATE_WRITE: '4/60' } });
    const ann = await chat.person('ann');
    const room = await chat.room(ann);
    const client = await ann.connect();
    for (let n = 0; n < 50; n++) client.send({ type: 'ping' });
    for (let n = 0; n < 50; n++) client.send({ type: 'pong' });
    for (let n = 0; n < 5; n++) await client.do('typing', { roomId: room.id, active: true });
    for (let n = 0; n < 3; n++) expect((await send(client, room, `${n}`)).type).toBe('ok');
    const refused = await send(client, room, 'no');
    expect(refused.error).toMatchObject({ code: 'rate_limited', status: 429, temporary: true, retryAfterMs: expect.any(Number) });
    expect((await ann.ask('POST', `/rooms/${room.id}/messages`, { content: 'no' })).status).toBe(429);
    expect((await client.ask('message.send', { roomId: 'x' })).error.code).toBe('rate_limited');
    // The room was made with one of the four.
    expect((await client.ask('subscribe', { rooms: [{ roomId: room.id }] })).type).toBe('ok');
    expect((await client.ask('what')).error.code).toBe('invalid');
    expect((await client.ask('room.read', { roomId: room.id, seq: 1 })).type).toBe('ok');
    expect((await client.ask('what')).error.code).toBe('rate_limited');
    for (let n = 0; n < 7; n++) client.send({ type: 'room.read', roomId: room.id, seq: 1 });
    expect((await client.closed).code).toBe(4013);
    expect(client.all('error').filter((frame) => frame.error.code === 'rate_limited').length).toBe(10);
  });

  test('an admin who lost the role loses its rights on open sockets as well', async () => {
    const root = await chat.person('root', { admin: true });
    const client = await root.connect();
    const one = await ann.says(hall, 'one');
    const two = await ann.says(hall, 'two');
    expect((await client.ask('message.delete', { messageId: one.id })).type).toBe('ok');
    await chat.sql<object>`update users set role = 'user' where id = ${root.id}`;
    expect((await client.ask('message.delete', { messageId: two.id })).error.code).toBe('not_found');
  });
});

test('a session that ends takes its sockets along: 4501, or 4503 when the account is disabled', async () => {
  const [root, eve] = [await chat.person('root', { admin: true }), await chat.person('eve')];
  const other = await eve.again();
  const [here, there] = [await eve.connect(), await other.connect()];
  await eve.done('POST', '/auth/logout');
  expect((await here.closed).code).toBe(4501);
  await there.settled();
  await root.done('PATCH', `/users/${eve.id}`, { disabled: true });
  expect((await there.closed).code).toBe(4503);
  const fay = await chat.person('fay');
  const client = await fay.connect();
  await root.done('DELETE', `/users/${fay.id}`);
  expect((await client.closed).code).toBe(4501);
  expect(client.all('room.removed')).toEqual([]);
});

test('nothing of this was an error of the server', async () => {
  await until('quiet', () => true);
  expect(chat.node.lines.filter((line) => line.includes('"level":"error"'))).toEqual([]);
});

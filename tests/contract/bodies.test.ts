/** rest.md on bodies: what is read, what is refused with which status, and which of a body's keys count. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { blamed } from './client.ts';
import { type Person, person } from './people.ts';
import { type Server, startServer } from './server.ts';

let server: Server;
let ann: Person;
let room: string;

beforeAll(async () => {
  server = await startServer();
  ann = await person(server, 'ann');
  room = (await ann.does(201, 'POST', 'rooms', { name: 'Hall' })).id;
});
afterAll(() => server.stop());

const send = (raw: string | Uint8Array, type: string | undefined = 'application/json', headers: Record<string, string> = {}) =>
  server.ask('POST', `rooms/${room}/messages`, { token: ann.token, raw, type, headers });
/** A body that is fine but for what is done to it. */
const fine = '{"content":"fine"}';

describe('the content type', () => {
  for (const type of [
    'application/json',
    'APPLICATION/JSON',
    'Application/Json; charset=utf-8',
    'application/json;charset=UTF-8',
    'application/json ; charset=utf-8',
    'application/json; Charset="utf-8"',
  ]) {
    test(`${type} is read`, async () => expect((await send(fine, type)).status).toBe(201));
  }
  for (const type of [
    'text/plain',
    'application/json; charset=latin1',
    'application/json; charset=utf-16',
    'application/json; boundary=x',
    'application/json; charset=utf-8; v=1',
    'application/jsonp',
    'application/problem+json',
    'application/merge-patch+json',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'json',
    '*/*',
    'application/json, text/plain',
  ]) {
    test(`${type} is 415`, async () => {
      const answer = await send(fine, type);
      expect([answer.status, answer.json.code]).toEqual([415, 'unsupported_media_type']);
    });
  }
  test('none with a body is 415', async () => expect((await server.ask('POST', `rooms/${room}/messages`, { token: ann.token, raw: fine })).status).toBe(415));
  test('with a content encoding is 415, compressed or not', async () => {
    expect((await send(Bun.gzipSync(Buffer.from(fine)), 'application/json', { 'content-encoding': 'gzip' })).status).toBe(415);
    expect((await send(fine, 'application/json', { 'content-encoding': 'identity' })).status).toBe(415);
    expect((await send(fine, 'application/json', { 'content-encoding': 'br' })).status).toBe(415);
  });
});

describe('a body', () => {
  test('that is missing or empty is read as {}', async () => {
    for (const request of [{}, { raw: '', type: 'application/json' }, { raw: '' }]) {
      const answer = await server.ask('POST', `rooms/${room}/messages`, { token: ann.token, ...request });
      expect([answer.status, blamed(answer)]).toEqual([422, ['/content:required']]);
      expect((await server.ask('POST', `rooms/${room}/invites`, { token: ann.token, ...request })).status).toBe(201);
      expect((await server.ask('PATCH', `rooms/${room}`, { token: ann.token, ...request })).status).toBe(200);
    }
  });

  test('on a route that lists no fields is not read', async () => {
    for (const [method, path] of [
      ['POST', `rooms/${room}/join`],
      ['POST', 'auth/tickets'],
      ['DELETE', `messages/${(await ann.does(201, 'POST', `rooms/${room}/messages`, { content: 'x' })).id}`],
    ] as const) {
      const answer = await server.ask(method, path, { token: ann.token, raw: 'not { json', type: 'text/plain' });
      expect([path, answer.status < 300]).toEqual([path, true]);
    }
  });

  for (const [what, raw] of Object.entries({
    'broken JSON': '{"content":"x"',
    'a trailing comma': '{"content":"x",}',
    'two values': '{"content":"x"}{}',
    NaN: '{"content":NaN}',
    Infinity: '{"content":-Infinity}',
    'single quotes': "{'content':'x'}",
    'a comment': '{/* */"content":"x"}',
    'a BOM before it': '\ufeff{"content":"x"}',
    'a BOM in the middle': '{"content":\ufeff"x"}',
    'only a blank': ' ',
    'a raw control character in a string': '{"content":"a\u0001b"}',
    'a hexadecimal number': '{"content":0x10}',
    'a leading zero': '{"content":01}',
    'a word': 'undefined',
  })) {
    test(`with ${what} is 400`, async () => {
      const answer = await send(raw);
      expect([answer.status, answer.json.code]).toEqual([400, 'malformed']);
    });
  }

  test('that is not UTF-8 is 400', async () => {
    for (const bytes of [[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82]]) {
      const raw = Buffer.concat([Buffer.from('{"content":"'), Buffer.from(bytes), Buffer.from('"}')]);
      expect((await send(raw)).status).toBe(400);
    }
    expect((await send(Buffer.from(fine, 'utf16le'))).status).toBe(400);
  });

  test('of 64 KiB is read, of one byte more is 413', async () => {
    const padded = (bytes: number) => `${fine.slice(0, -1)},"pad":"${'x'.repeat(bytes - fine.length - 9)}"}`;
    expect(Buffer.byteLength(padded(65_536))).toBe(65_536);
    expect((await send(padded(65_536))).status).toBe(201);
    const larger = await send(padded(65_537));
    expect([larger.status, larger.json.code]).toEqual([413, 'too_large']);
    expect((await send(padded(1_000_000))).status).toBe(413);
    // Bytes count, not characters.
    expect((await send(`{"content":"x","pad":"${'é'.repeat(33_000)}"}`)).status).toBe(413);
  });

  test('that is JSON but no object is 422 at ""', async () => {
    for (const raw of ['5', '"x"', 'null', 'true', '[]', '[{"content":"x"}]', ' \n 5 ']) {
      const answer = await send(raw);
      expect([raw, answer.status, blamed(answer)]).toEqual([raw, 422, [':type']]);
    }
  });

  test('of 20,000 levels is refused, or ignored inside an unknown field', async () => {
    const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
    expect([201, 400]).toContain((await send(`{"content":"x","deep":${deep}}`)).status);
    expect([400, 422]).toContain((await send(`{"content":${deep}}`)).status);
    expect([400, 422]).toContain((await send(deep)).status);
    expect([201, 400]).toContain((await send(`{"content":"x","deep":${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}}`)).status);
    expect((await server.ask('GET', '/livez')).status).toBe(200);
  });
});

describe('keys', () => {
  test('of duplicate ones the last counts', async () => {
    expect((await send('{"content":"first","content":"last"}')).json.content).toBe('last');
    expect((await send('{"content":"fine","content":5}')).status).toBe(422);
    expect((await send('{"content":5,"content":"fine"}')).status).toBe(201);
  });

  test('that are unknown are ignored whatever they hold, __proto__ included', async () => {
    const answer = await send(
      '{"content":"fine","__proto__":{"polluted":true,"clientMessageId":"p"},"constructor":{"prototype":{"polluted":true}},"toString":1,"unknown":{"a":[1e400]},"":0}',
    );
    expect(answer.status).toBe(201);
    expect(answer.json.clientMessageId).toBeNull();
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(Object.keys(answer.json).sort()).toEqual([
      'clientMessageId',
      'content',
      'createdAt',
      'deletedAt',
      'editedAt',
      'id',
      'replyTo',
      'roomId',
      'sender',
      'seq',
      'updatedAt',
    ]);
    expect((await send('{"__proto__":{"content":"inherited"}}')).status).toBe(422);
  });
});

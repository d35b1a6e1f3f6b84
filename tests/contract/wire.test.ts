/** Bytes that no client library would send, straight into the connection: each gets an answer of Bun's or ours, and the next request is unharmed. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { connect } from 'node:net';
import { raw } from './client.ts';
import { type Person, person } from './people.ts';
import { type Server, startServer } from './server.ts';
import { until } from '../support/wait.ts';

let server: Server;
let ann: Person;
let room: string;

beforeAll(async () => {
  server = await startServer({ HOSTS: 'localhost,127.0.0.1' });
  ann = await person(server, 'ann');
  room = (await ann.does(201, 'POST', 'rooms', { name: 'Hall' })).id;
});
afterEach(async () => {
  const [alive, messages] = await Promise.all([server.ask('GET', '/livez'), ann.ask('GET', `rooms/${room}/messages?limit=1`)]);
  expect([alive.status, messages.status]).toEqual([200, 200]);
});
afterAll(() => server.stop());

const CRLF = '\r\n';
const head = (lines: string[]) => [...lines, '', ''].join(CRLF);
const auth = () => `Authorization: Bearer ${ann.token}`;
const stored = async (content: string) => (await server.sql`select count(*)::int as n from messages where content = ${content}`)[0]!['n'];

describe('HTTP of another kind', () => {
  test('HTTP/1.0 is answered', async () => {
    expect([200, 505]).toContain((await raw(server.url, head(['GET /livez HTTP/1.0', 'Host: localhost']))).status);
    expect([200, 400, 421, 505]).toContain((await raw(server.url, head(['GET /livez HTTP/1.0']))).status);
    expect([0, 400, 505]).toContain((await raw(server.url, head(['GET /livez HTTP/3.7', 'Host: localhost', 'Connection: close']), 500)).status);
    expect([0, 400, 505]).toContain((await raw(server.url, `GET /livez${CRLF}`, 500)).status);
  });

  test('an absolute-form target does not get around the check of hosts', async () => {
    const good = await raw(server.url, head(['GET http://localhost/livez HTTP/1.1', 'Host: localhost', 'Connection: close']));
    expect([200, 400, 404]).toContain(good.status);
    const evil = await raw(server.url, head(['GET http://localhost/api/v1 HTTP/1.1', 'Host: evil.example', 'Connection: close']));
    expect([400, 421]).toContain(evil.status);
    const short = await raw(server.url, head(['GET http://ab/a/docs HTTP/1.1', 'Host: ab', 'Connection: close']));
    expect([400, 421]).toContain(short.status);
  });

  test('targets of odd forms are refused or name nothing', async () => {
    for (const target of ['*', 'livez', '?', 'api/v1', '/\u0001', '/livez\u0000', '/livez HTTP/1.1 x', 'http://', 'localhost:80']) {
      const answer = await raw(server.url, head([`GET ${target} HTTP/1.1`, 'Host: localhost', 'Connection: close']), 500);
      expect([target, [0, 400, 404, 405, 505].includes(answer.status)]).toEqual([target, true]);
    }
    expect([204, 404, 400, 0]).toContain((await raw(server.url, head(['OPTIONS * HTTP/1.1', 'Host: localhost', 'Connection: close']), 500)).status);
  });

  test('two different Hosts, a folded header and a header without a name are refused or harmless', async () => {
    for (const lines of [
      ['Host: localhost', 'Host: evil.example'],
      ['Host: localhost', ' folded: x'],
      ['Host: localhost', ': x'],
      ['Host: localhost', 'X-A: a\u0000b'],
      ['Host : localhost'],
    ]) {
      const answer = await raw(server.url, head(['GET /livez HTTP/1.1', ...lines, 'Connection: close']), 500);
      expect([lines.join('|'), [0, 200, 400, 421].includes(answer.status)]).toEqual([lines.join('|'), true]);
    }
  });

  test('headers beyond 16 KB are 431 or cut off', async () => {
    const answer = await raw(server.url, head(['GET /livez HTTP/1.1', 'Host: localhost', `X-Long: ${'x'.repeat(40_000)}`, 'Connection: close']));
    expect([0, 400, 431]).toContain(answer.status);
    const many = await raw(
      server.url,
      head(['GET /livez HTTP/1.1', 'Host: localhost', ...Array.from({ length: 3_000 }, (_, n) => `X-${n}: x`), 'Connection: close']),
    );
    expect([0, 200, 400, 431]).toContain(many.status);
  });
});

describe('lengths that lie', () => {
  const post = (lines: string[], body: string) =>
    head([`POST /api/v1/rooms/${room}/messages HTTP/1.1`, 'Host: localhost', auth(), 'Content-Type: application/json', ...lines]) + body;

  test('a content length and chunks together never smuggle a second request', async () => {
    const smuggled = `GET /api/v1/users/me HTTP/1.1${CRLF}Host: localhost${CRLF}X-Request-Id: smuggled${CRLF}${CRLF}`;
    for (const lines of [
      ['Content-Length: 6', 'Transfer-Encoding: chunked'],
      ['Transfer-Encoding: chunked', 'Content-Length: 6'],
      ['Content-Length: 6', 'Transfer-Encoding: xchunked'],
      ['Content-Length: 6', 'Transfer-Encoding : chunked'],
      ['Content-Length: 6', 'Transfer-Encoding: identity, chunked'],
    ]) {
      const answer = await raw(server.url, post(lines, `0${CRLF}${CRLF}${smuggled}`), 500);
      expect([lines.join('|'), answer.all.includes('smuggled')]).toEqual([lines.join('|'), false]);
      expect([lines.join('|'), answer.status < 300 && answer.status > 0]).toEqual([lines.join('|'), false]);
    }
  });

  test('two content lengths, negative ones and words are refused', async () => {
    const body = '{"content":"two lengths"}';
    for (const lines of [
      [`Content-Length: ${body.length}`, 'Content-Length: 5'],
      ['Content-Length: 5', `Content-Length: ${body.length}`],
      [`Content-Length: ${body.length}, 5`],
      ['Content-Length: -1'],
      ['Content-Length: 0x19'],
      ['Content-Length: 25x'],
      ['Content-Length: 99999999999999999999999'],
    ]) {
      const answer = await raw(server.url, post(lines, body), 500);
      expect([lines.join('|'), answer.status < 300 && answer.status > 0]).toEqual([lines.join('|'), false]);
    }
    expect(await stored('two lengths')).toBe(0);
  });

  test('a bare LF does not part headers from one another in a way that lets one through', async () => {
    for (const request of [
      `GET /livez HTTP/1.1\nHost: localhost\nConnection: close\n\n`,
      `GET /livez HTTP/1.1\r\nHost: localhost\nX-A: b\r\nConnection: close\r\n\r\n`,
      `GET /livez HTTP/1.1\r\nHost: localhost\r\nX-A: a\rX-B: b\r\nConnection: close\r\n\r\n`,
    ]) {
      expect([0, 200, 400, 421, 505]).toContain((await raw(server.url, request, 500)).status);
    }
  });

  test('chunks are read like any body, and count towards its limit', async () => {
    const chunked = (parts: string[]) => `${parts.map((part) => `${Buffer.byteLength(part).toString(16)}${CRLF}${part}${CRLF}`).join('')}0${CRLF}${CRLF}`;
    const lines = ['Transfer-Encoding: chunked', 'Connection: close'];
    expect((await raw(server.url, post(lines, chunked(['{"content":', '"in chunks"}'])))).status).toBe(201);
    expect(await stored('in chunks')).toBe(1);
    const large = await raw(server.url, post(lines, chunked(Array(20).fill('x'.repeat(5_000)))));
    expect([0, 400, 413]).toContain(large.status);
    for (const broken of ['zz\r\nabc\r\n0\r\n\r\n', '-5\r\nabc\r\n', 'ffffffffffffffffff\r\nabc\r\n']) {
      expect([0, 400, 413]).toContain((await raw(server.url, post(lines, broken), 500)).status);
    }
    // No body at all in chunks is an empty one.
    expect((await raw(server.url, post(lines, `0${CRLF}${CRLF}`))).status).toBe(422);
  });

  test('a body that announces more than 1 MiB is 413 or cut, at once', async () => {
    const answer = await raw(server.url, post([`Content-Length: ${3 * 1_048_576}`, 'Connection: close'], 'x'));
    expect([0, 413]).toContain(answer.status);
    const megabyte = await raw(server.url, post([`Content-Length: ${1_000_000}`, 'Connection: close'], 'x'.repeat(1_000_000)));
    expect(megabyte.status).toBe(413);
  });
});

describe('slow and broken connections', () => {
  test('a slow body keeps nobody waiting', async () => {
    const socket = connect({ host: '127.0.0.1', port: Number(new URL(server.url).port) });
    const body = '{"content":"slow"}';
    socket.write(
      head([
        `POST /api/v1/rooms/${room}/messages HTTP/1.1`,
        'Host: localhost',
        auth(),
        'Content-Type: application/json',
        `Content-Length: ${body.length}`,
        'Connection: close',
      ]),
    );
    let answer = '';
    const closed = new Promise((done) => socket.on('close', done));
    socket.on('data', (data) => (answer += data.toString()));
    socket.on('error', () => {});
    for (const character of body.slice(0, -1)) {
      socket.write(character);
      const from = performance.now();
      expect((await server.ask('GET', '/livez')).status).toBe(200);
      expect(performance.now() - from).toBeLessThan(1_000);
    }
    expect(await stored('slow')).toBe(0);
    socket.write(body.slice(-1));
    await closed;
    expect(answer).toStartWith('HTTP/1.1 201');
    expect(await stored('slow')).toBe(1);
  });

  test('slow headers and half a body that is never finished keep nobody waiting, and store nothing', async () => {
    const sockets = Array.from({ length: 50 }, (_, n) => {
      const socket = connect({ host: '127.0.0.1', port: Number(new URL(server.url).port) });
      socket.on('error', () => {});
      socket.write(
        n % 2
          ? 'GET /livez HTTP/1.1\r\nHost: loc'
          : head([`POST /api/v1/rooms/${room}/messages HTTP/1.1`, 'Host: localhost', auth(), 'Content-Type: application/json', 'Content-Length: 21']) +
              '{"content":"half"',
      );
      return socket;
    });
    await ann.does(201, 'POST', `rooms/${room}/messages`, { content: 'meanwhile' });
    for (const socket of sockets) socket.destroy();
    await ann.does(201, 'POST', `rooms/${room}/messages`, { content: 'afterwards' });
    expect(await stored('half')).toBe(0);
  });

  test('requests that come in one packet are answered in their order, also after an error', async () => {
    const socket = connect({ host: '127.0.0.1', port: Number(new URL(server.url).port) });
    let answers = '';
    const closed = new Promise((done) => socket.on('close', done));
    socket.on('data', (data) => (answers += data.toString()));
    const get = (path: string, id: string, more: string[] = []) => head([`GET ${path} HTTP/1.1`, 'Host: localhost', `X-Request-Id: ${id}`, auth(), ...more]);
    const put =
      head([`PUT /api/v1/rooms/${room}/read HTTP/1.1`, 'Host: localhost', 'X-Request-Id: p2', auth(), 'Content-Type: application/json', 'Content-Length: 9']) +
      '{"seq":x}';
    socket.write(get('/livez', 'p1') + put + get('/api/v1/nothing', 'p3') + get('/api/v1/users/me', 'p4', ['Connection: close']));
    await closed;
    expect([...answers.matchAll(/x-request-id: (p\d)/gi)].map(([, id]) => id)).toEqual(['p1', 'p2', 'p3', 'p4']);
    expect([...answers.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => status)).toEqual(['200', '400', '404', '200']);
  });

  test('after an unread body the connection is still in step', async () => {
    const socket = connect({ host: '127.0.0.1', port: Number(new URL(server.url).port) });
    let answers = '';
    socket.on('data', (data) => (answers += data.toString()));
    const decoy = head(['GET /api/v1/stats HTTP/1.1', 'Host: localhost', 'X-Request-Id: decoy', auth()]);
    const statuses = () => [...answers.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status));
    const expected: number[] = [];
    for (const [path, status] of [
      ['/api/v1/auth/tickets', 201],
      ['/api/v1/nothing', 404],
      [`/api/v1/rooms/${room}/messages`, 415],
      ['/livez', 405],
      [`/api/v1/rooms/${room}/join`, 200],
      ['/api/v1/rooms', 415],
    ] as const) {
      socket.write(head([`POST ${path} HTTP/1.1`, 'Host: localhost', auth(), 'Content-Type: text/plain', `Content-Length: ${decoy.length}`]) + decoy);
      expected.push(status);
      await until(`the answer of ${path}`, () => statuses().length === expected.length);
      expect(statuses()).toEqual(expected);
    }
    socket.write(head(['GET /livez HTTP/1.1', 'Host: localhost', 'Connection: close']));
    await until('the last answer', () => statuses().length === expected.length + 1);
    expect(answers).not.toContain('decoy');
    socket.destroy();
  });
});

describe('an answer of more than 15 kB', () => {
  const SAID = 100;
  let hall: string;
  const path = () => `/api/v1/rooms/${hall}/messages?limit=${SAID}`;
  const asked = (method: string, close = true) => head([`${method} ${path()} HTTP/1.1`, 'Host: localhost', auth(), ...(close ? ['Connection: close'] : [])]);
  /** Everything that comes on a connection until it is closed, in the pieces in which it came; `slow`: the reader pauses between them. */
  const pieces = (request: string, slow = false): Promise<Buffer[]> =>
    new Promise((done, fail) => {
      const came: Buffer[] = [];
      const socket = connect(Number(new URL(server.url).port), '127.0.0.1', () => socket.write(request));
      socket.on('data', (piece) => {
        came.push(piece as Buffer);
        if (!slow) return;
        socket.pause();
        setTimeout(() => socket.resume(), 5);
      });
      socket.on('close', () => done(came));
      socket.on('error', fail);
    });

  beforeAll(async () => {
    hall = (await ann.does(201, 'POST', 'rooms', { name: 'Large' })).id;
    for (let n = 0; n < SAID; n++) await ann.does(201, 'POST', `rooms/${hall}/messages`, { content: `${n} ${'€'.repeat(3_000)}` });
  });

  test('tells its length, and its head comes in one piece with the beginning of its body', async () => {
    const came = await pieces(asked('GET'));
    const first = came[0]!.toString('latin1');
    expect(first).toContain(`${CRLF}${CRLF}{"items":[`);
    const body = Buffer.concat(came).subarray(first.indexOf(CRLF + CRLF) + 4);
    expect(first.toLowerCase()).toContain(`content-length: ${body.length}\r\n`);
    expect(body.length).toBeGreaterThan(900_000);
    expect(JSON.parse(body.toString()).items.map(({ content }: { content: string }) => content)).toEqual(
      Array.from({ length: SAID }, (_, n) => `${n} ${'€'.repeat(3_000)}`),
    );
  });

  test('comes whole to a reader who is slow, and hurts nobody when the reader leaves in its midst', async () => {
    const [fast, slow] = [Buffer.concat(await pieces(asked('GET'))), Buffer.concat(await pieces(asked('GET'), true))];
    expect(slow.length).toBe(fast.length);
    expect(slow.subarray(-900_000).equals(fast.subarray(-900_000))).toBe(true);
    for (let n = 0; n < 20; n++) {
      const socket = connect(Number(new URL(server.url).port), '127.0.0.1', () => socket.write(asked('GET', false)));
      await new Promise((heard) => socket.once('data', heard));
      socket.destroy();
    }
  });

  test('tells its length to HEAD as well, without a body in front of the next answer', async () => {
    const came: Buffer[] = [];
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1', () => socket.write(asked('HEAD', false)));
    socket.on('data', (piece) => void came.push(piece as Buffer));
    const closed = new Promise((done) => socket.on('close', done));
    await until('the head', () => came.length > 0);
    socket.write(asked('GET'));
    await closed;
    const text = Buffer.concat(came).toString('latin1');
    const [forHead, forGet] = [...text.matchAll(/content-length: (\d+)/gi)].map(([, bytes]) => Number(bytes));
    expect(forHead).toBeGreaterThan(900_000);
    expect(forHead).toBe(forGet!);
    expect(text.split('{"items":[')).toHaveLength(2);
  });
});

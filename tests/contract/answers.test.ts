/** rest.md on what every answer carries: headers, request ids, problem documents and their pages. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { ERRORS } from '../../src/errors.ts';
import { kindsOf } from './kinds.ts';
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

const kinds = () => kindsOf(ann.token, room);
const all = () =>
  Promise.all(kinds().map(async ([method, path, request, status]) => ({ what: `${method} ${path}`, status, answer: await server.ask(method, path, request) })));

describe('every answer', () => {
  test('carries no-store, nosniff and a request id', async () => {
    const ids = new Set<string>();
    for (const { what, status, answer } of await all()) {
      expect([what, answer.status]).toEqual([what, status]);
      expect([what, answer.headers.get('cache-control'), answer.headers.get('x-content-type-options')]).toEqual([what, 'no-store', 'nosniff']);
      expect(answer.headers.get('x-request-id')).toMatch(/^[A-Za-z0-9._-]{1,64}$/);
      ids.add(answer.headers.get('x-request-id')!);
      expect([what, answer.headers.get('set-cookie'), answer.headers.get('x-powered-by'), answer.headers.get('server')]).toEqual([what, null, null, null]);
    }
    expect(ids.size).toBe(kinds().length);
  });

  test('echoes the client’s request id when it is harmless, also inside the problem', async () => {
    for (const [method, path, request] of kinds()) {
      const answer = await server.ask(method, path, { ...request, headers: { 'x-request-id': 'Client.id_1-2' } });
      expect([path, answer.headers.get('x-request-id')]).toEqual([path, 'Client.id_1-2']);
      if (answer.status >= 400) expect(answer.json.requestId).toBe('Client.id_1-2');
    }
    for (const id of ['', 'a b', 'ä', 'x'.repeat(65), 'a/b', '<script>', 'a,b']) {
      const answer = await server.ask('GET', 'nothing', { headers: { 'x-request-id': id } });
      expect(answer.headers.get('x-request-id')).toMatch(/^[A-Za-z0-9._-]{1,64}$/);
      expect(answer.headers.get('x-request-id')).not.toBe(id);
      expect(answer.json.requestId).toBe(answer.headers.get('x-request-id'));
    }
    expect((await server.ask('GET', 'nothing', { headers: { 'x-request-id': 'x'.repeat(64) } })).json.requestId).toBe('x'.repeat(64));
  });

  test('with a body says what it is', async () => {
    expect((await server.ask('GET', '/livez')).headers.get('content-type')).toMatch(/^application\/json/);
    expect((await server.ask('GET', '/docs')).headers.get('content-type')).toMatch(/^text\/html/);
    expect((await server.ask('GET', '/errors/invalid')).headers.get('content-type')).toMatch(/^text\/html/);
    expect((await server.ask('GET', '/metrics')).headers.get('content-type')).toMatch(/^text\/plain/);
    expect((await ann.ask('GET', 'rooms')).headers.get('content-type')).toMatch(/^application\/json/);
  });
});

describe('every error', () => {
  test('is a problem document of RFC 9457 with a constant title and a page behind its type', async () => {
    const titles = new Map<string, string>();
    for (const { what, status, answer } of await all()) {
      if (status < 400) continue;
      expect([what, answer.headers.get('content-type')]).toEqual([what, 'application/problem+json']);
      const { type, title, code, detail, requestId, errors, ...rest } = answer.json;
      expect([what, type, answer.json.status]).toEqual([what, `/errors/${code}`, status]);
      expect(Object.keys(rest)).toEqual(['status']);
      expect(ERRORS).toHaveProperty(code, expect.objectContaining({ status, title }));
      expect(titles.get(code) ?? title).toBe(title);
      titles.set(code, title);
      expect(typeof detail === 'string' && detail.length > 0).toBe(true);
      expect(requestId).toBe(answer.headers.get('x-request-id'));
      expect([what, Array.isArray(errors)]).toEqual([what, status === 422]);
      for (const one of errors ?? []) expect(Object.keys(one).sort()).toEqual(['code', 'message', 'pointer']);
      expect([what, answer.headers.get('www-authenticate')]).toEqual([what, status === 401 ? 'Bearer' : null]);
    }
    expect(titles.size).toBeGreaterThan(9);
  });

  test('has a page under /errors, named after every code and no other', async () => {
    for (const code of Object.keys(ERRORS)) {
      const answer = await server.ask('GET', `/errors/${code}`);
      expect([code, answer.status, answer.headers.get('content-type')]).toEqual([code, 200, 'text/html; charset=utf-8']);
      expect(answer.text).toContain(code);
    }
    for (const code of ['nothing', 'toString', 'INVALID', 'invalid%20']) expect((await server.ask('GET', `/errors/${code}`)).status).toBe(404);
  });

  test('never repeats what was sent', async () => {
    const secret = 'hunter2-very-secret';
    for (const [path, body] of [
      ['auth/register', { username: `${secret} `, password: secret.repeat(20), email: secret, firstName: `${secret}\u202e`, passwordConfirm: secret }],
      ['auth/login', { login: secret, password: secret }],
      ['auth/refresh', { refreshToken: secret }],
      ['auth/verify', { token: secret }],
    ] as const) {
      const answer = await server.ask('POST', path, { body });
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.text).not.toContain(secret);
    }
    for (const [method, path, body] of [
      ['POST', 'rooms', { name: 5, visibility: secret, memberIds: [secret] }],
      ['POST', `rooms/${room}/messages`, { content: 'x', replyTo: secret, clientMessageId: `${secret} ` }],
      ['GET', `messages?sort=${secret}&room=${secret}&since=${secret}&cursor=${secret}&limit=${secret}`, undefined],
      ['GET', `rooms/${secret}`, undefined],
      ['POST', 'rooms', { name: 'N', memberUsernames: [secret] }],
    ] as const) {
      const answer = await ann.ask(method, path, body);
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.text).not.toContain(secret);
    }
  });
});

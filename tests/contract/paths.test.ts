/** rest.md on paths and methods: exact paths, HEAD, OPTIONS, 405 with Allow, escapes; and the order in which requests are checked. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { blamed, raw } from './client.ts';
import { type Person, person } from './people.ts';
import { type Server, startServer } from './server.ts';

let server: Server;
let ann: Person;
let room: string;
let message: string;

beforeAll(async () => {
  server = await startServer();
  ann = await person(server, 'ann');
  room = (await ann.does(201, 'POST', 'rooms', { name: 'Hall' })).id;
  message = (await ann.does(201, 'POST', `rooms/${room}/messages`, { content: 'hello' })).id;
});
afterAll(() => server.stop());

/** The answer to exactly these bytes of a target, which no URL parser has touched. */
const get = (target: string, method = 'GET') =>
  raw(server.url, `${method} ${target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${ann.token}\r\nConnection: close\r\n\r\n`);

describe('a path', () => {
  for (const target of [
    '/API/v1/rooms',
    '/api/V1/rooms',
    '/api/v1/Rooms',
    '/api/v1/rooms/',
    '/api/v1/',
    '/api',
    '/',
    '//api/v1/rooms',
    '/api//v1/rooms',
    '/api/v1//rooms',
    '/api/v1/rooms//',
    '/api/v1/rooms//members',
    '/api/v1/rooms/..%2fusers',
    '/api/v1/rooms/..%2F..%2Fusers%2Fme',
    '/api/v1/rooms%2f',
    '/api/v1/nothing',
    '/api/v2/rooms',
    '/livez/',
    '/openapi.json/',
    '/errors/',
    '/errors/nothing',
    '/errors/__proto__',
    '/errors/invalid/more',
    '/docs/nothing',
    '/docs/..%2fpackage.json',
    '/docs/..%2f..%2fpackage.json',
    '/docs/__proto__',
    '/api/v1/users/me/',
    '/api/v1/users/ME',
    '/api/v1/rooms/me',
    '/api/v1/messages/5',
    '/api/v1/rooms/%00',
    '/api/v1/users/%F0%9F%98%80',
    '/api/v1/invites/%00',
    '/api/v1/invites/%F0%9F%98%80',
    `/api/v1/invites/${'x'.repeat(4_000)}`,
  ]) {
    test(`${target.slice(0, 60)} names nothing: 404`, async () => {
      const answer = await get(target);
      expect(answer.status).toBe(404);
      expect(JSON.parse(answer.body)).toMatchObject({ code: 'not_found', status: 404 });
    });
  }

  for (const target of ['/api/v1/rooms/%E0%A4%A', '/api/v1/rooms/%', '/api/v1/users/%zz', '/api/v1/invites/%ff', '/api/v1/%C0%AF', '/errors/%ED%A0%80', '/%']) {
    test(`${target} holds an escape that is not UTF-8: 400 for every method`, async () => {
      for (const method of ['GET', 'POST', 'DELETE', 'OPTIONS']) {
        const answer = await get(target, method);
        expect([method, answer.status]).toEqual([method, 400]);
        expect(JSON.parse(answer.body)).toMatchObject({ code: 'malformed' });
      }
      expect((await get(target, 'HEAD')).status).toBe(400);
    });
  }

  test('is the same with ids in either case', async () => {
    expect((await ann.does(200, 'GET', `rooms/${room.toUpperCase()}`)).id).toBe(room);
    expect((await ann.does(200, 'GET', `messages/${message.toUpperCase()}`)).roomId).toBe(room);
    expect((await ann.does(200, 'GET', `rooms/${room.toUpperCase()}/members/${ann.id.toUpperCase()}`)).user.id).toBe(ann.id);
  });

  test('with something that is no UUID, or a UUID of another version, is 404, but 401 for strangers', async () => {
    for (const id of [
      '5',
      'x',
      'null',
      room.slice(1),
      `${room}0`,
      `{${room}}`,
      room.replaceAll('-', ''),
      crypto.randomUUID(),
      '00000000-0000-0000-0000-000000000000',
    ]) {
      for (const [method, path] of [
        ['GET', `rooms/${id}`],
        ['DELETE', `rooms/${id}`],
        ['GET', `rooms/${id}/messages`],
        ['GET', `messages/${id}`],
        ['GET', `users/${id}`],
        ['GET', `users/${id}/rooms`],
        ['GET', `rooms/${room}/members/${id}`],
        ['DELETE', `auth/sessions/${id}`],
        ['POST', `rooms/${id}/join`],
      ] as const) {
        expect([method, path, (await ann.ask(method, path)).status]).toEqual([method, path, 404]);
        expect([method, path, (await server.ask(method, path)).status]).toEqual([method, path, 401]);
      }
    }
  });

  test('takes `me` for the caller wherever it has a user id, and nowhere else', async () => {
    expect((await ann.does(200, 'GET', 'users/me')).id).toBe(ann.id);
    expect((await ann.does(200, 'GET', 'users/me/rooms')).items[0].id).toBe(room);
    expect((await ann.does(200, 'GET', `rooms/${room}/members/me`)).user.id).toBe(ann.id);
    expect((await ann.does(200, 'GET', 'messages?user=me')).items.length).toBe(1);
    expect((await ann.ask('PUT', 'users/me/conversation')).status).toBe(422);
    for (const path of ['rooms/me', 'messages/me']) expect((await ann.ask('GET', path)).status).toBe(404);
  });
});

describe('HEAD', () => {
  test('answers every GET route as GET would, without a body', async () => {
    const { paths } = (await server.ask('GET', '/openapi.json')).json;
    const targets = Object.entries(paths as Record<string, object>)
      .filter(([path, methods]) => 'get' in methods && !path.startsWith('/ws'))
      .map(([path]) =>
        path
          .replace('{userId}', 'me')
          .replace('{roomId}', room)
          .replace('{messageId}', message)
          .replace(/\{\w+\}/, 'invalid'),
      );
    expect(targets.length).toBeGreaterThan(20);
    for (const path of targets) {
      const [head, body] = await Promise.all([ann.ask('HEAD', path), ann.ask('GET', path)]);
      expect([path, head.status, head.text]).toEqual([path, body.status, '']);
      for (const name of ['content-type', 'cache-control', 'x-content-type-options'])
        expect([path, head.headers.get(name)]).toEqual([path, body.headers.get(name)]);
    }
  });

  test('needs a token where GET does, and echoes the request id', async () => {
    const answer = await server.ask('HEAD', 'rooms', { headers: { 'x-request-id': 'head-1' } });
    expect([answer.status, answer.headers.get('www-authenticate'), answer.headers.get('x-request-id'), answer.text]).toEqual([401, 'Bearer', 'head-1', '']);
    expect((await ann.ask('HEAD', 'nothing')).status).toBe(404);
    expect((await ann.ask('HEAD', 'auth/logout')).status).toBe(405);
  });

  test('promises no other length than GET has', async () => {
    const get = await raw(server.url, 'GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    const head = await raw(server.url, 'HEAD /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    const lengthOf = (text: string) => /content-length: (\d+)/i.exec(text)?.[1];
    expect([lengthOf(get.head), undefined]).toContain(lengthOf(head.head));
    expect(head.body).toBe('');
  });
});

describe('OPTIONS and wrong methods', () => {
  const allowed = (answer: { headers: Headers }) => answer.headers.get('allow')?.split(', ').sort();

  test('OPTIONS answers 204 with Allow for every path, without a token', async () => {
    const { paths } = (await server.ask('GET', '/openapi.json')).json;
    for (const [path, methods] of Object.entries(paths as Record<string, object>)) {
      const concrete = path.replaceAll(/\{\w+\}/g, '0');
      const answer = await server.ask('OPTIONS', concrete);
      const siblings = Object.entries(paths as Record<string, object>).filter(([other]) =>
        new RegExp(`^${other.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(concrete),
      );
      const wanted = new Set(
        [...Object.keys(methods), ...siblings.flatMap(([, those]) => Object.keys(those)), 'options'].map((method) => method.toUpperCase()),
      );
      if (wanted.has('GET')) wanted.add('HEAD');
      expect([path, answer.status, answer.text, allowed(answer)]).toEqual([path, 204, '', [...wanted].sort()]);
    }
    expect((await server.ask('OPTIONS', 'nothing')).status).toBe(404);
    expect((await server.ask('OPTIONS', 'rooms/')).status).toBe(404);
  });

  test('a wrong method is 405 with Allow, for everybody and whatever the body', async () => {
    for (const [method, path, methods] of [
      ['PUT', 'rooms', ['GET', 'HEAD', 'OPTIONS', 'POST']],
      ['GET', 'auth/login', ['OPTIONS', 'POST']],
      ['DELETE', 'messages', ['GET', 'HEAD', 'OPTIONS']],
      ['POST', `messages/${message}`, ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'PUT']],
      ['POST', 'users/me', ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH']],
      ['PATCH', `rooms/${room}/members`, ['GET', 'HEAD', 'OPTIONS', 'POST']],
      ['POST', '/livez', ['GET', 'HEAD', 'OPTIONS']],
      ['POST', '/openapi.json', ['GET', 'HEAD', 'OPTIONS']],
      ['DELETE', '/errors/invalid', ['GET', 'HEAD', 'OPTIONS']],
      ['POST', '/api/v1', ['GET', 'HEAD', 'OPTIONS']],
    ] as const) {
      for (const request of [{}, { token: ann.token }, { raw: 'rubbish', type: 'text/plain' }]) {
        const answer = await server.ask(method, path, method === 'GET' ? {} : request);
        expect([method, path, answer.status, allowed(answer)]).toEqual([method, path, 405, [...methods]]);
        expect(answer.json).toMatchObject({ code: 'method_not_allowed' });
      }
    }
  });

  test('methods that nobody knows are 405, or refused by Bun, and harm nothing', async () => {
    for (const method of ['TRACE', 'CONNECT', 'PROPFIND', 'QUERY', 'BREW', 'get', 'G', 'X'.repeat(200)]) {
      const answer = await get('/api/v1/rooms', method);
      expect([method, [0, 400, 405, 501].includes(answer.status)]).toEqual([method, true]);
      expect((await get('/livez')).status).toBe(200);
    }
  });
});

describe('the order of checks', () => {
  test('path, method, syntax or identity, fields, existence, right, state', async () => {
    const bob = await person(server, 'bob');
    const nothing = Bun.randomUUIDv7();
    const other = (await bob.does(201, 'POST', 'rooms', { name: 'Bob’s', visibility: 'public' })).id;
    const ask = async (who: Person | null, method: string, path: string, body?: unknown, more = {}) => {
      const answer = await server.ask(method, path, { token: who?.token, body, ...more });
      return answer.status;
    };
    // An unknown path comes before the method, the token and the body.
    expect(await ask(null, 'PUT', 'nothing', 5)).toBe(404);
    expect(await ask(null, 'PUT', 'rooms', 5)).toBe(405);
    // Syntax and identity come in either order, but both before fields.
    expect([400, 401]).toContain(await ask(null, 'POST', 'rooms', undefined, { raw: '{', type: 'application/json' }));
    expect(await ask(null, 'POST', 'rooms', { name: '' })).toBe(401);
    expect(await ask(ann, 'POST', `rooms/${nothing}/messages`, undefined, { raw: '{', type: 'application/json' })).toBe(400);
    expect(await ask(ann, 'POST', `rooms/${nothing}/messages`, undefined, { raw: '{}', type: 'text/plain' })).toBe(415);
    expect(await ask(ann, 'GET', `rooms/${nothing}/messages?before=%ff`)).toBe(400);
    // Fields as far as they can be judged alone come before existence and right.
    expect(await ask(ann, 'POST', `rooms/${nothing}/messages`, { content: '' })).toBe(422);
    expect(await ask(ann, 'POST', `rooms/${other}/messages`, { content: '' })).toBe(422);
    expect(await ask(ann, 'GET', `rooms/${nothing}/messages?limit=0`)).toBe(422);
    expect(await ask(ann, 'GET', `rooms/${nothing}/messages?before=1&after=1`)).toBe(422);
    expect(await ask(ann, 'PATCH', `rooms/${nothing}/members/${bob.id}`, { role: 'owner' })).toBe(422);
    expect(await ask(ann, 'POST', `rooms/${nothing}/members`, {})).toBe(422);
    expect(await ask(ann, 'POST', `rooms/${nothing}/members`, { userId: bob.id, username: 'bob' })).toBe(422);
    expect(await ask(ann, 'POST', `rooms/${nothing}/invites`, { expiresAt: '2020-01-01T00:00:00Z' })).toBe(422);
    expect(await ask(ann, 'GET', `rooms/${nothing}/members?cursor=damaged`)).toBe(422);
    expect(await ask(ann, 'GET', `rooms/${other}/members?cursor=damaged`)).toBe(422);
    expect(await ask(ann, 'GET', `users/${bob.id}/rooms?cursor=damaged`)).toBe(422);
    expect(await ask(ann, 'GET', 'rooms?scope=all&cursor=damaged')).toBe(422);
    expect(await ask(ann, 'PUT', `users/${bob.id}/password`, { newPassword: 'short' })).toBe(422);
    // Existence comes before right, right before state and before ids in the body.
    expect(await ask(ann, 'POST', `rooms/${nothing}/messages`, { content: 'x' })).toBe(404);
    expect(await ask(ann, 'POST', `rooms/${other}/messages`, { content: 'x', replyTo: nothing })).toBe(403);
    expect(await ask(ann, 'POST', `rooms/${room}/messages`, { content: 'x', replyTo: nothing })).toBe(422);
    expect(await ask(ann, 'PATCH', `rooms/${other}`, { ownerId: nothing })).toBe(403);
    expect(await ask(ann, 'PATCH', `rooms/${room}`, { ownerId: nothing })).toBe(422);
    const answer = await ann.ask('PATCH', `rooms/${room}`, { ownerId: bob.id });
    expect([answer.status, blamed(answer)]).toEqual([422, ['/ownerId:unknown']]);
  });
});

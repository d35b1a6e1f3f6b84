/** rest.md on what every answer carries: headers, request ids, problem documents and their pages, CORS, hosts; and on the query. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { ERRORS } from '../../src/errors.ts';
import { type Answer, type Request, blamed, raw } from './client.ts';
import { type Person, person } from './people.ts';
import { type Server, startServer } from './server.ts';

const ORIGIN = 'https://app.example.org';
let server: Server;
let ann: Person;
let room: string;

beforeAll(async () => {
  server = await startServer({ ORIGINS: `${ORIGIN},http://localhost:5173` });
  ann = await person(server, 'ann');
  room = (await ann.does(201, 'POST', 'rooms', { name: 'Hall' })).id;
});
afterAll(() => server.stop());

/** One answer of every kind that is easily had: method, path, what is sent, status. */
const kinds = (): [method: string, path: string, request: Request, status: number][] => {
  const token = ann.token;
  return [
    ['GET', 'rooms', { token }, 200],
    ['POST', `rooms/${room}/messages`, { token, body: { content: 'x' } }, 201],
    ['PUT', `rooms/${room}/read`, { token, body: { seq: 0 } }, 200],
    ['DELETE', `rooms/${room}/invites/nothing`, { token }, 404],
    ['GET', '/api/v1', {}, 200],
    ['GET', '/livez', {}, 200],
    ['GET', '/readyz', {}, 200],
    ['GET', '/metrics', {}, 200],
    ['GET', '/openapi.json', {}, 200],
    ['GET', '/docs', {}, 200],
    ['GET', '/errors/invalid', {}, 200],
    ['GET', '/errors/nothing', {}, 404],
    ['GET', '/ws', {}, 426],
    ['GET', `/ws/chat/${Bun.randomUUIDv7()}`, {}, 426],
    ['OPTIONS', 'rooms', {}, 204],
    ['HEAD', '/livez', {}, 200],
    ['GET', 'nothing', {}, 404],
    ['PUT', 'rooms', {}, 405],
    ['GET', 'rooms', {}, 401],
    ['GET', 'rooms/%ff', { token }, 400],
    ['POST', 'rooms', { token, raw: '{', type: 'application/json' }, 400],
    ['POST', 'rooms', { token, raw: '{}', type: 'text/plain' }, 415],
    ['POST', 'rooms', { token, raw: `"${'x'.repeat(70_000)}"`, type: 'application/json' }, 413],
    ['POST', 'rooms', { token, body: {} }, 422],
    ['GET', 'rooms?scope=all', { token }, 403],
    ['POST', `rooms/${room}/leave`, { token }, 409],
    ['POST', 'auth/login', { body: { login: 'nobody', password: 'wrong' } }, 401],
  ];
};
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

describe('CORS', () => {
  const cors = ({ headers }: Answer) => [...headers.keys()].filter((name) => name.startsWith('access-control-')).sort();

  test('shows every answer to a listed origin, without credentials', async () => {
    for (const origin of [ORIGIN, 'http://localhost:5173']) {
      for (const [method, path, request] of kinds()) {
        const answer = await server.ask(method, path, { ...request, headers: { origin } });
        expect([path, answer.headers.get('access-control-allow-origin'), answer.headers.get('vary')]).toEqual([path, origin, 'Origin']);
        expect(answer.headers.get('access-control-expose-headers')?.split(', ').sort()).toEqual([
          'RateLimit',
          'RateLimit-Policy',
          'Retry-After',
          'X-Request-Id',
        ]);
        expect(answer.headers.has('access-control-allow-credentials')).toBe(false);
      }
    }
  });

  test('answers other origins without its headers, but answers them', async () => {
    for (const origin of [
      'https://evil.example.org',
      'https://app.example.org.evil.org',
      'http://app.example.org',
      'https://app.example.org:444',
      'null',
      `${ORIGIN}/`,
      'HTTPS://APP.EXAMPLE.ORG',
    ]) {
      const answer = await ann.ask('GET', 'rooms', undefined, { headers: { origin } });
      expect([origin, answer.status, cors(answer)]).toEqual([origin, 200, []]);
      const preflight = await server.ask('OPTIONS', 'rooms', { headers: { origin, 'access-control-request-method': 'POST' } });
      expect([origin, preflight.status, cors(preflight)]).toEqual([origin, 204, []]);
    }
  });

  test('allows a preflight of a listed origin for ten minutes', async () => {
    const answer = await server.ask('OPTIONS', 'rooms', {
      headers: { origin: ORIGIN, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization,content-type' },
    });
    expect([answer.status, answer.text]).toEqual([204, '']);
    expect(answer.headers.get('access-control-allow-origin')).toBe(ORIGIN);
    expect(answer.headers.get('access-control-allow-headers')).toBe('Authorization, Content-Type, X-Request-Id');
    expect(answer.headers.get('access-control-max-age')).toBe('600');
    const methods = answer.headers.get('access-control-allow-methods')!.split(', ');
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) expect(methods).toContain(method);
  });

  test('with * answers whichever origin asks, by its name', async () => {
    const open = await startServer({ ORIGINS: '*' });
    const answer = await open.ask('GET', '/api/v1', { headers: { origin: 'https://anything.example' } });
    expect([answer.headers.get('access-control-allow-origin'), answer.headers.get('vary'), answer.headers.has('access-control-allow-credentials')]).toEqual([
      'https://anything.example',
      'Origin',
      false,
    ]);
    await open.stop();
  });

  test('without a list says nothing', async () => {
    const closed = await startServer();
    const answer = await closed.ask('GET', '/api/v1', { headers: { origin: ORIGIN } });
    expect([answer.status, cors(answer)]).toEqual([200, []]);
    await closed.stop();
  });
});

describe('the Host', () => {
  const host = async (on: Server, value: string | null, path = '/api/v1') =>
    (await raw(on.url, `GET ${path} HTTP/1.1\r\n${value === null ? '' : `Host: ${value}\r\n`}Connection: close\r\n\r\n`)).status;

  test('shorter than four characters is 421, whatever the path', async () => {
    for (const short of ['', 'a', 'ab', 'abc', 'a:1']) {
      for (const path of ['/api/v1', '/livez', '/nothing', '/api/v1/users/me', '/a/docs/x'])
        expect([short, path, [400, 421].includes(await host(server, short, path))]).toEqual([short, path, true]);
    }
    expect(await host(server, 'abc')).toBe(421);
    expect(await host(server, 'abcd')).toBe(200);
    expect([400, 421]).toContain(await host(server, null));
  });

  test('that is not in HOSTS is 421 as a problem, also for HEAD, OPTIONS and unknown paths; ports and case don’t matter', async () => {
    const strict = await startServer({ HOSTS: 'chat.example.org,127.0.0.1' });
    for (const good of ['chat.example.org', 'Chat.Example.ORG', 'chat.example.org:8443', '127.0.0.1:5'])
      expect([good, await host(strict, good)]).toEqual([good, 200]);
    for (const bad of ['example.org', 'chat.example.org.evil.org', 'evil-chat.example.org', 'localhost', '127.0.0.2', 'chat.example.org:80:80'])
      expect([bad, await host(strict, bad)]).toEqual([bad, 421]);
    const answer = await raw(strict.url, 'OPTIONS /nothing HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n');
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'misdirected', status: 421, type: '/errors/misdirected' });
    expect((await raw(strict.url, 'HEAD /livez HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n')).status).toBe(421);
    expect((await strict.ask('GET', '/openapi.json')).json.paths).toHaveProperty('/api/v1/rooms');
    await strict.stop();
  });
});

describe('a query', () => {
  const found = async (path: string) => {
    const answer = await ann.ask('GET', path);
    return [answer.status, ...blamed(answer)];
  };

  test('takes + for a blank, and the last of repeated parameters', async () => {
    await ann.does(201, 'POST', 'rooms', { name: 'Two words' });
    await ann.does(201, 'POST', 'rooms', { name: 'Two+words' });
    const names = async (query: string) => ((await ann.does(200, 'GET', `rooms?${query}`)).items as { name: string }[]).map(({ name }) => name);
    expect(await names('query=Two+words')).toEqual(['Two words']);
    expect(await names('query=two%20WORDS')).toEqual(['Two words']);
    expect(await names('query=Two%2Bwords')).toEqual(['Two+words']);
    expect(await names('query=nothing&query=Two+words')).toEqual(['Two words']);
    expect(await found('rooms?limit=0&limit=5')).toEqual([200]);
    expect(await found('rooms?limit=5&limit=0')).toEqual([422, '/limit:too_small']);
    expect(await names('%71uery=Two+words')).toEqual(['Two words']);
  });

  test('ignores what is unknown, and takes an empty value for none', async () => {
    expect(await found('rooms?unknown=1&__proto__=x&constructor=y&limit=&cursor=&scope=&query=&total=&&=&=x&#frag')).toEqual([200]);
    expect(await found(`messages?room=&user=&search=&contains=&since=&until=&sort=`)).toEqual([200]);
    expect((await ann.does(200, 'GET', 'messages?search=&limit=1')).items[0]).not.toHaveProperty('highlights');
    expect((await ann.does(200, 'GET', 'rooms?limit=1&limit=')).items.length).toBeGreaterThan(1);
    expect(await found(`rooms/${room}/messages?before=&after=&around=5`)).toEqual([200]);
  });

  test('takes digits only for integers, true and false only for booleans', async () => {
    for (const limit of ['x', '1e1', '0x10', '-1', '+5', '%205', '5.0', '1.5', '٥', '1,2', 'NaN', 'true'])
      expect([limit, ...(await found(`rooms?limit=${limit}`))]).toEqual([limit, 422, '/limit:type']);
    expect(await found('rooms?limit=0010')).toEqual([200]);
    expect(await found('rooms?limit=0')).toEqual([422, '/limit:too_small']);
    for (const limit of ['101', '9007199254740993', '99999999999999999999999999'])
      expect([limit, ...(await found(`rooms?limit=${limit}`))]).toEqual([limit, 422, '/limit:too_large']);
    for (const before of ['9007199254740992', '99999999999999999999999999'])
      expect(await found(`rooms/${room}/messages?before=${before}`)).toEqual([422, '/before:too_large']);
    expect(await found(`rooms/${room}/messages?before=9007199254740991`)).toEqual([200]);
    expect(await found(`rooms/${room}/events?after=9007199254740991`)).toEqual([200]);
    for (const total of ['1', 'yes', 'TRUE', 'True', '0', 'null'])
      expect([total, ...(await found(`rooms?total=${total}`))]).toEqual([total, 422, '/total:type']);
    expect(await found('rooms?scope=Mine')).toEqual([422, '/scope:enum']);
  });

  test('takes lists separated by commas', async () => {
    const [bob, cleo] = [await person(server, 'bob'), await person(server, 'cleo')];
    const ids = async (query: string) => ((await ann.does(200, 'GET', `users?${query}`)).items as { id: string }[]).map(({ id }) => id);
    expect(await ids('')).toEqual([bob.id, cleo.id]);
    expect(await ids(`exclude=${bob.id}`)).toEqual([cleo.id]);
    expect(await ids(`exclude=${bob.id.toUpperCase()},${cleo.id}`)).toEqual([]);
    expect(await ids(`exclude=${bob.id}%2C${cleo.id}`)).toEqual([]);
    expect(await ids(`exclude=${crypto.randomUUID()}`)).toEqual([bob.id, cleo.id]);
    expect(await ids('exclude=')).toEqual([bob.id, cleo.id]);
    expect(await found(`users?exclude=${bob.id},x`)).toEqual([422, '/exclude/1:format']);
    expect(await found(`users?exclude=${Array(101).fill(bob.id).join(',')}`)).toEqual([422, '/exclude:too_long']);
    expect(await found(`users?exclude=${Array(100).fill(bob.id).join(',')}`)).toEqual([200]);
  });

  test('is 400 with an escape that is not UTF-8, wherever it is, and 422 with U+0000', async () => {
    for (const query of ['limit=%', 'query=%E0%A4%A', 'unknown=%ff', '%ff=1', 'query=%ED%A0%80'])
      expect([query, (await ann.ask('GET', `rooms?${query}`)).status]).toEqual([query, 400]);
    for (const [path, name] of [
      ['rooms?query=%00', 'query'],
      ['users?query=a%00b', 'query'],
      ['users?username=%00', 'username'],
      ['messages?search=a%00b', 'search'],
      ['messages?contains=abc%00', 'contains'],
      ['rooms?cursor=%00', 'cursor'],
      [`rooms/${room}/members?query=%00`, 'query'],
    ] as const)
      expect([path, ...(await found(path))]).toEqual([path, 422, `/${name}:format`]);
  });

  test('names what is wrong by its pointer', async () => {
    expect(await found('messages?room=x')).toEqual([422, '/room:format']);
    expect(await found('messages?user=x')).toEqual([422, '/user:format']);
    expect(await found('messages?since=yesterday')).toEqual([422, '/since:format']);
    expect(await found('messages?until=2026-01-01')).toEqual([422, '/until:format']);
    expect(await found('messages?contains=ab')).toEqual([422, '/contains:too_short']);
    expect(await found(`messages?contains=${'x'.repeat(201)}`)).toEqual([422, '/contains:too_long']);
    expect(await found(`messages?search=${'x'.repeat(201)}`)).toEqual([422, '/search:too_long']);
    expect(await found(`messages?search=${'%F0%9F%98%80'.repeat(200)}`)).toEqual([200]);
    expect((await found('messages?sort=relevance'))[0]).toBe(422);
    expect(await found('messages?sort=oldest')).toEqual([422, '/sort:enum']);
    expect(await found(`rooms/${room}/messages?before=1&after=1`)).toEqual([422, expect.stringMatching(/^:/)]);
    expect(await found(`messages?room=${crypto.randomUUID()}`)).toEqual([200]);
    expect(await found('messages?since=2026-01-01T00:00:00%2B01:00&until=2026-01-01T00:00:00-01:00')).toEqual([200]);
    for (const edge of ['0000-01-01T00:00:00Z', '0000-01-01T00:00:00%2B23:59', '9999-12-31T23:59:59-23:59', '0001-01-01T00:00:00Z', '2016-12-31T23:59:60Z']) {
      expect([200, 422]).toContain((await found(`messages?since=${edge}`))[0] as number);
      expect([200, 422]).toContain((await found(`messages?until=${edge}`))[0] as number);
    }
  });

  test('of 10,000 pairs is answered', async () => {
    const answer = await raw(
      server.url,
      `GET /api/v1/rooms?${'a=1&'.repeat(3_000)}limit=1 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${ann.token}\r\nConnection: close\r\n\r\n`,
    );
    expect([200, 431]).toContain(answer.status);
    const more = await raw(
      server.url,
      `GET /api/v1/rooms?${'a=1&'.repeat(10_000)}limit=1 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${ann.token}\r\nConnection: close\r\n\r\n`,
    );
    expect([0, 200, 400, 414, 431]).toContain(more.status);
    expect((await server.ask('GET', '/livez')).status).toBe(200);
  });
});

describe('what is switched off', () => {
  test('is 404: documentation, metrics, and metrics that have a port of their own', async () => {
    const bare = await startServer({ DOCS: 'false', METRICS: 'false' });
    for (const path of ['/docs', '/docs/socket', '/docs/swagger-ui.css', '/openapi.json', '/metrics']) {
      const answer = await bare.ask('GET', path);
      expect([path, answer.status, answer.json?.code]).toEqual([path, 404, 'not_found']);
    }
    // What problems point to stays.
    expect((await bare.ask('GET', '/errors/invalid')).status).toBe(200);
    await bare.stop();
    const apart = await startServer({ METRICS_PORT: '1' });
    expect((await apart.ask('GET', '/metrics')).status).toBe(404);
    await apart.stop();
  });

  test('the pages of documentation ask nobody else for anything', async () => {
    for (const path of ['/docs', '/docs/socket', '/errors/invalid']) {
      const { text, headers } = await server.ask('GET', path);
      expect([path, [...text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, to]) => to!).filter((to) => !/^(?:\/|#)/.test(to) || to.startsWith('//'))]).toEqual([
        path,
        [],
      ]);
      for (const [, to] of text.matchAll(/(?:src|href)="(\/[^"#]+)"/g)) expect([to, (await server.ask('GET', to!)).status]).toEqual([to, 200]);
      expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    }
  });
});

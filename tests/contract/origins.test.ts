/** rest.md on who may ask from where: CORS, hosts; and what an operator may switch off. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { type Answer, raw } from './client.ts';
import { kindsOf } from './kinds.ts';
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

describe('CORS', () => {
  const cors = ({ headers }: Answer) => [...headers.keys()].filter((name) => name.startsWith('access-control-')).sort();

  test('shows every answer to a listed origin, without credentials', async () => {
    for (const origin of [ORIGIN, 'http://localhost:5173']) {
      for (const [method, path, request] of kindsOf(ann.token, room)) {
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

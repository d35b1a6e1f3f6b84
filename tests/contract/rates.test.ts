/** rest.md on rates: which class a request belongs to, by whom it is counted, what is told, and what is never limited. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { until } from '../support/wait.ts';
import type { Answer } from './client.ts';
import { PASSWORD, type Person, person } from './people.ts';
import { type Server, startServer } from './server.ts';

let server: Server;
let ann: Person;
let bob: Person;
let room: string;
let message: string;

beforeAll(async () => {
  server = await startServer({
    RATE_LIMITS: 'true',
    RATE_SEND: '5/600',
    RATE_SEARCH: '4/600',
    RATE_AUTH: '60/600',
    RATE_READ: '1000/60',
    RATE_WRITE: '1000/60',
    TRUST_PROXY: '1',
  });
  [ann, bob] = [await person(server, 'ann'), await person(server, 'bob')];
  room = (await ann.does(201, 'POST', 'rooms', { name: 'Hall', memberIds: [bob.id] })).id;
  message = (await ann.does(201, 'POST', `rooms/${room}/messages`, { content: 'hello' })).id;
});
afterAll(() => server.stop());

const policy = ({ headers }: Answer) => headers.get('ratelimit-policy');
const limit = ({ headers }: Answer) => headers.get('ratelimit');

describe('the class of a request', () => {
  test('is told with what is left of it', async () => {
    for (const [method, path, body, expected] of [
      ['GET', 'rooms', undefined, '"read";q=1000;w=60'],
      ['GET', 'users/me', undefined, '"read";q=1000;w=60'],
      ['GET', `rooms/${room}/messages`, undefined, '"read";q=1000;w=60'],
      ['GET', 'messages', undefined, '"read";q=1000;w=60'],
      ['GET', 'messages?search=', undefined, '"read";q=1000;w=60'],
      ['GET', '/api/v1', undefined, '"read";q=1000;w=60'],
      ['GET', 'stats', undefined, '"read";q=1000;w=60'],
      ['GET', `messages/${message}`, undefined, '"read";q=1000;w=60'],
      ['POST', 'rooms', { name: 'x' }, '"write";q=1000;w=60'],
      ['PUT', `rooms/${room}/read`, { seq: 1 }, '"write";q=1000;w=60'],
      ['POST', `messages/${message}/read`, undefined, '"write";q=1000;w=60'],
      ['POST', 'auth/tickets', undefined, '"write";q=1000;w=60'],
      ['PATCH', 'users/me', {}, '"write";q=1000;w=60'],
    ] as const) {
      const answer = await ann.ask(method, path, body);
      expect([method, path, policy(answer)]).toEqual([method, path, expected]);
      expect(limit(answer)).toMatch(/^"(?:read|write)";r=9\d\d;t=60$/);
    }
    for (const path of ['rooms?query=x', 'users?query=x', `rooms/${room}/members?query=x`, 'messages?contains=xyz']) {
      expect([path, policy(await bob.ask('GET', path))]).toEqual([path, '"search";q=4;w=600']);
    }
    const refused = await bob.ask('GET', 'messages?search=x');
    expect([refused.status, policy(refused), limit(refused)]).toEqual([429, '"search";q=4;w=600', '"search";r=0;t=600']);
    // What reads without a search is another class and goes on.
    expect((await bob.ask('GET', 'messages')).status).toBe(200);
  });

  test('is the same for errors of fields, things and rights, which count as well', async () => {
    const cleo = await person(server, 'cleo');
    for (const [path, body, left] of [
      [`rooms/${room}/messages`, {}, 4],
      [`rooms/${Bun.randomUUIDv7()}/messages`, { content: 'x' }, 3],
      [`rooms/${room}/messages`, { content: 'x' }, 2],
    ] as const) {
      const answer = await cleo.ask('POST', path, body);
      expect([answer.status, policy(answer), limit(answer)]).toEqual([left === 4 ? 422 : 404, '"send";q=5;w=600', `"send";r=${left};t=600`]);
    }
  });
});

describe('beyond the rate', () => {
  test('429 comes before fields are looked at, says when to come back, and others go on', async () => {
    const dora = await person(server, 'dora');
    const hall = (await dora.does(201, 'POST', 'rooms', { name: 'Dora’s', memberIds: [bob.id] })).id;
    const { id } = await dora.does(201, 'POST', `rooms/${hall}/messages`, { content: '1' });
    // Editing and deleting count with sending.
    await dora.does(200, 'PATCH', `messages/${id}`, { content: '2' });
    await dora.does(200, 'PUT', `messages/${id}`, { content: '3' });
    await dora.does(204, 'DELETE', `messages/${id}`);
    await dora.does(201, 'POST', `rooms/${hall}/messages`, { content: '5' });
    for (const body of [{ content: '6' }, {}, { content: 5 }]) {
      const answer = await dora.ask('POST', `rooms/${hall}/messages`, body);
      expect([answer.status, answer.json.code, answer.json.type]).toEqual([429, 'rate_limited', '/errors/rate_limited']);
      const after = answer.json.retryAfterMs as number;
      expect(after > 0 && after <= 120_000).toBe(true);
      expect(answer.headers.get('retry-after')).toBe(String(Math.ceil(after / 1_000)));
      expect(limit(answer)).toBe('"send";r=0;t=600');
    }
    // Syntax and identity come first.
    expect((await dora.ask('POST', `rooms/${hall}/messages`, undefined, { raw: '{', type: 'application/json' })).status).toBe(400);
    expect((await server.ask('POST', `rooms/${hall}/messages`, { body: { content: 'x' } })).status).toBe(401);
    expect((await bob.ask('POST', `rooms/${hall}/messages`, { content: 'mine' })).status).toBe(201);
    expect((await dora.ask('GET', `rooms/${hall}/messages`)).status).toBe(200);
    // Another session of the same person is the same person.
    const { json } = await server.ask('POST', 'auth/login', { body: { login: dora.username, password: PASSWORD } });
    expect((await server.ask('POST', `rooms/${hall}/messages`, { token: json.accessToken, body: { content: 'x' } })).status).toBe(429);
  });

  test('the bucket is refilled evenly, and lets in after as long as it says', async () => {
    const quick = await startServer({ RATE_LIMITS: 'true', RATE_SEND: '5/5' });
    const eva = await person(quick, 'eva');
    const hall = (await eva.does(201, 'POST', 'rooms', { name: 'Eva’s' })).id;
    const send = () => eva.ask('POST', `rooms/${hall}/messages`, { content: 'x' });
    const refused = await until('the bucket is empty', async () => {
      const answer = await send();
      return answer.status === 429 ? answer : undefined;
    });
    expect(refused.json.retryAfterMs).toBeLessThanOrEqual(1_000);
    await Bun.sleep(refused.json.retryAfterMs);
    expect((await send()).status).toBe(201);
    await quick.stop();
  });
});

describe('addresses', () => {
  const login = (forwarded: string | undefined, on = server) =>
    on.ask('POST', 'auth/login', { body: { login: 'nobody.at.all', password: 'x' }, headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded } });

  test('are those that the believed proxy reports: the last of X-Forwarded-For, never what a client wrote before it', async () => {
    const first = await login('10.0.0.1');
    expect([policy(first), limit(first)]).toEqual(['"auth";q=60;w=600', '"auth";r=59;t=600']);
    expect(limit(await login('10.0.0.2'))).toBe('"auth";r=59;t=600');
    expect(limit(await login('9.9.9.9, 10.0.0.1'))).toBe('"auth";r=58;t=600');
    expect(limit(await login('8.8.8.8,10.0.0.1'))).toBe('"auth";r=57;t=600');
    expect(limit(await server.ask('POST', 'auth/refresh', { body: { refreshToken: 'x' }, headers: { 'x-forwarded-for': '10.0.0.1' } }))).toBe(
      '"open";r=1199;t=60',
    );
    expect(policy(await server.ask('POST', 'auth/verify', { body: { token: 'x' } }))).toBe('"open";q=1200;w=60');
    expect(policy(await server.ask('POST', 'auth/register', { body: {} }))).toBe('"auth";q=60;w=600');
  });

  test('are remembered by sessions', async () => {
    const { json } = await server.ask('POST', 'auth/login', {
      body: { login: ann.username, password: PASSWORD },
      headers: { 'x-forwarded-for': '1.1.1.1, 192.0.2.7', 'user-agent': 'Contract/1' },
    });
    const { items } = (await server.ask('GET', 'auth/sessions', { token: json.accessToken })).json;
    expect(items.find((one: { current: boolean }) => one.current)).toMatchObject({ address: '192.0.2.7', userAgent: 'Contract/1' });
  });

  test('without a believed proxy are the connection’s own, whatever the header says', async () => {
    const plain = await startServer({ RATE_LIMITS: 'true', RATE_AUTH: '60/600', TRUST_PROXY: '0' });
    expect(limit(await login('10.0.0.1', plain))).toBe('"auth";r=59;t=600');
    expect(limit(await login('10.0.0.2', plain))).toBe('"auth";r=58;t=600');
    expect(limit(await login(undefined, plain))).toBe('"auth";r=57;t=600');
    await plain.stop();
  });

  test('behind two believed proxies are the second from the right', async () => {
    const deep = await startServer({ RATE_LIMITS: 'true', RATE_AUTH: '60/600', TRUST_PROXY: '2' });
    expect(limit(await login('6.6.6.6, 10.0.0.1, 172.16.0.1', deep))).toBe('"auth";r=59;t=600');
    expect(limit(await login('7.7.7.7, 10.0.0.1, 172.16.0.2', deep))).toBe('"auth";r=58;t=600');
    expect(limit(await login('10.0.0.2, 172.16.0.1', deep))).toBe('"auth";r=59;t=600');
    await deep.stop();
  });
});

describe('sign-in', () => {
  test('after five failures for a name from an address waits, also with the right password; other names and addresses don’t', async () => {
    const finn = await person(server, 'finn');
    const login = (password: string, from = '10.1.0.1', name = finn.username) =>
      server.ask('POST', 'auth/login', { body: { login: name, password }, headers: { 'x-forwarded-for': from } });
    for (let n = 0; n < 5; n++) expect((await login('wrong')).status).toBe(401);
    const refused = await login(PASSWORD);
    expect([refused.status, refused.json.code, refused.headers.get('retry-after')]).toEqual([429, 'rate_limited', '1']);
    expect((await login(PASSWORD, '10.1.0.2')).status).toBe(200);
    expect((await login('wrong', '10.1.0.1', 'nobody.else')).status).toBe(401);
    for (let n = 0; n < 5; n++) expect((await login('wrong', '10.1.0.3', 'no.such.person')).status).toBe(401);
    expect((await login('wrong', '10.1.0.3', 'no.such.person')).status).toBe(429);
    await Bun.sleep(refused.json.retryAfterMs + 20);
    expect((await login(PASSWORD)).status).toBe(200);
    expect((await login('wrong')).status).toBe(401);
  });
});

describe('never limited', () => {
  test('is what lies outside /api/v1, and nothing is told there', async () => {
    for (const path of ['/livez', '/readyz', '/metrics', '/docs', '/openapi.json', '/errors/invalid', '/nothing']) {
      const answer = await server.ask('GET', path);
      expect([path, policy(answer), limit(answer)]).toEqual([path, null, null]);
    }
  });

  test('with RATE_LIMITS=false is anything', async () => {
    const free = await startServer({ RATE_LIMITS: 'false', RATE_AUTH: '1/60', RATE_SEND: '1/60' });
    for (let n = 0; n < 8; n++) {
      const answer = await free.ask('POST', 'auth/login', { body: { login: 'nobody', password: 'wrong' } });
      expect([answer.status, policy(answer)]).toEqual([401, null]);
    }
    await free.stop();
  });
});

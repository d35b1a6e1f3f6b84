/** rest.md on queries: how they are read, and that every fault is named by its parameter. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { blamed, raw } from './client.ts';
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

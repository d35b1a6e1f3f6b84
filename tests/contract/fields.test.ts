/** rest.md on the fields of a body: what counts as left out, that nothing is ever converted, and the ranges of numbers, times and ids. */
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

describe('a field', () => {
  const at = async (method: string, path: string, body: unknown, raw?: string) => {
    const answer = await server.ask(method, path, { token: ann.token, ...(raw === undefined ? { body } : { raw, type: 'application/json' }) });
    return [answer.status, ...blamed(answer)];
  };

  test('that is optional and null is the same as left out', async () => {
    const answer = await ann.does(201, 'POST', `rooms/${room}/messages`, { content: 'x', clientMessageId: null, replyTo: null });
    expect(answer).toMatchObject({ clientMessageId: null, replyTo: null });
    expect(await ann.does(201, 'POST', 'rooms', { name: 'N', description: null, visibility: null, memberIds: null, memberUsernames: null })).toMatchObject({
      description: '',
      visibility: 'private',
      memberCount: 1,
    });
    const before = await ann.does(200, 'GET', `rooms/${room}`);
    expect(await ann.does(200, 'PATCH', `rooms/${room}`, { name: null, description: null, visibility: null, ownerId: null })).toEqual(before);
    expect(await ann.does(201, 'POST', `rooms/${room}/invites`, { maxUses: null, expiresAt: null })).toMatchObject({ maxUses: null, expiresAt: null });
    await person(server, 'nulls', { email: null, firstName: null, lastName: null, passwordConfirm: null });
  });

  test('`email: null` in PATCH alone removes something', async () => {
    const bob = await person(server, 'bob', { email: 'Bob@Example.org', firstName: 'Bob' });
    expect(await bob.does(200, 'GET', 'users/me')).toMatchObject({ email: 'bob@example.org', firstName: 'Bob' });
    expect(await bob.does(200, 'PATCH', 'users/me', { firstName: null, lastName: null })).toMatchObject({ email: 'bob@example.org', firstName: 'Bob' });
    expect(await bob.does(200, 'PATCH', 'users/me', { email: null })).toMatchObject({ email: null, firstName: 'Bob' });
  });

  test('that is required and missing or null is `required`, and all faults are named at once', async () => {
    expect(await at('POST', `rooms/${room}/messages`, { content: null })).toEqual([422, '/content:required']);
    expect(await at('POST', 'rooms', { description: 5, visibility: 'secret', memberIds: ['x'] })).toEqual([
      422,
      '/description:type',
      '/memberIds/0:format',
      '/name:required',
      '/visibility:enum',
    ]);
    expect(await at('PUT', `rooms/${room}`, { name: 'New' })).toEqual([422, '/description:required', '/visibility:required']);
    expect(await at('PUT', `rooms/${room}/read`, {})).toEqual([422, '/seq:required']);
  });

  test('is never converted', async () => {
    for (const content of [5, true, {}, [], ['x'], 0, false]) expect(await at('POST', `rooms/${room}/messages`, { content })).toEqual([422, '/content:type']);
    for (const seq of ['5', '', true, 1.5, 1e-7, {}, [1]]) expect([seq, ...(await at('PUT', `rooms/${room}/read`, { seq }))]).toEqual([seq, 422, '/seq:type']);
    for (const maxUses of ['5', 2.5, true]) expect(await at('POST', `rooms/${room}/invites`, { maxUses })).toEqual([422, '/maxUses:type']);
    expect(await at('POST', 'rooms', { name: 'N', memberIds: ann.id })).toEqual([422, '/memberIds:type']);
    expect(await at('POST', 'rooms', { name: 'N', memberIds: { 0: ann.id } })).toEqual([422, '/memberIds:type']);
    expect(await at('POST', 'rooms', { name: 'N', memberIds: [null, 5] })).toEqual([422, '/memberIds/0:type', '/memberIds/1:type']);
  });

  test('that is a number keeps within its range and ±(2^53−1)', async () => {
    const seq = (text: string) => at('PUT', `rooms/${room}/read`, undefined, `{"seq":${text}}`);
    expect(await seq('9007199254740991')).toEqual([200]);
    for (const text of ['9007199254740992', '9007199254740993', '1e16', '1e400', '1e308'])
      expect([text, ...(await seq(text))]).toEqual([text, 422, '/seq:too_large']);
    for (const text of ['-1', '-9007199254740993', '-1e400', '-0.5e1']) expect([text, ...(await seq(text))]).toEqual([text, 422, '/seq:too_small']);
    for (const text of ['0', '-0', '0.0', '0e5', '5.0', '1e1']) expect([text, ...(await seq(text))]).toEqual([text, 200]);
    expect(await at('POST', `rooms/${room}/invites`, { maxUses: 0 })).toEqual([422, '/maxUses:too_small']);
    expect(await at('POST', `rooms/${room}/invites`, { maxUses: 1_001 })).toEqual([422, '/maxUses:too_large']);
    expect(await at('POST', `rooms/${room}/invites`, { maxUses: 1_000 })).toEqual([201]);
    expect(await at('POST', `rooms/${room}/invites`, undefined, '{"maxUses":1.0}')).toEqual([201]);
  });

  test('that is a time is any RFC 3339 date-time with an offset, in the future where that is asked', async () => {
    const expires = (expiresAt: unknown) => at('POST', `rooms/${room}/invites`, { expiresAt });
    for (const good of [
      '2099-01-01T00:00:00Z',
      '2099-01-01T00:00:00.123456789+05:30',
      '2099-01-01t00:00:00z',
      '2096-02-29T23:59:60Z',
      '2099-12-31T23:59:59-12:00',
    ])
      expect([good, ...(await expires(good))]).toEqual([good, 201]);
    for (const bad of [
      '2099-01-01',
      '2099-01-01T00:00:00',
      '2099-13-01T00:00:00Z',
      '2099-02-29T00:00:00Z',
      '2099-01-01T24:00:00Z',
      '2099-01-01T00:00Z',
      'tomorrow',
      '',
      '4070908800',
      '+002099-01-01T00:00:00Z',
      '2099-01-01T00:00:00+0530',
    ])
      expect([bad, ...(await expires(bad))]).toEqual([bad, 422, '/expiresAt:format']);
    expect(await expires(4_070_908_800)).toEqual([422, '/expiresAt:type']);
    expect(await expires('2020-01-01T00:00:00Z')).toEqual([422, '/expiresAt:too_small']);
    const made = await ann.does(201, 'POST', `rooms/${room}/invites`, { expiresAt: '2099-01-01T00:00:00.5+01:00' });
    expect(made.expiresAt).toBe('2098-12-31T23:00:00.500Z');
    // The ends of four-digit years, and what an offset carries beyond them.
    for (const edge of ['9999-12-31T23:59:59Z', '9999-12-31T23:59:59-23:59', '0000-01-01T00:00:00Z', '0000-01-01T00:00:00+23:59', '0001-01-01T00:00:00Z'])
      expect([201, 422]).toContain((await expires(edge))[0] as number);
  });

  test('that is an id is accepted in either case; no UUID is 422; another version names nothing', async () => {
    const bob = await person(server, 'ids');
    expect((await ann.does(201, 'POST', 'rooms', { name: 'N', memberIds: [bob.id.toUpperCase()] })).memberCount).toBe(2);
    const { id } = await ann.does(201, 'POST', `rooms/${room}/messages`, { content: 'x' });
    expect((await ann.does(201, 'POST', `rooms/${room}/messages`, { content: 'x', replyTo: id.toUpperCase() })).replyTo).toBe(id);
    expect(await at('POST', `rooms/${room}/messages`, { content: 'x', replyTo: 'x' })).toEqual([422, '/replyTo:format']);
    expect(await at('POST', `rooms/${room}/messages`, { content: 'x', replyTo: crypto.randomUUID() })).toEqual([422, '/replyTo:unknown']);
    expect(await at('POST', 'rooms', { name: 'N', memberIds: [ann.id, crypto.randomUUID()] })).toEqual([422, '/memberIds/1:unknown']);
    expect(await at('POST', `rooms/${room}/members`, { userId: 'me' })).toEqual([422, '/userId:format']);
  });
});

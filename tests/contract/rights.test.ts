/**
 * rest.md's table of rights as a table: operation × who asks → status, over HTTP. Every operation of the served OpenAPI that needs
 * a token must be in it, so that a new route can't be forgotten. What is refused must also change nothing.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { aCast, type Hall, type Who } from './hall.ts';
import { type Operation, operationsIn } from './rights-table.ts';

const { people, shared, server, open, hall } = aCast();

const OPERATIONS = operationsIn(people);

beforeAll(open);
afterAll(() => server().stop());

type Column =
  | 'stranger, private'
  | 'stranger, public'
  | 'removed, private'
  | 'removed, public'
  | 'member'
  | 'moderator'
  | 'owner'
  | 'admin, private'
  | 'admin, public';
const WHO: Record<Column, [who: Who, visibility: 'private' | 'public']> = {
  'stranger, private': ['stranger', 'private'],
  'stranger, public': ['stranger', 'public'],
  'removed, private': ['removed', 'private'],
  'removed, public': ['removed', 'public'],
  member: ['member', 'private'],
  moderator: ['moderator', 'private'],
  owner: ['owner', 'private'],
  'admin, private': ['admin', 'private'],
  'admin, public': ['admin', 'public'],
};

/** Operations outside rooms: everybody signed in, unless a case below says more. */
const ELSEWHERE = new Set([
  ...[
    'logout',
    'listSessions',
    'endSession',
    'endOtherSessions',
    'buyTicket',
    'readStats',
    'createRoom',
    'listRooms',
    'listUserRooms',
    'openConversation',
    'findMessages',
  ],
  ...['listUsers', 'readMe', 'changeMe', 'changeMyPassword', 'deleteMe', 'readUser', 'changeUser', 'deleteUser', 'setPassword'],
]);

const expected = ({ row, adminPublic }: Operation, column: Column): number =>
  ({
    'stranger, private': row[0],
    'stranger, public': row[1],
    'removed, private': row[0],
    'removed, public': row[1],
    member: row[2],
    moderator: row[3],
    owner: row[4],
    'admin, private': row[5],
    'admin, public': adminPublic ?? row[5],
  })[column];

/** Where a room stands: its log's head, and what a refusal must not touch. */
async function stateOf({ id }: Hall) {
  const [state] = await server().sql`
    select r.*, (select count(*) from memberships m where m.room_id = r.id) as people, (select sum(read_seq) from memberships m where m.room_id = r.id) as markers,
      (select count(*) from invites i where i.room_id = r.id and i.revoked_at is null) as invites,
      (select string_agg(content, '|' order by seq) from messages m where m.room_id = r.id) as texts
    from rooms r where r.id = ${id}`;
  return state;
}

describe('in a room', () => {
  for (const operation of OPERATIONS) {
    test(`who may ${operation.name}`, async () => {
      const found: Record<string, number> = {};
      const wanted: Record<string, number> = {};
      for (const column of Object.keys(WHO) as Column[]) {
        const [who, visibility] = WHO[column];
        const status = expected(operation, column);
        const [method] = operation.call(shared[visibility], who);
        const harmless = status >= 400 || method === 'GET';
        const room = harmless ? shared[visibility] : await hall(visibility);
        const before = harmless ? await stateOf(room) : undefined;
        const [, path, body] = operation.call(room, who);
        const answer = await people[who].ask(method, path, body);
        wanted[column] = status;
        found[column] = answer.status;
        if (harmless && answer.status === status) expect(await stateOf(room)).toEqual(before);
        if (status === 404) expect(answer.json).toMatchObject({ code: 'not_found' });
        if (status === 403) expect(answer.json).toMatchObject({ code: 'forbidden' });
        if (status === 409) expect(answer.json).toMatchObject({ code: 'conflict' });
      }
      expect(found).toEqual(wanted);
    });
  }
});

describe('without a token, and with one of a disabled account', () => {
  type Documented = { method: string; path: string; id: string; open: boolean; body: boolean };
  let documented: Documented[];

  beforeAll(async () => {
    const { paths } = (await server().ask('GET', '/openapi.json')).json;
    documented = Object.entries(paths as Record<string, Record<string, { operationId: string; security: unknown[]; requestBody?: unknown }>>).flatMap(
      ([path, methods]) =>
        Object.entries(methods).map(([method, { operationId, security, requestBody }]) => ({
          method: method.toUpperCase(),
          path: path
            .replaceAll('{userId}', people.plain.id)
            .replaceAll('{roomId}', shared.public.id)
            .replaceAll('{messageId}', shared.public.messages.owner!)
            .replaceAll(/\{\w+\}/g, 'nothing'),
          id: operationId,
          open: security.length === 0,
          body: requestBody !== undefined,
        })),
    );
  });

  test('every operation that needs a token is in the table of this file', () => {
    const listed = new Set([...OPERATIONS.map(({ id }) => id), ...ELSEWHERE]);
    const closed = documented.filter(({ open }) => !open).map(({ id }) => id);
    expect(closed.filter((id) => !listed.has(id))).toEqual([]);
    expect([...listed].filter((id) => !closed.includes(id))).toEqual([]);
  });

  test('only these operations under /api/v1 are open', () => {
    const open = documented.filter(({ path, open }) => open && path.startsWith('/api/v1')).map(({ method, path }) => `${method} ${path}`);
    expect(open.sort()).toEqual([
      'GET /api/v1',
      'POST /api/v1/auth/login',
      'POST /api/v1/auth/refresh',
      'POST /api/v1/auth/register',
      'POST /api/v1/auth/verify',
    ]);
  });

  test('nobody learns anything: 401, whatever the fields, the thing and the query', async () => {
    let first: unknown;
    for (const { method, path, body, open } of documented) {
      if (open) continue;
      for (const request of body ? [{ body: {} }, { body: { content: 5 } }, {}] : [{}]) {
        const answer = await server().ask(method, `${path}?limit=0&cursor=x`, request);
        expect([method, path, answer.status, answer.headers.get('www-authenticate')]).toEqual([method, path, 401, 'Bearer']);
        const { requestId, ...rest } = answer.json;
        expect(requestId).toBe(answer.headers.get('x-request-id'));
        first ??= rest;
        expect(rest).toEqual(first);
      }
    }
  });

  test('a disabled account gets 403 account_disabled everywhere, before fields and things are looked at', async () => {
    for (const { method, path, body, open } of documented) {
      if (open) continue;
      const answer = await people.disabled.ask(method, `${path}?limit=0`, body ? {} : undefined);
      expect([method, path, answer.status, answer.json?.code]).toEqual([method, path, 403, 'account_disabled']);
    }
  });

  test('on open operations an Authorization header is not looked at', async () => {
    expect((await server().ask('GET', '/api/v1', { token: 'rubbish' })).status).toBe(200);
    expect(
      (await server().ask('POST', 'auth/login', { token: 'rubbish', body: { login: people.plain.username, password: people.plain.password } })).status,
    ).toBe(200);
    expect((await server().ask('GET', '/livez', { token: people.disabled.token })).status).toBe(200);
  });
});

/** Sentences of rest.md that no table holds: shapes with every field, what takes a seq, what disabled and deleted people leave behind. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { until } from '../support/wait.ts';
import { type Answer, blamed, type Json } from './client.ts';
import { PASSWORD, type Person, person } from './people.ts';
import { type Server, startServer } from './server.ts';

let server: Server;
let ann: Person;
let bob: Person;
let admin: Person;

beforeAll(async () => {
  server = await startServer();
  [ann, bob] = [await person(server, 'ann', { email: 'Ann@Example.ORG', firstName: 'Ann', lastName: 'Lee' }), await person(server, 'bob')];
  admin = await server.admin();
});
afterAll(() => server.stop());

const keys = (value: Json): string[] => Object.keys(value).sort();
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const UUID7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Every `…At` is a time of the contract or null, every id a lower-case UUIDv7 or null, wherever it is. */
function hold(value: Json, at = ''): void {
  if (value === null || typeof value !== 'object') return;
  for (const [name, inner] of Object.entries(value as Record<string, Json>)) {
    if (inner !== null && (/At$/.test(name) || name === 'at' || name === 'asOf'))
      expect([`${at}/${name}`, inner]).toEqual([`${at}/${name}`, expect.stringMatching(TIME)]);
    if (inner !== null && /^id$|[a-z]Id$/.test(name) && !['requestId', 'clientMessageId'].includes(name))
      expect([`${at}/${name}`, inner]).toEqual([`${at}/${name}`, expect.stringMatching(UUID7)]);
    hold(inner, `${at}/${name}`);
  }
}

const PUBLIC_USER = ['deleted', 'firstName', 'id', 'lastName', 'username'];
const USER = [...PUBLIC_USER, 'createdAt', 'disabledAt', 'email', 'role', 'updatedAt'].sort();
const TOKENS = ['accessToken', 'expiresIn', 'refreshToken', 'tokenType'];
const ROOM = ['createdAt', 'description', 'epoch', 'id', 'kind', 'lastActivityAt', 'lastMessage', 'lastSeq', 'me', 'memberCount', 'messageCount', 'name', 'ownerId', 'peer', 'updatedAt', 'visibility']; // biome-ignore format: one shape, one line
const MEMBER = ['joinedAt', 'readSeq', 'role', 'user'];
const MESSAGE = ['clientMessageId', 'content', 'createdAt', 'deletedAt', 'editedAt', 'id', 'replyTo', 'roomId', 'sender', 'seq', 'updatedAt'];
const INVITE = ['code', 'createdAt', 'creatorId', 'expiresAt', 'maxUses', 'roomId', 'uses'];
const SESSION = ['address', 'createdAt', 'current', 'id', 'lastSeenAt', 'userAgent'];

describe('every shape has every field', () => {
  test('people, tokens and sessions', async () => {
    const registered = (await server.ask('POST', 'auth/register', { body: { username: 'shape', password: PASSWORD } })).json;
    expect(keys(registered)).toEqual([...TOKENS, 'user'].sort());
    expect(registered.user).toEqual({
      id: registered.user.id,
      username: 'shape',
      firstName: '',
      lastName: '',
      deleted: false,
      email: null,
      role: 'user',
      disabledAt: null,
      createdAt: registered.user.createdAt,
      updatedAt: registered.user.createdAt,
    });
    expect([registered.tokenType, registered.expiresIn]).toEqual(['Bearer', 900]);
    const signedIn = (await server.ask('POST', 'auth/login', { body: { login: 'SHAPE', password: PASSWORD } })).json;
    expect([keys(signedIn), keys(signedIn.user)]).toEqual([[...TOKENS, 'user'].sort(), USER]);
    expect(keys((await server.ask('POST', 'auth/refresh', { body: { refreshToken: signedIn.refreshToken } })).json)).toEqual(TOKENS);
    const verified = (await server.ask('POST', 'auth/verify', { body: { token: signedIn.accessToken } })).json;
    expect(keys(verified)).toEqual(['expiresAt', 'sessionId', 'userId']);
    expect(Math.abs(Date.parse(verified.expiresAt) - Date.now() - 900_000)).toBeLessThan(10_000);
    const { items } = (await server.ask('GET', 'auth/sessions', { token: signedIn.accessToken })).json;
    expect(items.map(keys)).toEqual([SESSION, SESSION]);
    expect(items.map((one: Json) => [one.id === verified.sessionId, one.current])).toEqual([
      [true, true],
      [false, false],
    ]);
    for (const { lastSeenAt, address } of items) expect([lastSeenAt, address]).toEqual([expect.stringMatching(/:00\.000Z$/), '127.0.0.1']);
    expect(keys((await server.ask('POST', 'auth/tickets', { token: signedIn.accessToken })).json)).toEqual(['expiresIn', 'ticket']);
    const { items: people } = await ann.does(200, 'GET', 'users');
    expect(new Set(people.map((one: Json) => keys(one).join()))).toEqual(new Set([PUBLIC_USER.join()]));
    expect(new Set((await admin.does(200, 'GET', 'users')).items.map((one: Json) => keys(one).join()))).toEqual(new Set([USER.join()]));
    for (const value of [registered, signedIn, verified, { items }]) hold(value);
  });

  test('rooms, members, messages, events and invites', async () => {
    const room = await ann.does(201, 'POST', 'rooms', { name: 'Shapes', memberIds: [bob.id, ann.id, bob.id], memberUsernames: [bob.username.toUpperCase()] });
    expect(keys(room)).toEqual(ROOM);
    expect(room).toMatchObject({
      kind: 'group',
      name: 'Shapes',
      description: '',
      visibility: 'private',
      ownerId: ann.id,
      peer: null,
      lastSeq: 0,
      memberCount: 2,
      messageCount: 0,
      me: { role: 'owner', readSeq: 0, unread: 0 },
      lastMessage: null,
    });
    expect(typeof room.epoch).toBe('string');
    expect([room.updatedAt, room.lastActivityAt]).toEqual([room.createdAt, room.createdAt]);
    const first = await bob.does(201, 'POST', `rooms/${room.id}/messages`, { content: 'one', clientMessageId: 'x' });
    expect(keys(first)).toEqual(MESSAGE);
    expect(first).toMatchObject({
      roomId: room.id,
      seq: 1,
      content: 'one',
      replyTo: null,
      clientMessageId: 'x',
      editedAt: null,
      deletedAt: null,
      updatedAt: first.createdAt,
    });
    expect(first.sender).toEqual({ id: bob.id, username: bob.username, firstName: '', lastName: '', deleted: false });
    const edited = await bob.does(200, 'PATCH', `messages/${first.id}`, { content: 'uno' });
    expect(edited).toEqual({ ...first, content: 'uno', editedAt: edited.editedAt, updatedAt: edited.editedAt });
    await bob.does(204, 'DELETE', `messages/${first.id}`);
    const tombstone = await ann.does(200, 'GET', `messages/${first.id}`);
    expect(tombstone).toEqual({ ...edited, content: '', deletedAt: tombstone.deletedAt, updatedAt: tombstone.deletedAt });
    const seen = await ann.does(200, 'GET', `rooms/${room.id}`);
    expect(seen).toEqual({
      ...room,
      lastSeq: 3,
      me: { role: 'owner', readSeq: 0, unread: 0 },
      lastMessage: tombstone,
      lastActivityAt: first.createdAt,
      updatedAt: seen.updatedAt,
    });
    expect((await ann.does(200, 'GET', 'rooms')).items.find((one: Json) => one.id === room.id)).toEqual(seen);

    const direct = await ann.does(201, 'PUT', `users/${bob.id}/conversation`);
    expect(keys(direct)).toEqual(ROOM);
    expect(direct).toMatchObject({
      kind: 'direct',
      name: null,
      description: '',
      visibility: 'private',
      ownerId: null,
      lastSeq: 0,
      memberCount: 2,
      me: { role: 'member', readSeq: 0, unread: 0 },
    });
    expect(direct.peer).toEqual({ id: bob.id, username: bob.username, firstName: '', lastName: '', deleted: false });

    const { items: members } = await ann.does(200, 'GET', `rooms/${room.id}/members`);
    expect(members.map(keys)).toEqual([MEMBER, MEMBER]);
    expect(members.map((one: Json) => [one.user.username, one.role, one.readSeq]).sort()).toEqual([
      [ann.username, 'owner', 0],
      [bob.username, 'member', 0],
    ]);
    const invite = await ann.does(201, 'POST', `rooms/${room.id}/invites`, { maxUses: 5 });
    expect(keys(invite)).toEqual(INVITE);
    expect(invite).toMatchObject({ roomId: room.id, maxUses: 5, uses: 0, expiresAt: null, creatorId: ann.id });
    expect(invite.code).toMatch(/^[A-Za-z0-9_-]{10,}$/);
    const cleo = await person(server, 'cleo');
    expect(await cleo.does(200, 'GET', `invites/${invite.code}`)).toEqual({ room: { id: room.id, name: 'Shapes', memberCount: 2 } });
    const joined = await cleo.does(200, 'POST', `invites/${invite.code}/accept`);
    // Who comes later has read what was before, his own coming included.
    expect([keys(joined), joined.memberCount, joined.me]).toEqual([ROOM, 3, { role: 'member', readSeq: 4, unread: 0 }]);
    await ann.does(200, 'PATCH', `rooms/${room.id}/members/${cleo.id}`, { role: 'moderator' });
    await ann.does(200, 'PATCH', `rooms/${room.id}`, { name: 'Forms', visibility: 'public' });
    await cleo.does(204, 'POST', `rooms/${room.id}/leave`);
    const { items: events, epoch, lastSeq } = await ann.does(200, 'GET', `rooms/${room.id}/events`);
    expect([epoch, lastSeq]).toEqual([room.epoch, 7]);
    expect(
      events.map((event: Json) => [
        event.seq,
        event.type,
        event.actorId,
        ...keys(event).filter((key) => !['seq', 'type', 'actorId', 'roomId', 'at'].includes(key)),
      ]),
    ).toEqual([
      [1, 'message.created', bob.id, 'message'],
      [2, 'message.edited', bob.id, 'message'],
      [3, 'message.deleted', bob.id, 'message'],
      [4, 'member.joined', cleo.id, 'member'],
      [5, 'member.updated', ann.id, 'member'],
      [6, 'room.updated', ann.id, 'changes'],
      [7, 'member.left', cleo.id, 'member', 'reason'],
    ]);
    expect(events.slice(0, 3).map((event: Json) => event.message)).toEqual([tombstone, tombstone, tombstone]);
    expect([events[3].member.role, events[4].member.role, events[6].reason, events[5].changes]).toEqual([
      'member',
      'moderator',
      'left',
      { name: 'Forms', visibility: 'public' },
    ]);
    for (const value of [room, first, direct, invite, joined, { events }, { members }]) hold(value);
  });

  test('what the server says of itself', async () => {
    const about = (await server.ask('GET', '/api/v1')).json;
    expect([keys(about), about.name]).toEqual([['limits', 'name', 'version'], 'parlour']);
    const stats = await ann.does(200, 'GET', 'stats');
    expect(keys(stats)).toEqual(['asOf', 'messages', 'rooms', 'users']);
    hold(stats);
    expect((await server.ask('GET', '/livez')).json).toEqual({ status: 'ok' });
    expect((await server.ask('GET', '/readyz')).json).toEqual({ status: 'ok', postgres: 'ok', redis: 'none' });
    const eva = await person(server, 'eva');
    const room = (await eva.does(201, 'POST', 'rooms', { name: 'Counted' })).id;
    const { id } = await eva.does(201, 'POST', `rooms/${room}/messages`, { content: 'counted' });
    const grown = { users: stats.users + 1, rooms: stats.rooms + 1, messages: stats.messages + 1 };
    await until('the totals follow', async () => Bun.deepEquals({ ...(await ann.does(200, 'GET', 'stats')), asOf: 0 }, { ...grown, asOf: 0 }), 1_000);
    await eva.does(204, 'DELETE', `messages/${id}`);
    await until('the deletion is counted', async () => (await ann.does(200, 'GET', 'stats')).messages === stats.messages, 1_000);
    await eva.does(204, 'DELETE', `rooms/${room}`);
    await eva.does(204, 'POST', 'users/me/delete', { password: PASSWORD });
    await until('the end is counted', async () => Bun.deepEquals({ ...(await ann.does(200, 'GET', 'stats')), asOf: 0 }, { ...stats, asOf: 0 }), 1_000);
  });
});

describe('passwords', () => {
  test('are 8 to 128 characters, not common, not digits only, not the name or address', async () => {
    const register = (body: Json) => server.ask('POST', 'auth/register', { body: { username: 'hermione.g', email: 'hgranger@example.org', ...body } });
    for (const [password, code] of [
      ['', 'too_short'],
      ['1234567', 'too_short'],
      ['😀'.repeat(7), 'too_short'],
      ['x'.repeat(129), 'too_long'],
      ['13572468097531', 'weak'],
      ['password1', 'weak'],
      ['qwerty123', 'weak'],
      ['iloveyou1', 'weak'],
      ['hermione.g', 'weak'],
      ['HERMIONE.G', 'weak'],
      ['hermione.g123!', 'weak'],
      ['!!12hermione.g', 'weak'],
      ['hgranger@example.org', 'weak'],
      ['hgranger99', 'weak'],
      ['HGranger', 'weak'],
    ] as const) {
      const answer = await register({ password });
      expect([password, answer.status, blamed(answer)]).toEqual([password, 422, [`/password:${code}`]]);
    }
    const mismatch = await register({ password: PASSWORD, passwordConfirm: `${PASSWORD} ` });
    expect([mismatch.status, blamed(mismatch)]).toEqual([422, ['/passwordConfirm:mismatch']]);
    expect((await register({ password: '😀'.repeat(128), passwordConfirm: '😀'.repeat(128) })).status).toBe(201);
    expect((await server.ask('POST', 'auth/login', { body: { login: 'HGranger@Example.org', password: '😀'.repeat(128) } })).status).toBe(200);
    const weak = await ann.ask('PUT', 'users/me/password', { currentPassword: PASSWORD, newPassword: 'password1' });
    expect([weak.status, blamed(weak)]).toEqual([422, ['/newPassword:weak']]);
    const wrong = await ann.ask('PUT', 'users/me/password', { currentPassword: 'not it', newPassword: 'a fine new one' });
    expect([wrong.status, wrong.json.code, blamed(wrong)]).toEqual([422, 'invalid', ['/currentPassword:incorrect']]);
    expect(blamed(await admin.ask('PUT', `users/${ann.id}/password`, { newPassword: 'ANN@example.org1' }))).toEqual(['/newPassword:weak']);
  });

  test('an unknown name and a wrong password get the same answer', async () => {
    const without = ({ json: { requestId: _, ...rest } }: Answer) => rest;
    const unknown = await server.ask('POST', 'auth/login', { body: { login: 'no.such.person', password: PASSWORD } });
    const wrong = await server.ask('POST', 'auth/login', { body: { login: ann.username, password: 'wrong' } });
    expect([unknown.status, wrong.status, without(unknown)]).toEqual([401, 401, without(wrong)]);
    expect(unknown.json.code).toBe('invalid_credentials');
    // A login with @ is an address, any other a username.
    expect((await server.ask('POST', 'auth/login', { body: { login: 'ann@example.org', password: PASSWORD } })).status).toBe(200);
  });
});

describe('disabled people', () => {
  test('stay members, but can’t sign in, be added, be made owner or be written to anew; enabled again, they sign in', async () => {
    const [owner, gone] = [await person(server, 'owner'), await person(server, 'gone')];
    const room = (await owner.does(201, 'POST', 'rooms', { name: 'Still here', memberIds: [gone.id] })).id;
    const direct = (await owner.does(201, 'PUT', `users/${gone.id}/conversation`)).id;
    expect((await admin.does(200, 'PATCH', `users/${gone.id}`, { disabled: true })).disabledAt).toMatch(TIME);
    expect((await gone.ask('GET', 'users/me')).json).toMatchObject({ status: 403, code: 'account_disabled' });
    for (const [path, body] of [
      ['auth/login', { login: gone.username, password: PASSWORD }],
      ['auth/refresh', { refreshToken: gone.refreshToken }],
      ['auth/verify', { token: gone.token }],
    ] as const)
      expect([path, (await server.ask('POST', path, { body })).json.code]).toEqual([path, 'account_disabled']);
    expect((await server.ask('POST', 'auth/login', { body: { login: gone.username, password: 'wrong' } })).json.code).toBe('invalid_credentials');
    expect((await owner.does(200, 'GET', `rooms/${room}/members/${gone.id}`)).role).toBe('member');
    expect((await owner.does(200, 'GET', `users/${gone.id}`)).deleted).toBe(false);
    const elsewhere = (await owner.does(201, 'POST', 'rooms', { name: 'Elsewhere' })).id;
    expect(blamed(await owner.ask('POST', `rooms/${elsewhere}/members`, { userId: gone.id }))).toEqual(['/userId:unknown']);
    expect(blamed(await owner.ask('POST', `rooms/${elsewhere}/members`, { username: gone.username }))).toEqual(['/username:unknown']);
    expect(blamed(await owner.ask('POST', 'rooms', { name: 'N', memberIds: [bob.id, gone.id], memberUsernames: [gone.username] }))).toEqual([
      '/memberIds/1:unknown',
      '/memberUsernames/0:unknown',
    ]);
    expect(blamed(await owner.ask('PATCH', `rooms/${room}`, { ownerId: gone.id }))).toEqual(['/ownerId:unknown']);
    expect((await owner.ask('PUT', `users/${gone.id}/conversation`)).status).toBe(200);
    expect((await owner.ask('POST', `rooms/${direct}/messages`, { content: 'are you there?' })).status).toBe(201);
    expect((await ann.ask('PUT', `users/${gone.id}/conversation`)).status).toBe(404);
    expect((await owner.does(200, 'GET', `users?username=${gone.username}`)).items).toEqual([]);
    expect((await admin.does(200, 'GET', `users?username=${gone.username}`)).items.length).toBe(1);
    expect((await owner.ask('POST', `rooms/${room}/members`, { userId: gone.id })).status).toBe(422);
    expect((await admin.does(200, 'PATCH', `users/${gone.id}`, { disabled: false })).disabledAt).toBeNull();
    // The sessions that ended stay ended.
    expect((await gone.ask('GET', 'users/me')).json.code).toBe('session_revoked');
    expect((await server.ask('POST', 'auth/login', { body: { login: gone.username, password: PASSWORD } })).status).toBe(200);
  });
});

describe('deleted people', () => {
  test('leave their messages, free their names, and pass their rooms on', async () => {
    const [gone, heir, other] = [await person(server, 'leaver', { email: 'leaver@example.org' }), await person(server, 'heir'), await person(server, 'other')];
    const room = (await gone.does(201, 'POST', 'rooms', { name: 'Legacy', memberIds: [other.id, heir.id] })).id;
    await gone.does(200, 'PATCH', `rooms/${room}/members/${heir.id}`, { role: 'moderator' });
    const { id } = await gone.does(201, 'POST', `rooms/${room}/messages`, { content: 'remember me' });
    const alone = (await gone.does(201, 'POST', 'rooms', { name: 'Alone', visibility: 'public' })).id;
    const direct = (await other.does(201, 'PUT', `users/${gone.id}/conversation`)).id;
    await gone.does(201, 'POST', `rooms/${direct}/messages`, { content: 'farewell' });
    const wrong = await gone.ask('POST', 'users/me/delete', { password: 'wrong' });
    expect([wrong.status, blamed(wrong)]).toEqual([422, ['/password:incorrect']]);
    await gone.does(204, 'POST', 'users/me/delete', { password: PASSWORD });

    const shown = { id: gone.id, username: 'deleted', firstName: '', lastName: '', deleted: true };
    expect((await gone.ask('GET', 'users/me')).json.code).toBe('session_revoked');
    for (const who of [other, admin]) expect((await who.ask('GET', `users/${gone.id}`)).status).toBe(404);
    expect((await other.does(200, 'GET', `messages/${id}`)).sender).toEqual(shown);
    const state = await other.does(200, 'GET', `rooms/${room}`);
    expect([state.ownerId, state.memberCount]).toEqual([heir.id, 2]);
    const events = (await other.does(200, 'GET', `rooms/${room}/events`)).items.slice(-2);
    expect(events.map((event: Json) => [event.type, event.actorId, event.reason ?? event.changes])).toEqual([
      ['member.left', gone.id, 'deleted'],
      ['room.updated', gone.id, { ownerId: heir.id }],
    ]);
    expect(events[0].member.user).toEqual(shown);
    expect((await other.does(200, 'GET', `rooms/${room}/members/${heir.id}`)).role).toBe('owner');
    expect((await other.ask('GET', `rooms/${room}/members/${gone.id}`)).status).toBe(404);
    expect((await other.ask('GET', `rooms/${alone}`)).status).toBe(404);
    // The conversation stays readable, but not writable.
    const conversation = await other.does(200, 'GET', `rooms/${direct}`);
    expect([conversation.peer, conversation.lastMessage?.content]).toEqual([shown, 'farewell']);
    expect((await other.does(200, 'GET', `rooms/${direct}/messages`)).items[0].sender).toEqual(shown);
    expect((await other.ask('POST', `rooms/${direct}/messages`, { content: 'hello?' })).status).toBe(403);
    expect((await other.ask('PUT', `users/${gone.id}/conversation`)).status).toBe(404);
    expect((await other.does(200, 'GET', 'messages?search=farewell')).items[0].sender).toEqual(shown);
    expect((await other.does(200, 'GET', `users?username=${gone.username}`)).items).toEqual([]);
    expect((await other.does(200, 'GET', 'users?username=deleted')).items).toEqual([]);
    expect(blamed(await other.ask('POST', 'rooms', { name: 'N', memberIds: [gone.id] }))).toEqual(['/memberIds/0:unknown']);
    const again = await server.ask('POST', 'auth/register', { body: { username: gone.username, email: 'leaver@example.org', password: PASSWORD } });
    expect([again.status, again.json.user?.id === gone.id]).toEqual([201, false]);
  });
});

describe('registration that is closed', () => {
  test('is 403 for everybody but admins; a bad token is 401 as anywhere', async () => {
    const closed = await startServer({ REGISTRATION: 'closed' });
    const register = (username: string, more = {}) => closed.ask('POST', 'auth/register', { body: { username, password: PASSWORD }, ...more });
    // The first admin is made on the command line; here by the database, with a password that is known.
    const [{ hash }] = (await server.sql`select password_hash as hash from users where id = ${admin.id}`) as unknown as [{ hash: string }];
    for (const [name, role] of [
      ['root', 'admin'],
      ['plain', 'user'],
    ])
      await closed.sql`insert into users (id, username, role, password_hash) values (${Bun.randomUUIDv7()}, ${name!}, ${role!}, ${hash})`;
    const tokenOf = async (login: string) => (await closed.ask('POST', 'auth/login', { body: { login, password: PASSWORD } })).json.accessToken as string;
    expect((await register('nobody')).json).toMatchObject({ status: 403, code: 'forbidden' });
    expect((await register('nobody', { token: await tokenOf('plain') })).status).toBe(403);
    expect((await register('nobody', { token: 'rubbish' })).json).toMatchObject({ status: 401, code: 'unauthenticated' });
    expect((await register('nobody', { headers: { authorization: 'Basic eDp5' } })).status).toBe(401);
    const made = await register('somebody', { token: await tokenOf('root') });
    expect([made.status, made.json.user.username]).toEqual([201, 'somebody']);
    await closed.stop();
  });
});

describe('finding messages', () => {
  test('needs a room that one is in; ids that name nothing, or other people’s rooms, find nothing', async () => {
    const room = (await ann.does(201, 'POST', 'rooms', { name: 'Searched', memberIds: [bob.id] })).id;
    const { id, createdAt } = await ann.does(201, 'POST', `rooms/${room}/messages`, { content: 'A Café at 8.04, foo-bar' });
    const found = async (query: string, who = bob) => (await who.does(200, 'GET', `messages?room=${room}&${query}`)).items as Json[];
    expect((await found('search=cafe'))[0]).toMatchObject({ id, highlights: [[2, 6]] });
    expect((await found(''))[0]).not.toHaveProperty('highlights');
    expect(await found('search=cafe', await person(server, 'nosy'))).toEqual([]);
    expect(await found(`user=${Bun.randomUUIDv7()}`)).toEqual([]);
    expect(await found(`user=${bob.id}`)).toEqual([]);
    expect((await found(`user=${ann.id.toUpperCase()}`)).length).toBe(1);
    // since is inclusive, until exclusive.
    const at = encodeURIComponent(createdAt);
    expect([(await found(`since=${at}`)).length, (await found(`until=${at}`)).length]).toEqual([1, 0]);
    const later = encodeURIComponent(new Date(Date.parse(createdAt) + 1).toISOString());
    expect([(await found(`since=${later}`)).length, (await found(`until=${later}`)).length]).toEqual([0, 1]);
    for (const [query, count] of [
      ['search=foo', 1],
      ['search=foo-bar', 1],
      ['search=bar-foo', 0],
      ['search=%22foo%20bar%22', 1],
      ['search=8.04', 1],
      ['search=ca', 1],
      ['search=ca%20foo', 0],
      ['search=foo%20ca', 1],
      ['search=-cafe', 0],
      ['search=foo%20-cafe', 0],
      ['search=foo%20-tea', 1],
      ['search=tea%20or%20cafe', 1],
      ['search=or', 0],
      ['search=%21%21', 0],
      ['search=%22', 0],
      ['contains=AFE%20AT', 1],
      ['contains=o-b', 1],
      ['contains=8.04,', 1],
      ['contains=f%20b', 0],
      ['search=cafe&contains=o-b', 1],
      ['search=cafe&sort=relevance', 1],
    ] as const)
      expect([query, (await found(query)).length]).toEqual([query, count]);
    await ann.does(200, 'PATCH', `messages/${id}`, { content: 'now tea' });
    expect([(await found('search=cafe')).length, (await found('search=tea')).length]).toEqual([0, 1]);
    await ann.does(204, 'DELETE', `messages/${id}`);
    expect([(await found('search=tea')).length, (await found('')).length, (await found('contains=tea')).length]).toEqual([0, 0, 0]);
  });
});

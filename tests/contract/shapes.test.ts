/** rest.md's shapes, as they come back: every field, every time, every id, and what takes a seq. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { until } from '../support/wait.ts';
import type { Json } from './client.ts';
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

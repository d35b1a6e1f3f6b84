/** Rooms through the doors: how they are made, shown, listed, changed, handed over and deleted. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { type Chat, openChat, type Person } from '../support/chat.ts';
import { until } from '../support/wait.ts';
import { brokenRooms } from '../support/world.ts';
import { blamed, walk } from './ask.ts';

let chat: Chat;
let ann: Person;
let bob: Person;
let cid: Person;
beforeAll(async () => {
  chat = await openChat();
  [ann, bob, cid] = await Promise.all([chat.person('ann'), chat.person('bob'), chat.person('cid')]);
});
afterAll(async () => {
  const broken = await brokenRooms(chat);
  await chat[Symbol.asyncDispose]();
  expect(broken).toEqual([]);
});

describe('a new room', () => {
  test('has its creator as owner, its first members, and no event', async () => {
    const { status, body } = await ann.ask('POST', '/rooms', {
      name: ' Hall ',
      description: '‮ any text',
      memberIds: [bob.id, bob.id, ann.id],
      memberUsernames: [cid.username.toUpperCase()],
    });
    expect(status).toBe(201);
    expect(body).toEqual({
      id: body.id,
      kind: 'group',
      name: ' Hall ',
      description: '‮ any text',
      visibility: 'private',
      ownerId: ann.id,
      peer: null,
      epoch: body.epoch,
      lastSeq: 0,
      memberCount: 3,
      messageCount: 0,
      createdAt: body.createdAt,
      updatedAt: body.createdAt,
      lastActivityAt: body.createdAt,
      me: { role: 'owner', readSeq: 0, unread: 0 },
      lastMessage: null,
    });
    const { items } = await ann.done('GET', `/rooms/${body.id}/members`);
    expect(items.map((member: { user: { id: string }; role: string; readSeq: number }) => [member.user.id, member.role, member.readSeq])).toEqual(
      [
        [ann.id, 'owner', 0],
        [bob.id, 'member', 0],
        [cid.id, 'member', 0],
      ].sort(([a], [b]) => (a! < b! ? -1 : 1)),
    );
    expect(await ann.log(body)).toEqual([]);
  });

  test('is not made when somebody in it is unknown, and each is named', async () => {
    const before = (await ann.done('GET', '/rooms?total=true')).total;
    const disabled = await chat.person('disabled');
    await chat.sql`update users set disabled_at = now() where id = ${disabled.id}`;
    const answer = await ann.ask('POST', '/rooms', {
      name: 'Hall',
      memberIds: [bob.id, crypto.randomUUID(), disabled.id],
      memberUsernames: ['no one', cid.username, '\u212Aelvin'],
    });
    expect(answer.status).toBe(422);
    expect(blamed(answer)).toEqual(['/memberIds/1 unknown', '/memberIds/2 unknown', '/memberUsernames/0 unknown', '/memberUsernames/2 unknown']);
    expect((await ann.done('GET', '/rooms?total=true')).total).toBe(before);
  });

  test('takes a hundred first members by id and name together, and blames the ids for the sum', async () => {
    const fifty = Array.from({ length: 50 }, () => bob.id);
    expect((await ann.ask('POST', '/rooms', { name: 'Full', memberIds: fifty, memberUsernames: Array.from({ length: 50 }, () => cid.username) })).status).toBe(
      201,
    );
    const answer = await ann.ask('POST', '/rooms', { name: 'Full', memberIds: fifty, memberUsernames: Array.from({ length: 51 }, () => cid.username) });
    expect(blamed(answer)).toEqual(['/memberIds too_long']);
  });

  test('is refused with a name that is empty, blank, too long or turns the text around', async () => {
    const codes = await Promise.all(['', ' \t', 'x'.repeat(101), 'a‮b', 'a\nb', 5, null].map(async (name) => blamed(await ann.ask('POST', '/rooms', { name }))));
    expect(codes.flat()).toEqual(['/name too_short', '/name blank', '/name too_long', '/name format', '/name format', '/name type', '/name required']);
    expect((await ann.ask('POST', '/rooms', { name: '😀'.repeat(100) })).status).toBe(201);
  });

  test('is announced to everybody in it on every socket', async () => {
    const sockets = await Promise.all([ann.connect(), bob.connect()]);
    const room = await ann.room('Announced', { memberIds: [bob.id] });
    for (const [at, socket] of sockets.entries()) {
      const added = await socket.next('room.added', { roomId: room.id });
      expect(added.room.me.role).toBe(at === 0 ? 'owner' : 'member');
      socket.close();
    }
  });
});

describe('what a room says of itself', () => {
  test('is unread up to 99 exactly, and 100 for more; own and deleted messages do not count', async () => {
    const room = await ann.room('Unread', { memberIds: [bob.id] });
    const unread = async () => (await bob.done('GET', `/rooms/${room.id}`)).me.unread;
    const first = await ann.says(room, 'first');
    await bob.says(room, 'mine');
    expect(await unread()).toBe(1);
    await ann.done('DELETE', `/messages/${first.id}`);
    expect(await unread()).toBe(0);
    for (let n = 0; n < 99; n++) await ann.says(room, `${n}`);
    expect(await unread()).toBe(99);
    await ann.says(room, 'one more');
    await ann.says(room, 'and one');
    expect(await unread()).toBe(100);
    const shown = await bob.done('GET', `/rooms/${room.id}`);
    expect([shown.me.readSeq, shown.lastSeq, shown.messageCount, shown.lastMessage.content]).toEqual([0, 104, 102, 'and one']);
    expect((await bob.done('PUT', `/rooms/${room.id}/read`, { seq: 104 })).unread).toBe(0);
    expect(await unread()).toBe(0);
  });

  test('shows the newest message, even as a tombstone, and moves with messages only', async () => {
    const room = await ann.room('Newest');
    const message = await ann.says(room, 'one');
    const said = await ann.done('GET', `/rooms/${room.id}`);
    expect(said.lastMessage).toEqual(message);
    expect(said.lastActivityAt).toBe(message.createdAt);
    await ann.done('DELETE', `/messages/${message.id}`);
    await ann.done('PATCH', `/rooms/${room.id}`, { name: 'Newer' });
    await ann.adds(room, bob);
    const after = await ann.done('GET', `/rooms/${room.id}`);
    expect(after.lastMessage).toMatchObject({ id: message.id, seq: message.seq, content: '' });
    expect(after.lastMessage.deletedAt).not.toBeNull();
    expect([after.lastActivityAt, after.messageCount, after.lastSeq]).toEqual([message.createdAt, 0, 4]);
    expect(after.updatedAt > after.createdAt).toBe(true);
  });

  test('hides membership and messages from those who are no members', async () => {
    const room = await ann.room('Open', { visibility: 'public' });
    await ann.says(room, 'inside');
    const seen = await cid.done('GET', `/rooms/${room.id}`);
    expect([seen.me, seen.lastMessage, seen.memberCount]).toEqual([null, null, 1]);
  });
});

describe('changing a room', () => {
  test('is one event with what is new, and none for what is not', async () => {
    const room = await ann.room('Before', { memberIds: [bob.id], description: 'same' });
    const socket = await bob.listens(room);
    const changed = await ann.done('PATCH', `/rooms/${room.id}`, { name: 'After', description: 'same', visibility: null, unknown: 1 });
    expect([changed.name, changed.lastSeq]).toEqual(['After', 1]);
    const event = await socket.next('room.updated');
    expect(event).toEqual({ type: 'room.updated', roomId: room.id, seq: 1, at: changed.updatedAt, actorId: ann.id, changes: { name: 'After' } });
    expect(await ann.log(room)).toEqual([event]);
    expect((await ann.done('PUT', `/rooms/${room.id}`, { name: 'After', description: 'same', visibility: 'private' })).lastSeq).toBe(1);
    expect((await ann.done('PATCH', `/rooms/${room.id}`, {})).lastSeq).toBe(1);
    expect((await ann.done('PATCH', `/rooms/${room.id}`, { ownerId: ann.id })).lastSeq).toBe(1);
    expect((await ann.done('PATCH', `/rooms/${room.id}`, { description: '' })).description).toBe('');
    expect(blamed(await ann.ask('PUT', `/rooms/${room.id}`, { name: 'After' }))).toEqual(['/description required', '/visibility required']);
    socket.close();
  });

  test('hands it over in the same event, and the former owner becomes moderator', async () => {
    const room = await ann.room('Handed', { memberIds: [bob.id] });
    const after = await ann.done('PATCH', `/rooms/${room.id}`, { ownerId: bob.id.toUpperCase(), name: 'Bob’s' });
    expect([after.ownerId, after.me.role, after.lastSeq]).toEqual([bob.id, 'moderator', 1]);
    expect((await bob.done('GET', `/rooms/${room.id}/members/me`)).role).toBe('owner');
    expect((await ann.log(room)).map(({ type, changes }) => [type, changes])).toEqual([['room.updated', { name: 'Bob’s', ownerId: bob.id }]]);
    expect((await ann.ask('PATCH', `/rooms/${room.id}`, { ownerId: ann.id })).status).toBe(403);
    expect((await ann.ask('DELETE', `/rooms/${room.id}`)).status).toBe(403);
  });

  test('can not hand it to somebody who is no enabled member', async () => {
    const off = await chat.person('off');
    const room = await ann.room('Kept', { memberIds: [off.id] });
    await chat.sql`update users set disabled_at = now() where id = ${off.id}`;
    for (const ownerId of [cid.id, off.id, crypto.randomUUID()]) {
      expect(blamed(await ann.ask('PATCH', `/rooms/${room.id}`, { ownerId }))).toEqual(['/ownerId unknown']);
    }
    expect(blamed(await ann.ask('PATCH', `/rooms/${room.id}`, { ownerId: 'bob' }))).toEqual(['/ownerId format']);
    expect((await ann.done('GET', `/rooms/${room.id}`)).lastSeq).toBe(0);
  });
});

describe('deleting a room', () => {
  test('takes it away from everybody at once, with everything in it', async () => {
    const room = await ann.room('Gone', { memberIds: [bob.id], visibility: 'public' });
    const message = await bob.says(room, 'lost');
    const { code } = await ann.done('POST', `/rooms/${room.id}/invites`);
    const [hers, his] = [await ann.connect(), await bob.listens(room)];
    expect((await ann.ask('DELETE', `/rooms/${room.id}`)).status).toBe(204);
    for (const socket of [hers, his]) {
      const removed = await socket.next('room.removed', { roomId: room.id });
      expect([removed.reason, 'seq' in removed]).toEqual(['deleted', false]);
      socket.close();
    }
    const paths = [`/rooms/${room.id}`, `/rooms/${room.id}/members`, `/rooms/${room.id}/messages`, `/messages/${message.id}`, `/invites/${code}`];
    for (const path of paths) expect((await bob.ask('GET', path)).status).toBe(404);
    expect((await ann.ask('DELETE', `/rooms/${room.id}`)).status).toBe(404);
    expect((await bob.ask('POST', `/rooms/${room.id}/messages`, { content: 'late' })).status).toBe(404);
    expect((await cid.ask('POST', `/invites/${code}/accept`)).status).toBe(404);
    await until('its rows are removed in the background', async () => {
      const [left] = await chat.sql<{ n: number }>`
        select (select count(*) from messages where room_id = ${room.id}) + (select count(*) from room_events where room_id = ${room.id})
          + (select count(*) from purges where room_id = ${room.id}) as n`;
      return left!.n === 0;
    });
  });
});

describe('lists of rooms', () => {
  test('walk every room once in order, although many were active in the same millisecond', async () => {
    const walker = await chat.person('walker');
    const made = await Promise.all(Array.from({ length: 23 }, (_, n) => walker.room(`R${n}`)));
    await chat.sql`update rooms set last_activity_at = ${'2026-01-01T00:00:00.500Z'} where id = any(${made.slice(0, 15).map(({ id }) => id)}::uuid[])`;
    const expected = [...(await walker.done('GET', '/rooms?limit=100')).items].map(({ id }) => id);
    const tied = made.slice(0, 15).map(({ id }) => id);
    expect(expected.slice(-15)).toEqual(tied.sort().reverse());
    expect((await walk(walker, '/rooms?limit=4')).map(({ id }) => id)).toEqual(expected);
    expect((await walk(walker, `/users/me/rooms?limit=5`)).map(({ id }) => id)).toEqual(expected);
    const { total, items, nextCursor } = await walker.done('GET', '/rooms?total=true&limit=23');
    expect([total, items.length, nextCursor]).toEqual([23, 23, null]);
    expect((await walker.done('GET', '/rooms?total=true&query=r1')).total).toBeNull();
    expect('total' in (await walker.done('GET', '/rooms'))).toBe(false);
  });

  test('show a room that becomes active on the first page', async () => {
    const walker = await chat.person('mover');
    const [old] = [await walker.room('Old'), await walker.room('New')];
    const { items, nextCursor } = await walker.done('GET', '/rooms?limit=1');
    expect(items[0].name).toBe('New');
    await walker.says(old, 'awake');
    expect((await walker.done('GET', '/rooms?limit=1')).items[0].name).toBe('Old');
    expect((await walker.done('GET', `/rooms?limit=1&cursor=${nextCursor}`)).items.map(({ name }: { name: string }) => name)).toEqual([]);
  });

  test('find names by a part of them without case, taken literally', async () => {
    const finder = await chat.person('finder');
    await Promise.all(['100% Äpfel', 'a_b', 'axb'].map((name) => finder.room(name)));
    const names = async (query: string) =>
      (await finder.done('GET', `/rooms?query=${encodeURIComponent(query)}`)).items.map(({ name }: { name: string }) => name);
    expect(await names('% ÄP')).toEqual(['100% Äpfel']);
    expect(await names('A_B')).toEqual(['a_b']);
    expect(await names('\\')).toEqual([]);
    expect((await names('')).length).toBe(3);
  });

  test('of public rooms are for everybody, of all groups for admins, of another person’s groups too', async () => {
    const admin = await chat.person('admin', { admin: true });
    const host = await chat.person('host');
    const [open, closed] = [await host.room('Open', { visibility: 'public' }), await host.room('Closed')];
    const direct = await host.done('PUT', `/users/${ann.id}/conversation`);
    const ids = async (who: Person, path: string) => (await walk(who, path)).map(({ id }) => id);
    expect(await ids(cid, '/rooms?scope=public&limit=100')).toContain(open.id);
    expect(await ids(cid, '/rooms?scope=public&limit=100')).not.toContain(closed.id);
    const all = await ids(admin, '/rooms?scope=all&limit=100');
    expect(all).toContain(closed.id);
    expect(all).not.toContain(direct.id);
    expect((await cid.ask('GET', '/rooms?scope=all')).status).toBe(403);
    expect(blamed(await cid.ask('GET', '/rooms?scope=some'))).toEqual(['/scope enum']);
    expect((await ids(admin, `/users/${host.id}/rooms`)).sort()).toEqual([open.id, closed.id].sort());
    expect((await admin.done('GET', `/users/${host.id}/rooms?total=true`)).total).toBe(2);
    expect((await ids(host, `/users/${host.id}/rooms`)).length).toBe(3);
    expect((await cid.ask('GET', `/users/${host.id}/rooms`)).status).toBe(403);
    expect((await cid.ask('GET', `/users/${crypto.randomUUID()}/rooms`)).status).toBe(404);
    await until(
      'the totals are right within a second',
      async () => {
        const { total } = await admin.done('GET', '/rooms?scope=all&total=true');
        return total === (await ids(admin, '/rooms?scope=all&limit=100')).length;
      },
      1_500,
    );
  });

  test('keep to their cursors: those of another list, filter or person’s list, and damaged ones, are refused', async () => {
    const walker = await chat.person('cursed');
    for (let n = 0; n < 3; n++) await walker.room('Hall');
    const { nextCursor } = await walker.done('GET', '/rooms?limit=1');
    expect((await walker.ask('GET', `/rooms?limit=2&scope=mine&cursor=${nextCursor}`)).status).toBe(200);
    const flipped = `${nextCursor.slice(0, 20)}${nextCursor[20] === 'A' ? 'B' : 'A'}${nextCursor.slice(21)}`;
    for (const path of [
      `/rooms?query=h&cursor=${nextCursor}`,
      `/rooms?scope=public&cursor=${nextCursor}`,
      `/users/me/rooms?cursor=${nextCursor}`,
      `/rooms?cursor=${flipped}`,
    ]) {
      expect(blamed(await walker.ask('GET', path))).toEqual(['/cursor format']);
    }
    expect(blamed(await walker.ask('GET', '/rooms?limit=101'))).toEqual(['/limit too_large']);
    expect(blamed(await walker.ask('GET', '/rooms?limit=0'))).toEqual(['/limit too_small']);
  });

  test('go on where the 200 rooms of a socket’s opening end', async () => {
    const many = await chat.person('many');
    for (let n = 0; n < 203; n += 29) await Promise.all(Array.from({ length: Math.min(29, 203 - n) }, () => many.room('One of many')));
    const socket = await many.connect();
    const [ready] = socket.all('ready');
    socket.close();
    expect(ready.rooms.length).toBe(200);
    const rest = await many.done('GET', `/rooms?cursor=${ready.next}`);
    const seen = new Set([...ready.rooms.map(({ roomId }: { roomId: string }) => roomId), ...rest.items.map(({ id }: { id: string }) => id)]);
    expect([rest.items.length, seen.size]).toEqual([3, 203]);
  });
});

/** A room with everybody in it whom the table of rights tells apart, as often as a test needs a fresh one. */
import { type Person, person } from './people.ts';
import { type Server, startServer } from './server.ts';

export type Who = 'owner' | 'moderator' | 'deputy' | 'member' | 'stranger' | 'removed' | 'admin' | 'disabled' | 'plain' | 'outsider';

/** A room with an owner, two moderators, plain members, somebody who was removed, and a message of each of them. */
export type Hall = { id: string; visibility: 'private' | 'public'; messages: Partial<Record<Who, string>>; code: string };

/** Everything is there once `open` is done; `shared` are two halls in which nothing may succeed that changes them. */
export function aCast() {
  const people = {} as Record<Who, Person>;
  const shared = {} as Record<'private' | 'public', Hall>;
  let running: Server;

  async function hall(visibility: 'private' | 'public'): Promise<Hall> {
    const { owner, moderator, deputy, member, removed, plain, disabled } = people;
    const members = [moderator, deputy, member, removed, plain, ...(shared.public ? [] : [disabled])];
    const room = await owner.does(201, 'POST', 'rooms', { name: 'Hall', visibility, memberIds: members.map(({ id }) => id) });
    for (const { id } of [moderator, deputy]) await owner.does(200, 'PATCH', `rooms/${room.id}/members/${id}`, { role: 'moderator' });
    const messages: Hall['messages'] = {};
    for (const who of ['owner', 'moderator', 'member', 'removed', 'plain'] as const) {
      messages[who] = (await people[who].does(201, 'POST', `rooms/${room.id}/messages`, { content: `of ${who}` })).id;
    }
    await owner.does(204, 'DELETE', `rooms/${room.id}/members/${removed.id}`);
    const { code } = await owner.does(201, 'POST', `rooms/${room.id}/invites`, {});
    return { id: room.id, visibility, messages, code };
  }

  async function open(): Promise<void> {
    running = await startServer();
    const names: Who[] = ['owner', 'moderator', 'deputy', 'member', 'stranger', 'removed', 'disabled', 'plain', 'outsider'];
    await Promise.all(names.map(async (name) => (people[name] = await person(running, name))));
    people.admin = await running.admin('admin');
    for (const visibility of ['private', 'public'] as const) shared[visibility] = await hall(visibility);
    await people.admin.does(200, 'PATCH', `users/${people.disabled.id}`, { disabled: true });
  }

  return { people, shared, hall, open, server: () => running };
}

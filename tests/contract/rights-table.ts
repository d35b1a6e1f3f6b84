/** rest.md's table of rights, row by row, each with a request that does it. It asks nobody itself. */
import type { Hall, Who } from './hall.ts';
import type { Person } from './people.ts';

/** In the order of rest.md: stranger of a private and of a public room, member, moderator, owner, admin who is no member. */
export type Row = [strangerPrivate: number, strangerPublic: number, member: number, moderator: number, owner: number, admin: number];
type Call = (hall: Hall, who: Who) => [method: string, path: string, body?: unknown];
export type Operation = { name: string; id: string; row: Row; call: Call; adminPublic?: number };

const READ: Row = [404, 403, 200, 200, 200, 200];
/** Somebody else who wrote in the room. */
const another = (who: Who): Who => (who === 'owner' ? 'plain' : 'owner');
const own = (hall: Hall, who: Who): string => hall.messages[who] ?? hall.messages.owner!;

export const operationsIn = (people: Record<Who, Person>): Operation[] => [
  { name: 'read a room', id: 'readRoom', row: [404, 200, 200, 200, 200, 200], call: ({ id }) => ['GET', `rooms/${id}`] },
  { name: 'list members', id: 'listMembers', row: READ, call: ({ id }) => ['GET', `rooms/${id}/members`] },
  { name: 'read a member', id: 'readMember', row: READ, call: ({ id }) => ['GET', `rooms/${id}/members/${people.plain.id}`] },
  { name: 'read messages', id: 'readHistory', row: READ, call: ({ id }) => ['GET', `rooms/${id}/messages`] },
  { name: 'read events', id: 'readEvents', row: READ, call: ({ id }) => ['GET', `rooms/${id}/events`] },
  { name: 'read a message', id: 'readMessage', row: READ, call: ({ messages }) => ['GET', `messages/${messages.plain}`] },
  { name: 'read his own message', id: 'readMessage', row: READ, call: (room, who) => ['GET', `messages/${own(room, who)}`] },
  { name: 'list readers', id: 'listReaders', row: READ, call: ({ messages }) => ['GET', `messages/${messages.plain}/readers`] },
  { name: 'send', id: 'sendMessage', row: [404, 403, 201, 201, 201, 403], call: ({ id }) => ['POST', `rooms/${id}/messages`, { content: 'hello' }] },
  {
    name: 'edit his own',
    id: 'editMessage',
    row: [404, 403, 200, 200, 200, 403],
    call: (room, who) => ['PATCH', `messages/${own(room, who)}`, { content: 'new' }],
  },
  {
    name: 'replace his own',
    id: 'replaceMessage',
    row: [404, 403, 200, 200, 200, 403],
    call: (room, who) => ['PUT', `messages/${own(room, who)}`, { content: 'newer' }],
  },
  { name: 'mark read', id: 'markRead', row: [404, 403, 200, 200, 200, 403], call: ({ id }) => ['PUT', `rooms/${id}/read`, { seq: 1 }] },
  {
    name: 'mark a message read',
    id: 'markMessageRead',
    row: [404, 403, 200, 200, 200, 403],
    call: ({ messages }) => ['POST', `messages/${messages.plain}/read`],
  },
  {
    name: 'edit another’s',
    id: 'editMessage',
    row: [404, 403, 403, 403, 403, 403],
    call: ({ messages }, who) => ['PATCH', `messages/${messages[another(who)]}`, { content: 'not mine' }],
  },
  {
    name: 'replace another’s',
    id: 'replaceMessage',
    row: [404, 403, 403, 403, 403, 403],
    call: ({ messages }, who) => ['PUT', `messages/${messages[another(who)]}`, { content: 'not mine' }],
  },
  { name: 'delete his own', id: 'deleteMessage', row: [404, 403, 204, 204, 204, 204], call: (room, who) => ['DELETE', `messages/${own(room, who)}`] },
  {
    name: 'delete another’s',
    id: 'deleteMessage',
    row: [404, 403, 403, 204, 204, 204],
    call: ({ messages }, who) => ['DELETE', `messages/${messages[another(who)]}`],
  },
  { name: 'change a room', id: 'changeRoom', row: [404, 403, 403, 200, 200, 200], call: ({ id }) => ['PATCH', `rooms/${id}`, { name: 'New' }] },
  {
    name: 'replace a room',
    id: 'replaceRoom',
    row: [404, 403, 403, 200, 200, 200],
    call: ({ id, visibility }) => ['PUT', `rooms/${id}`, { name: 'New', description: 'Newer', visibility }],
  },
  {
    name: 'change a room naming the owner whom it has',
    id: 'changeRoom',
    row: [404, 403, 403, 200, 200, 200],
    call: ({ id }) => ['PATCH', `rooms/${id}`, { name: 'New', ownerId: people.owner.id }],
  },
  {
    name: 'hand a room over',
    id: 'changeRoom',
    row: [404, 403, 403, 403, 200, 200],
    call: ({ id }) => ['PATCH', `rooms/${id}`, { ownerId: people.plain.id }],
  },
  {
    name: 'hand a room over with PUT',
    id: 'replaceRoom',
    row: [404, 403, 403, 403, 200, 200],
    call: ({ id, visibility }) => ['PUT', `rooms/${id}`, { name: 'Hall', description: '', visibility, ownerId: people.plain.id }],
  },
  {
    name: 'make a member a moderator',
    id: 'changeMember',
    row: [404, 403, 403, 403, 200, 200],
    call: ({ id }) => ['PATCH', `rooms/${id}/members/${people.plain.id}`, { role: 'moderator' }],
  },
  {
    name: 'make a moderator a member',
    id: 'changeMember',
    row: [404, 403, 403, 403, 200, 200],
    call: ({ id }) => ['PATCH', `rooms/${id}/members/${people.moderator.id}`, { role: 'member' }],
  },
  {
    name: 'add as moderator',
    id: 'addMember',
    row: [404, 403, 403, 403, 201, 201],
    call: ({ id }) => ['POST', `rooms/${id}/members`, { userId: people.outsider.id, role: 'moderator' }],
  },
  {
    name: 'remove a moderator',
    id: 'removeMember',
    row: [404, 403, 403, 403, 204, 204],
    call: ({ id }) => ['DELETE', `rooms/${id}/members/${people.deputy.id}`],
  },
  {
    name: 'add a member by id',
    id: 'addMember',
    row: [404, 403, 403, 201, 201, 201],
    call: ({ id }) => ['POST', `rooms/${id}/members`, { userId: people.outsider.id }],
  },
  {
    name: 'add a member by name',
    id: 'addMember',
    row: [404, 403, 403, 201, 201, 201],
    call: ({ id }) => ['POST', `rooms/${id}/members`, { username: people.outsider.username.toUpperCase(), role: 'member' }],
  },
  {
    name: 'remove a plain member',
    id: 'removeMember',
    row: [404, 403, 403, 204, 204, 204],
    call: ({ id }) => ['DELETE', `rooms/${id}/members/${people.plain.id}`],
  },
  { name: 'make an invite', id: 'createInvite', row: [404, 403, 403, 201, 201, 201], call: ({ id }) => ['POST', `rooms/${id}/invites`, {}] },
  { name: 'list invites', id: 'listInvites', row: [404, 403, 403, 200, 200, 200], call: ({ id }) => ['GET', `rooms/${id}/invites`] },
  { name: 'revoke an invite', id: 'revokeInvite', row: [404, 403, 403, 204, 204, 204], call: ({ id, code }) => ['DELETE', `rooms/${id}/invites/${code}`] },
  { name: 'remove the owner', id: 'removeMember', row: [404, 403, 403, 403, 409, 409], call: ({ id }) => ['DELETE', `rooms/${id}/members/${people.owner.id}`] },
  {
    name: 'change the owner’s role',
    id: 'changeMember',
    row: [404, 403, 403, 403, 409, 409],
    call: ({ id }) => ['PATCH', `rooms/${id}/members/${people.owner.id}`, { role: 'member' }],
  },
  { name: 'leave', id: 'leaveRoom', row: [404, 404, 204, 204, 409, 404], call: ({ id }) => ['POST', `rooms/${id}/leave`] },
  { name: 'remove himself', id: 'removeMember', row: [404, 404, 204, 204, 409, 404], call: ({ id }) => ['DELETE', `rooms/${id}/members/me`] },
  { name: 'join', id: 'joinRoom', row: [404, 200, 200, 200, 200, 403], adminPublic: 200, call: ({ id }) => ['POST', `rooms/${id}/join`] },
  { name: 'delete a room', id: 'deleteRoom', row: [404, 403, 403, 403, 204, 204], call: ({ id }) => ['DELETE', `rooms/${id}`] },
  // An invite opens the door to everybody signed in who knows it.
  { name: 'look at an invite', id: 'readInvite', row: [200, 200, 200, 200, 200, 200], call: ({ code }) => ['GET', `invites/${code}`] },
  { name: 'accept an invite', id: 'acceptInvite', row: [200, 200, 200, 200, 200, 200], call: ({ code }) => ['POST', `invites/${code}/accept`] },
];

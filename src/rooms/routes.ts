/** Rooms, members and invites over HTTP: paths, documentation and one verb each. */
import { Elysia } from 'elysia';
import { type Door, reply } from '../http/door.ts';
import { list } from '../users/model.ts';
import {
  AddMember,
  ChangeMember,
  ChangeRoom,
  CreateInvite,
  CreateRoom,
  Invitation,
  Invite,
  ListMembers,
  ListPaged,
  ListRooms,
  ListUserRooms,
  Member,
  ReplaceRoom,
  Room,
} from './model.ts';
import type { Rooms } from './service.ts';

const rooms = 'Rooms';
const members = 'Members';
const invites = 'Invites';

export const roomRoutes = (service: Rooms, door: Door) =>
  new Elysia({ name: 'rooms' })
    .post(
      '/api/v1/rooms',
      ...door.signedIn(
        'createRoom',
        { summary: 'Make a room, with its first members', tag: rooms, rate: 'write', body: CreateRoom, answers: { 201: Room } },
        ({ caller, body }) => service.create(caller, body),
      ),
    )
    .get(
      '/api/v1/rooms',
      ...door.signedIn(
        'listRooms',
        {
          summary: 'My rooms, public rooms or all rooms, most recently active first',
          tag: rooms,
          rateOf: (query) => (query.get('query') ? 'search' : 'read'),
          query: ListRooms,
          answers: { 200: list(Room) },
          fails: ['forbidden'],
        },
        ({ caller, query }) => service.list(caller, query),
      ),
    )
    .get(
      '/api/v1/users/:userId/rooms',
      ...door.signedIn(
        'listUserRooms',
        {
          summary: 'A person’s rooms: my own, or for admins the groups of anybody',
          tag: rooms,
          rate: 'read',
          query: ListUserRooms,
          answers: { 200: list(Room) },
          fails: ['forbidden', 'not_found'],
        },
        ({ caller, params, query }) => service.listOf(caller, params.userId!, query),
      ),
    )
    .put(
      '/api/v1/users/:userId/conversation',
      ...door.signedIn(
        'openConversation',
        { summary: 'My conversation with a person, new or not', tag: rooms, rate: 'write', answers: { 201: Room, 200: Room }, fails: ['not_found', 'invalid'] },
        async ({ caller, params }) => {
          const { room, opened } = await service.conversations.open(caller, params.userId!);
          return opened ? room : reply(200, room);
        },
      ),
    )
    .get(
      '/api/v1/rooms/:roomId',
      ...door.signedIn('readRoom', { summary: 'One room', tag: rooms, rate: 'read', answers: { 200: Room }, fails: ['not_found'] }, ({ caller, params }) =>
        service.one(caller, params.roomId!),
      ),
    )
    .patch(
      '/api/v1/rooms/:roomId',
      ...door.signedIn(
        'changeRoom',
        {
          summary: 'Change a room, or hand it over',
          description: 'With `ownerId` the room passes to another member, and the former owner becomes moderator.',
          tag: rooms,
          rate: 'write',
          body: ChangeRoom,
          answers: { 200: Room },
          fails: ['forbidden', 'not_found'],
        },
        ({ caller, params, body }) => service.update(caller, params.roomId!, body),
      ),
    )
    .put(
      '/api/v1/rooms/:roomId',
      ...door.signedIn(
        'replaceRoom',
        {
          summary: 'Replace what a room says of itself',
          tag: rooms,
          rate: 'write',
          body: ReplaceRoom,
          answers: { 200: Room },
          fails: ['forbidden', 'not_found'],
        },
        ({ caller, params, body }) => service.update(caller, params.roomId!, body),
      ),
    )
    .delete(
      '/api/v1/rooms/:roomId',
      ...door.signedIn(
        'deleteRoom',
        { summary: 'Delete a room with everything in it', tag: rooms, rate: 'write', answers: { 204: null }, fails: ['forbidden', 'not_found'] },
        ({ caller, params }) => service.remove(caller, params.roomId!),
      ),
    )
    .get(
      '/api/v1/rooms/:roomId/members',
      ...door.signedIn(
        'listMembers',
        {
          summary: 'Members, oldest first',
          tag: members,
          rateOf: (query) => (query.get('query') ? 'search' : 'read'),
          query: ListMembers,
          answers: { 200: list(Member) },
          fails: ['forbidden', 'not_found'],
        },
        ({ caller, params, query }) => service.members.list(caller, params.roomId!, query),
      ),
    )
    .post(
      '/api/v1/rooms/:roomId/members',
      ...door.signedIn(
        'addMember',
        {
          summary: 'Add a person, by id or by username',
          description: 'Who is a member already stays as he is: 200.',
          tag: members,
          rate: 'write',
          body: AddMember,
          answers: { 201: Member, 200: Member },
          fails: ['forbidden', 'not_found'],
        },
        async ({ caller, params, body }) => {
          const { member, added } = await service.members.add(caller, params.roomId!, body);
          return added ? member : reply(200, member);
        },
      ),
    )
    .get(
      '/api/v1/rooms/:roomId/members/:userId',
      ...door.signedIn(
        'readMember',
        { summary: 'One member', tag: members, rate: 'read', answers: { 200: Member }, fails: ['forbidden', 'not_found'] },
        ({ caller, params }) => service.members.one(caller, params.roomId!, params.userId!),
      ),
    )
    .patch(
      '/api/v1/rooms/:roomId/members/:userId',
      ...door.signedIn(
        'changeMember',
        {
          summary: 'Make a member a moderator, or a plain member again',
          tag: members,
          rate: 'write',
          body: ChangeMember,
          answers: { 200: Member },
          fails: ['forbidden', 'not_found', 'conflict'],
        },
        ({ caller, params, body }) => service.members.change(caller, params.roomId!, params.userId!, body.role),
      ),
    )
    .delete(
      '/api/v1/rooms/:roomId/members/:userId',
      ...door.signedIn(
        'removeMember',
        { summary: 'Remove a member; with `me`, leave', tag: members, rate: 'write', answers: { 204: null }, fails: ['forbidden', 'not_found', 'conflict'] },
        ({ caller, params }) => service.members.remove(caller, params.roomId!, params.userId!),
      ),
    )
    .post(
      '/api/v1/rooms/:roomId/join',
      ...door.signedIn(
        'joinRoom',
        { summary: 'Join a public room', tag: members, rate: 'write', answers: { 200: Member }, fails: ['forbidden', 'not_found'] },
        ({ caller, params }) => service.members.join(caller, params.roomId!),
      ),
    )
    .post(
      '/api/v1/rooms/:roomId/leave',
      ...door.signedIn(
        'leaveRoom',
        { summary: 'Leave a room', tag: members, rate: 'write', answers: { 204: null }, fails: ['forbidden', 'not_found', 'conflict'] },
        ({ caller, params }) => service.members.leave(caller, params.roomId!),
      ),
    )
    .post(
      '/api/v1/rooms/:roomId/invites',
      ...door.signedIn(
        'createInvite',
        { summary: 'Make an invite', tag: invites, rate: 'write', body: CreateInvite, answers: { 201: Invite }, fails: ['forbidden', 'not_found'] },
        ({ caller, params, body }) => service.invites.create(caller, params.roomId!, body),
      ),
    )
    .get(
      '/api/v1/rooms/:roomId/invites',
      ...door.signedIn(
        'listInvites',
        {
          summary: 'Invites that were not revoked, newest first',
          tag: invites,
          rate: 'read',
          query: ListPaged,
          answers: { 200: list(Invite) },
          fails: ['forbidden', 'not_found'],
        },
        ({ caller, params, query }) => service.invites.list(caller, params.roomId!, query),
      ),
    )
    .delete(
      '/api/v1/rooms/:roomId/invites/:code',
      ...door.signedIn(
        'revokeInvite',
        { summary: 'Revoke an invite', tag: invites, rate: 'write', answers: { 204: null }, fails: ['forbidden', 'not_found'] },
        ({ caller, params }) => service.invites.revoke(caller, params.roomId!, params.code!),
      ),
    )
    .get(
      '/api/v1/invites/:code',
      ...door.signedIn(
        'readInvite',
        { summary: 'Where an invite leads', tag: invites, rate: 'read', answers: { 200: Invitation }, fails: ['not_found'] },
        ({ params }) => service.invites.look(params.code!),
      ),
    )
    .post(
      '/api/v1/invites/:code/accept',
      ...door.signedIn(
        'acceptInvite',
        { summary: 'Come into the room', tag: invites, rate: 'write', answers: { 200: Room }, fails: ['not_found'] },
        ({ caller, params }) => service.invites.accept(caller, params.code!),
      ),
    );

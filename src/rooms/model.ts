/** Rooms, members and invites as they look on the wire, and what may be asked about them. Shapes only. */
import { type Static, t } from 'elysia';
import { DESCRIPTION_LENGTH, INITIAL_MEMBERS, INVITE_USES_MAX, ROOM_NAME_LENGTH } from '../limits.ts';
import { Message } from '../messages/model.ts';
import { Id, Integer, PublicUser, Time, paging, total } from '../users/model.ts';

export type { Page, CountedPage, Caller, PublicUser } from '../users/model.ts';

const Role = t.Unsafe<'owner' | 'moderator' | 'member'>({ type: 'string', enum: ['owner', 'moderator', 'member'] });
/** `owner` can't be given, only handed over with `ownerId`. */
export const GivenRole = t.Unsafe<'moderator' | 'member'>({ type: 'string', enum: ['moderator', 'member'] });
const Visibility = t.Unsafe<'private' | 'public'>({ type: 'string', enum: ['private', 'public'] });

export const Member = t.Object({ user: PublicUser, role: Role, readSeq: Integer(), joinedAt: Time }, { $id: 'Member' });
export type Member = Static<typeof Member>;

export const Room = t.Object(
  {
    id: Id,
    kind: t.Unsafe<'group' | 'direct'>({ type: 'string', enum: ['group', 'direct'] }),
    name: t.Unsafe<string | null>({ type: 'string', nullable: true }),
    description: t.String(),
    visibility: Visibility,
    ownerId: t.Unsafe<string | null>({ type: 'string', format: 'uuid', nullable: true }),
    peer: t.Unsafe<PublicUser | null>({ ...PublicUser, nullable: true }),
    epoch: t.String(),
    lastSeq: Integer(),
    memberCount: Integer(),
    messageCount: Integer(),
    createdAt: Time,
    updatedAt: Time,
    lastActivityAt: Time,
    me: t.Unsafe<{ role: Member['role']; readSeq: number; unread: number } | null>({
      ...t.Object({ role: Role, readSeq: Integer(), unread: Integer() }),
      nullable: true,
    }),
    lastMessage: t.Unsafe<Message | null>({ ...Message, nullable: true }),
  },
  { $id: 'Room' },
);
export type Room = Static<typeof Room>;

export const Invite = t.Object(
  {
    code: t.String(),
    roomId: Id,
    maxUses: t.Unsafe<number | null>({ type: 'integer', nullable: true }),
    uses: Integer(),
    expiresAt: t.Unsafe<string | null>({ type: 'string', format: 'date-time', nullable: true }),
    creatorId: t.Unsafe<string | null>({ type: 'string', format: 'uuid', nullable: true }),
    createdAt: Time,
  },
  { $id: 'Invite' },
);
export type Invite = Static<typeof Invite>;

const RoomName = t.String({ minLength: 1, maxLength: ROOM_NAME_LENGTH, format: 'name', blank: false });
const Description = t.String({ maxLength: DESCRIPTION_LENGTH });

export const CreateRoom = t.Object({
  name: RoomName,
  description: t.Optional(Description),
  visibility: t.Optional(Visibility),
  memberIds: t.Optional(t.Array(Id, { maxItems: INITIAL_MEMBERS })),
  memberUsernames: t.Optional(t.Array(t.String(), { maxItems: INITIAL_MEMBERS })),
});
export type CreateRoom = Static<typeof CreateRoom>;

export const ChangeRoom = t.Object({
  name: t.Optional(RoomName),
  description: t.Optional(Description),
  visibility: t.Optional(Visibility),
  ownerId: t.Optional(Id),
});
export type ChangeRoom = Static<typeof ChangeRoom>;
export const ReplaceRoom = t.Object({ name: RoomName, description: Description, visibility: Visibility, ownerId: t.Optional(Id) });

export const ListRooms = t.Object({
  scope: t.Optional(t.Unsafe<'mine' | 'public' | 'all'>({ type: 'string', enum: ['mine', 'public', 'all'] })),
  query: t.Optional(t.String({ maxLength: 200 })),
  ...paging,
  ...total,
});
export type ListRooms = Static<typeof ListRooms>;

export const ListUserRooms = t.Object({ ...paging, ...total });
export type ListUserRooms = Static<typeof ListUserRooms>;
export const ListMembers = t.Object({ query: t.Optional(t.String({ maxLength: 200 })), ...paging, ...total });
export type ListMembers = Static<typeof ListMembers>;

export const AddMember = t.Object({ userId: t.Optional(Id), username: t.Optional(t.String()), role: t.Optional(GivenRole) });
export type AddMember = Static<typeof AddMember>;
export const ChangeMember = t.Object({ role: GivenRole });

export const CreateInvite = t.Object({
  maxUses: t.Optional(Integer({ minimum: 1, maximum: INVITE_USES_MAX })),
  expiresAt: t.Optional(Time),
});
export type CreateInvite = Static<typeof CreateInvite>;

export const ListPaged = t.Object({ ...paging, ...total });
export type ListPaged = Static<typeof ListPaged>;

/** What an invite tells somebody who isn't in the room yet. */
export const Invitation = t.Object({ room: t.Object({ id: Id, name: t.String(), memberCount: Integer() }) }, { $id: 'Invitation' });
export type Invitation = Static<typeof Invitation>;

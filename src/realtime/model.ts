/**
 * The vocabulary of the socket on one page, both ways: what a client may say (checked by lib/check.ts) and what the server
 * says (documented, and held against every frame in the tests). Shapes only; reading and writing frames is frames.ts.
 */
import { type Static, t } from 'elysia';
import type { RateName } from '../config.ts';
import { ROOMS_PER_SUBSCRIBE } from '../limits.ts';
import { ClientMessageId, EditMessage, MarkRead, Message, SendMessage } from '../messages/model.ts';
import { Member, Room } from '../rooms/model.ts';
import { Id, Integer, Time, User } from '../users/model.ts';

/** The subprotocol; a client that names none gets it as well. */
export const PROTOCOL = 'chat.v1';

const Wanted = t.Object({ roomId: Id, after: t.Optional(Integer({ minimum: 0 })), epoch: t.Optional(t.String({ maxLength: 256 })) });
export type Wanted = Static<typeof Wanted>;

/** What a client says, by `type`. Each may carry an `id`, which its answer repeats. */
export const COMMANDS = {
  auth: t.Object({ token: t.String() }),
  subscribe: t.Object({ rooms: t.Array(Wanted, { maxItems: ROOMS_PER_SUBSCRIBE }) }),
  unsubscribe: t.Object({ rooms: t.Array(Id) }),
  'message.send': t.Object({ roomId: Id, ...SendMessage.properties, clientMessageId: ClientMessageId }),
  'message.edit': t.Object({ messageId: Id, ...EditMessage.properties }),
  'message.delete': t.Object({ messageId: Id }),
  'room.read': t.Object({ roomId: Id, ...MarkRead.properties }),
  typing: t.Object({ roomId: Id, active: t.Boolean() }),
  ping: t.Object({}),
  pong: t.Object({}),
} as const;
export type CommandType = keyof typeof COMMANDS;
export type CommandBody<T extends CommandType> = Static<(typeof COMMANDS)[T]>;

/** What each command counts against; what is missing here is free. */
export const RATE_OF: Readonly<Partial<Record<CommandType, RateName>>> = {
  auth: 'write',
  subscribe: 'write',
  unsubscribe: 'write',
  'message.send': 'send',
  'message.edit': 'send',
  'message.delete': 'send',
  'room.read': 'write',
};

/** `id` of a command, and so of its answer. */
export type CommandId = string | number;
const AnswerId = t.Unsafe<CommandId>({ oneOf: [{ type: 'integer' }, { type: 'string', minLength: 1, maxLength: 64 }] });

export const GAP_REASONS = ['epoch', 'too_many', 'lost'] as const;
export type GapReason = (typeof GAP_REASONS)[number];

const literal = <T extends string>(value: T) => t.Unsafe<T>({ type: 'string', enum: [value] });
const oneOf = <T extends string>(...values: T[]) => t.Unsafe<T>({ type: 'string', enum: values });
const durable = { roomId: Id, seq: Integer({ minimum: 1 }), at: Time, actorId: t.Unsafe<string | null>({ type: 'string', format: 'uuid', nullable: true }) };
const LeaveReasons = oneOf('left', 'removed', 'deleted');

export const SocketProblem = t.Object({
  type: t.String(),
  title: t.String(),
  status: Integer(),
  code: t.String(),
  detail: t.String(),
  requestId: t.String(),
  temporary: t.Boolean(),
  errors: t.Optional(t.Array(t.Object({ pointer: t.String(), code: t.String(), message: t.String() }))),
  retryAfterMs: t.Optional(Integer()),
});

const ReadyRoom = t.Object({ roomId: Id, epoch: t.String(), lastSeq: Integer(), readSeq: Integer() });
/** A room as `ready` lists it. */
export type ReadyRoom = Static<typeof ReadyRoom>;

const messageEvent = <T extends string>(type: T) => t.Object({ type: literal(type), ...durable, message: Message });
const memberEvent = <T extends string>(type: T) => t.Object({ type: literal(type), ...durable, member: Member });

/** What the server says, by `type`. Clients ignore types and keys that they don't know. */
export const FRAMES = {
  hello: t.Object({
    type: literal('hello'),
    connectionId: t.String(),
    heartbeatMs: Integer(),
    limits: t.Object({
      frameBytes: Integer(),
      contentLength: Integer(),
      roomsPerSocket: Integer(),
      roomsPerSubscribe: Integer(),
      unanswered: Integer(),
      replay: Integer(),
    }),
  }),
  ready: t.Object({
    type: literal('ready'),
    user: User,
    sessionId: Id,
    expiresAt: Time,
    rooms: t.Array(ReadyRoom),
    next: t.Unsafe<string | null>({ type: 'string', nullable: true }),
  }),
  ok: t.Object({
    type: literal('ok'),
    id: AnswerId,
    seq: t.Optional(Integer()),
    message: t.Optional(Message),
    duplicate: t.Optional(t.Boolean()),
    readSeq: t.Optional(Integer()),
    unread: t.Optional(Integer()),
    expiresAt: t.Optional(Time),
  }),
  error: t.Object({ type: literal('error'), id: t.Optional(AnswerId), error: SocketProblem }),
  synced: t.Object({ type: literal('synced'), roomId: Id, epoch: t.String(), seq: Integer() }),
  gap: t.Object({
    type: literal('gap'),
    roomId: Id,
    epoch: t.String(),
    from: Integer(),
    to: Integer(),
    reason: t.Unsafe<GapReason>({ type: 'string', enum: GAP_REASONS }),
    fetch: t.String(),
  }),
  refused: t.Object({ type: literal('refused'), roomId: Id, error: SocketProblem }),
  'message.created': messageEvent('message.created'),
  'message.edited': messageEvent('message.edited'),
  'message.deleted': messageEvent('message.deleted'),
  'member.joined': memberEvent('member.joined'),
  'member.updated': memberEvent('member.updated'),
  'member.left': t.Object({ ...memberEvent('member.left').properties, reason: LeaveReasons }),
  'room.updated': t.Object({
    type: literal('room.updated'),
    ...durable,
    changes: t.Partial(t.Pick(Room, ['name', 'description', 'visibility', 'ownerId'])),
  }),
  'room.added': t.Object({ type: literal('room.added'), roomId: Id, room: Room }),
  'room.removed': t.Object({ type: literal('room.removed'), roomId: Id, seq: t.Optional(Integer()), reason: LeaveReasons }),
  'read.updated': t.Object({ type: literal('read.updated'), roomId: Id, userId: Id, readSeq: Integer() }),
  typing: t.Object({ type: literal('typing'), roomId: Id, userId: Id, active: t.Boolean() }),
  presence: t.Object({
    type: literal('presence'),
    roomId: Id,
    count: Integer(),
    online: t.Optional(t.Array(Id)),
    offline: t.Optional(t.Array(Id)),
  }),
  ping: t.Object({ type: literal('ping'), heads: t.Optional(t.Record(t.String(), Integer())) }),
  pong: t.Object({ type: literal('pong'), id: t.Optional(AnswerId) }),
  'token.expiring': t.Object({ type: literal('token.expiring'), inMs: Integer() }),
  reconnect: t.Object({ type: literal('reconnect'), afterMs: Integer() }),
} as const;
export type FrameType = keyof typeof FRAMES;

/** 4000–4499: reconnect and resume. 4500–4999: don't. Below 4000: reconnect, except 1003, 1007, 1009. */
export const CLOSES = {
  going: 1001,
  binary: 1003,
  restart: 1012,
  full: 1013,
  internal: 4000,
  expired: 4001,
  unproven: 4002,
  slow: 4008,
  silent: 4012,
  tooMany: 4013,
  invalidated: 4014,
  malformed: 4400,
  unauthenticated: 4500,
  ended: 4501,
  disabled: 4503,
  protocol: 4504,
  replaced: 4505,
  room: 4506,
} as const;

/** Why, for the close frame and the docs; never more than 123 bytes. */
export const CLOSE_REASONS: Readonly<Record<number, string>> = {
  1001: 'the server stops',
  1003: 'binary frames are not understood',
  1007: 'not UTF-8',
  1009: 'too big',
  1012: 'the server restarts: reconnect and resume',
  1013: 'the node is full',
  4000: 'internal error',
  4001: 'the token has expired: refresh and reconnect',
  4002: 'no proof of identity in time',
  4008: 'slow consumer: reconnect and resume',
  4012: 'no sign of life',
  4013: 'too many commands',
  4014: 'state invalidated: reconnect and fetch anew',
  4400: 'three malformed frames',
  4500: 'authentication failed',
  4501: 'the session has ended',
  4503: 'the account is disabled',
  4504: 'unsupported subprotocol, this is chat.v1',
  4505: 'a newer socket took the place of this one',
  4506: 'no such room, or no longer a member',
};

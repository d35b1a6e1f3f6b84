/**
 * All tables on one page, and why their indexes exist. What they mean on the wire is in the features' model.ts;
 * the functions that write them are SQL files of their own in drizzle/.
 */
import { sql } from 'drizzle-orm';
import { bigint, check, customType, index, integer, jsonb, pgTable, primaryKey, text, timestamp, uniqueIndex, uuid } from 'drizzle-orm/pg-core';

const bytea = customType<{ data: Uint8Array }>({ dataType: () => 'bytea' });
const tsvector = customType<{ data: string }>({ dataType: () => 'tsvector' });

/** Milliseconds, because that is what the wire shows: a time that was answered finds its row again. ISO texts, as db/types.ts reads them. */
const at = (name: string) => timestamp(name, { withTimezone: true, precision: 3, mode: 'string' });
const seq = (name: string) => bigint(name, { mode: 'number' });

/** Rows are never deleted: messages stay signed. A deleted account has no name, no address and no password left. */
export const users = pgTable(
  'users',
  {
    id: uuid('id').primaryKey(),
    username: text('username').notNull(),
    email: text('email'),
    firstName: text('first_name').notNull().default(''),
    lastName: text('last_name').notNull().default(''),
    role: text('role').notNull().default('user'),
    passwordHash: text('password_hash'),
    disabledAt: at('disabled_at'),
    deletedAt: at('deleted_at'),
    createdAt: at('created_at').notNull().defaultNow(),
    updatedAt: at('updated_at').notNull().defaultNow(),
  },
  (table) => [
    // Expression indexes: a plain unique index on a column that a batch of sends key-share locks can deadlock with it.
    uniqueIndex('users_username').on(sql`lower(${table.username}) COLLATE "C"`).where(sql`${table.deletedAt} is null`),
    uniqueIndex('users_email').on(sql`lower(${table.email})`).where(sql`${table.deletedAt} is null`),
    // Beginnings of names, as ranges of code points.
    index('users_first_name').on(sql`lower(${table.firstName}) COLLATE "C"`).where(sql`${table.deletedAt} is null`),
    index('users_last_name').on(sql`lower(${table.lastName}) COLLATE "C"`).where(sql`${table.deletedAt} is null`),
    check('users_role', sql`${table.role} in ('user', 'admin')`),
  ],
);

export const sessions = pgTable(
  'sessions',
  {
    id: uuid('id').primaryKey(),
    userId: uuid('user_id').notNull(),
    userAgent: text('user_agent').notNull().default(''),
    address: text('address').notNull().default(''),
    createdAt: at('created_at').notNull().defaultNow(),
    lastSeenAt: at('last_seen_at').notNull().defaultNow(),
    /** When its newest refresh token ends; later the session is no longer a live one. */
    expiresAt: at('expires_at').notNull(),
    endedAt: at('ended_at'),
  },
  (table) => [
    index('sessions_live').on(table.userId, table.createdAt).where(sql`${table.endedAt} is null`),
    // What the one poll of every node asks: sessions that ended in the last seconds.
    index('sessions_ended').on(table.endedAt).where(sql`${table.endedAt} is not null`),
  ],
);

export const refreshTokens = pgTable(
  'refresh_tokens',
  {
    hash: bytea('hash').primaryKey(),
    sessionId: uuid('session_id').notNull(),
    createdAt: at('created_at').notNull().defaultNow(),
    expiresAt: at('expires_at').notNull(),
    usedAt: at('used_at'),
  },
  (table) => [index('refresh_tokens_session').on(table.sessionId)],
);

export const tickets = pgTable(
  'tickets',
  {
    hash: bytea('hash').primaryKey(),
    sessionId: uuid('session_id').notNull(),
    userId: uuid('user_id').notNull(),
    expiresAt: at('expires_at').notNull(),
    /** The socket that a ticket opens ends with the access token that bought it. */
    tokenExpiresAt: at('token_expires_at').notNull(),
  },
  (table) => [index('tickets_expires').on(table.expiresAt)],
);

/** Counts live on the row that every write of the room touches anyway: exact and free. */
export const rooms = pgTable(
  'rooms',
  {
    id: uuid('id').primaryKey(),
    kind: text('kind').notNull().default('group'),
    /** Both people's ids in order, joined by a colon; one conversation per pair for ever. */
    directKey: text('direct_key'),
    name: text('name'),
    description: text('description').notNull().default(''),
    visibility: text('visibility').notNull().default('private'),
    ownerId: uuid('owner_id'),
    epoch: text('epoch').notNull().default(sql`gen_random_uuid()::text`),
    firstSeq: seq('first_seq').notNull().default(1),
    lastSeq: seq('last_seq').notNull().default(0),
    memberCount: integer('member_count').notNull().default(0),
    messageCount: integer('message_count').notNull().default(0),
    createdAt: at('created_at').notNull().defaultNow(),
    updatedAt: at('updated_at').notNull().defaultNow(),
    // Without an index: one would make the update of every flush non-HOT.
    lastActivityAt: at('last_activity_at').notNull().defaultNow(),
  },
  (table) => [
    uniqueIndex('rooms_direct').on(table.directKey).where(sql`${table.directKey} is not null`),
    index('rooms_public').on(table.id).where(sql`${table.visibility} = 'public'`),
    check('rooms_kind', sql`${table.kind} in ('group', 'direct')`),
    check('rooms_visibility', sql`${table.visibility} in ('private', 'public')`),
  ],
);

export const memberships = pgTable(
  'memberships',
  {
    roomId: uuid('room_id').notNull(),
    userId: uuid('user_id').notNull(),
    role: text('role').notNull().default('member'),
    readSeq: seq('read_seq').notNull().default(0),
    joinedAt: at('joined_at').notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.roomId, table.userId] }),
    index('memberships_user').on(table.userId, table.roomId),
    // What the one poll of every node asks: memberships made in the last seconds.
    index('memberships_joined').on(table.joinedAt),
    check('memberships_role', sql`${table.role} in ('owner', 'moderator', 'member')`),
  ],
);

export const invites = pgTable(
  'invites',
  {
    code: text('code').primaryKey(),
    roomId: uuid('room_id').notNull(),
    creatorId: uuid('creator_id'),
    maxUses: integer('max_uses'),
    uses: integer('uses').notNull().default(0),
    expiresAt: at('expires_at'),
    revokedAt: at('revoked_at'),
    createdAt: at('created_at').notNull().defaultNow(),
  },
  (table) => [index('invites_room').on(table.roomId, table.createdAt, table.code)],
);

/**
 * A new message is its own entry in the room's log. No foreign keys: they cost a quarter of a flush, and membership,
 * `reply_to` and the room are decided inside append_messages, under the room's lock (docs/decisions).
 */
export const messages = pgTable(
  'messages',
  {
    id: uuid('id').primaryKey(),
    roomId: uuid('room_id').notNull(),
    seq: seq('seq').notNull(),
    senderId: uuid('sender_id').notNull(),
    clientMessageId: text('client_message_id'),
    /** Of the content and replyTo first sent: an edited row still recognises its repeat. */
    requestHash: bytea('request_hash'),
    content: text('content').notNull(),
    replyTo: uuid('reply_to'),
    createdAt: at('created_at').notNull().defaultNow(),
    updatedAt: at('updated_at').notNull().defaultNow(),
    editedAt: at('edited_at'),
    deletedAt: at('deleted_at'),
    search: tsvector('search').generatedAlwaysAs(sql`parlour_tsvector(content)`),
  },
  (table) => [
    // In the migration it also includes sender_id and deleted_at, which Drizzle can't say: what is unread is counted in it alone (docs/decisions/0063).
    uniqueIndex('messages_room_seq').on(table.roomId, table.seq),
    uniqueIndex('messages_client_id').on(table.roomId, table.senderId, table.clientMessageId).where(sql`${table.clientMessageId} is not null`),
    index('messages_created').on(table.createdAt, table.id),
    // The newest of one room and of one person, which GET /messages walks.
    index('messages_room_created').on(table.roomId, table.createdAt, table.id),
    index('messages_sender_created').on(table.senderId, table.createdAt, table.id),
    // Beside the words, the day and the pairs of short words that are neighbours (docs/decisions/0062).
    index('messages_search').using('gin', table.search, sql`parlour_keys(content, created_at)`),
    index('messages_contains').using('gin', sql`parlour_parts(content) gin_trgm_ops`),
  ],
);

/** Everything durable that is not a new message. With `messages` it is the room's log: each seq in exactly one of them. */
export const roomEvents = pgTable(
  'room_events',
  {
    roomId: uuid('room_id').notNull(),
    seq: seq('seq').notNull(),
    type: text('type').notNull(),
    actorId: uuid('actor_id'),
    messageId: uuid('message_id'),
    /** `{ member, reason? }` or `{ changes }`, as they were at the event. */
    payload: jsonb('payload'),
    createdAt: at('created_at').notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.roomId, table.seq] })],
);

/** Rooms that are gone, whose messages and events still wait to be removed in small steps. */
export const purges = pgTable('purges', {
  roomId: uuid('room_id').primaryKey(),
  createdAt: at('created_at').notNull().defaultNow(),
});

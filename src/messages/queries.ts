/** The SQL of messages: sending, changing, reading and markers. Rows become wire shapes here; no rule is decided here. */
import { and, type Column, eq, placeholder, sql as sqlOf } from 'drizzle-orm';
import type { Database } from '../db/client.ts';
import { memberships, messages, rooms, users } from '../db/schema.ts';
import type { Standing } from '../lib/access.ts';
import { publicUser, type PublicUserRow } from '../users/model.ts';
import type { Message } from './model.ts';
import type { Appended, Draft } from './writer.ts';

/** One message with its sender, flat as the driver hands it over. */
export type MessageRow = {
  id: string;
  roomId: string;
  seq: number;
  content: string;
  replyTo: string | null;
  clientMessageId: string | null;
  createdAt: string;
  updatedAt: string;
  editedAt: string | null;
  deletedAt: string | null;
  senderId: string;
  username: string;
  firstName: string;
  lastName: string;
  senderDeleted: boolean;
};

/** The columns of MessageRow for a `messages m` left-joined with `users u`. */
export const MESSAGE_COLUMNS = `m.id, m.room_id as "roomId", m.seq, m.content, m.reply_to as "replyTo", m.client_message_id as "clientMessageId",
  m.created_at as "createdAt", m.updated_at as "updatedAt", m.edited_at as "editedAt", m.deleted_at as "deletedAt", m.sender_id as "senderId",
  u.username, u.first_name as "firstName", u.last_name as "lastName", u.deleted_at is not null as "senderDeleted"`;

/** As many columns of the same types, for a row that is not about a message. */
const NO_MESSAGE = `null::uuid as id, null::uuid as "roomId", null::bigint as seq, null::text as content, null::uuid as "replyTo", null::text as "clientMessageId",
  null::timestamptz as "createdAt", null::timestamptz as "updatedAt", null::timestamptz as "editedAt", null::timestamptz as "deletedAt", null::uuid as "senderId",
  null::text as username, null::text as "firstName", null::text as "lastName", null::boolean as "senderDeleted"`;

export const messageOf = (row: MessageRow): Message => ({
  id: row.id,
  roomId: row.roomId,
  seq: row.seq,
  sender: publicUser(row.senderId, row.username, row.firstName, row.lastName, row.senderDeleted),
  content: row.content,
  replyTo: row.replyTo,
  clientMessageId: row.clientMessageId,
  createdAt: row.createdAt,
  updatedAt: row.updatedAt,
  editedAt: row.editedAt,
  deletedAt: row.deletedAt,
});

export type Changed = { outcome: 'done' | 'unchanged' | 'deleted' | 'forbidden' | 'not_found'; eventSeq: number | null; eventAt: string | null; epoch: string };

/** `first` and `last` are the seqs of the room's first and last message, null in an empty room. */
export type HistoryPage = { epoch: string; lastSeq: number; first: number | null; last: number | null; items: Message[]; standing: Standing };

type HistoryRow = MessageRow & NonNullable<Standing> & Omit<HistoryPage, 'items' | 'standing'>;

/*
 * The room comes once, in a row of its own: 50 times beside its messages it was a third of what the driver had to read. One text,
 * because a template with pieces in it is put together anew for every call.
 */
const HISTORY = `
  with room as materialized (
    select r.id, r.kind, r.visibility, s.role, r.epoch, r.last_seq
    from rooms r left join memberships s on s.room_id = r.id and s.user_id = $2
    where r.id = $1
  )
  select r.kind, r.visibility, r.role, r.epoch, r.last_seq as "lastSeq",
    (select min(seq) from messages where room_id = r.id) as first, (select max(seq) from messages where room_id = r.id) as last,
    ${NO_MESSAGE}
  from room r
  union all
  select null, null, null, null, null, null, null, x.* from room r, lateral (
    select ${MESSAGE_COLUMNS} from (
      (select * from messages where room_id = r.id and seq < $4::bigint order by seq desc limit $5::int)
      union all
      (select * from messages where room_id = r.id and seq >= $6::bigint order by seq limit $7::int)
    ) m left join users u on u.id = m.sender_id
  ) x where r.role is not null or ($3::boolean and r.kind = 'group')
  order by seq nulls first`;

export type MessageQueries = ReturnType<typeof createMessageQueries>;

/** `flushing`: where flushes go; the server has a connection for them alone (docs/decisions/0006). */
export function createMessageQueries({ sql, orm }: Pick<Database, 'sql' | 'orm'>, flushing = sql) {
  const whoAsks = (roomId: Column) => and(eq(memberships.roomId, roomId), eq(memberships.userId, placeholder('userId')));
  const standing = { kind: rooms.kind, visibility: rooms.visibility, role: memberships.role };

  const oneMessage = orm
    .select({
      id: messages.id,
      roomId: messages.roomId,
      seq: messages.seq,
      content: messages.content,
      replyTo: messages.replyTo,
      clientMessageId: messages.clientMessageId,
      createdAt: messages.createdAt,
      updatedAt: messages.updatedAt,
      editedAt: messages.editedAt,
      deletedAt: messages.deletedAt,
      senderId: messages.senderId,
      username: users.username,
      firstName: users.firstName,
      lastName: users.lastName,
      senderDeleted: sqlOf<boolean>`${users.deletedAt} is not null`,
      ...standing,
    })
    .from(messages)
    .innerJoin(rooms, eq(rooms.id, messages.roomId))
    .leftJoin(memberships, whoAsks(messages.roomId))
    .leftJoin(users, eq(users.id, messages.senderId))
    .where(eq(messages.id, placeholder('messageId')))
    .prepare('one_message');

  const oneStanding = orm
    .select(standing)
    .from(rooms)
    .leftJoin(memberships, whoAsks(rooms.id))
    .where(eq(rooms.id, placeholder('roomId')))
    .prepare('one_standing');

  const columns = (drafts: readonly Draft[]) => ({
    ids: drafts.map((draft) => draft.id),
    rooms: drafts.map((draft) => draft.roomId),
    senders: drafts.map((draft) => draft.senderId),
    clientIds: drafts.map((draft) => draft.clientMessageId),
    contents: drafts.map((draft) => draft.content),
    replies: drafts.map((draft) => draft.replyTo),
    ats: drafts.map((draft) => draft.at),
  });

  return {
    /** One flush of the writer; rows in the order of the drafts. `again`: the same batch after a lost connection. */
    async append(drafts: readonly Draft[], again: boolean): Promise<Appended[]> {
      const of = columns(drafts);
      return await flushing<Appended>`
        select outcome, id, seq, epoch, created_at as "createdAt", updated_at as "updatedAt", edited_at as "editedAt", deleted_at as "deletedAt",
          content, username, first_name as "firstName", last_name as "lastName"
        from append_messages(${of.ids}::uuid[], ${of.rooms}::uuid[], ${of.senders}::uuid[], ${of.clientIds}::text[], ${of.contents}::text[],
          ${of.replies}::uuid[], ${of.ats}::timestamptz[], ${again})`;
    },

    /** Edits (content given) or deletes (null) under the room's lock. */
    async change(messageId: string, actorId: string, admin: boolean, content: string | null): Promise<Changed> {
      const [row] = await sql<Changed>`
        select outcome, event_seq as "eventSeq", event_at as "eventAt", epoch from change_message(${messageId}, ${actorId}, ${admin}, ${content})`;
      return row!;
    },

    /** A message, and where `userId` stands towards its room. */
    async one(messageId: string, userId: string): Promise<{ message: Message; standing: Standing } | undefined> {
      const [row] = await oneMessage.execute({ messageId, userId });
      return row && { message: messageOf(row as MessageRow), standing: row as Standing };
    },

    /** Where `userId` stands towards a room. */
    async standing(roomId: string, userId: string): Promise<Standing> {
      const [row] = await oneStanding.execute({ roomId, userId });
      return row as Standing;
    },

    /**
     * Up to `countBefore` messages with seq < before and `countAfter` with seq >= from, ascending, in one statement: page
     * 10,000 walks as few index entries as page 1. Nothing is read for those who may not read (`admin`: also outsiders of groups).
     */
    async history(
      roomId: string,
      userId: string,
      admin: boolean,
      before: number,
      countBefore: number,
      from: number,
      countAfter: number,
    ): Promise<HistoryPage | undefined> {
      const rows = await sql.unsafe<HistoryRow>(HISTORY, [roomId, userId, admin, before, countBefore, from, countAfter]);
      const head = rows[0];
      return (
        head && {
          epoch: head.epoch,
          lastSeq: head.lastSeq,
          first: head.first,
          last: head.last,
          standing: head,
          items: rows.slice(1).map(messageOf),
        }
      );
    },

    /** Moves a member's marker forward, never back and never above the room's last seq; undefined for no member. */
    async markRead(roomId: string, userId: string, seq: number): Promise<{ readSeq: number; unread: number; moved: boolean } | undefined> {
      const [row] = await sql<{ readSeq: number; unread: number; moved: boolean }>`
        with room as materialized (select id, last_seq from rooms where id = ${roomId}),
        moved as (
          update memberships s set read_seq = least(${seq}::bigint, r.last_seq) from room r
          where s.room_id = r.id and s.user_id = ${userId} and s.read_seq < least(${seq}::bigint, r.last_seq)
          returning s.read_seq
        ), now as (
          select coalesce((select read_seq from moved), s.read_seq) as read_seq, exists (select from moved) as moved
          from memberships s join room r on r.id = s.room_id where s.user_id = ${userId}
        )
        select n.read_seq as "readSeq", n.moved, (
          select count(*)::int from (
            select from messages m where m.room_id = ${roomId} and m.seq > n.read_seq and m.sender_id <> ${userId} and m.deleted_at is null limit 100
          ) others) as unread
        from now n`;
      return row;
    },

    /** Present members but the author whose marker has reached the message, oldest member first. */
    async readers(roomId: string, senderId: string, seq: number, after: { joinedAt: string; userId: string } | undefined, limit: number) {
      return await sql<PublicUserRow & { joinedAt: string }>`
        select u.id, u.username, u.first_name as "firstName", u.last_name as "lastName", u.deleted_at is not null as deleted, s.joined_at as "joinedAt"
        from memberships s join users u on u.id = s.user_id
        where s.room_id = ${roomId} and s.user_id <> ${senderId} and s.read_seq >= ${seq}
          and (${after?.joinedAt ?? null}::timestamptz is null or (s.joined_at, s.user_id) > (${after?.joinedAt ?? null}::timestamptz, ${after?.userId ?? null}::uuid))
        order by s.joined_at, s.user_id limit ${limit}`;
    },
  };
}

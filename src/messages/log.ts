/**
 * A room's log: the ordered union of its messages and its other events, read in one statement and one snapshot. REST's
 * events, a socket's resume and the healing of a hole all read here, so all of them carry the same text.
 */
import type { Database } from '../db/client.ts';
import type { Event, EventType } from '../events.ts';
import type { Standing } from '../lib/access.ts';
import type { Message } from './model.ts';
import { MESSAGE_COLUMNS, type MessageRow, messageOf } from './queries.ts';

/** What one room gave: its place in time, where the person stands, and the events after the cursor (none when there are too many). */
export type LogPage = { roomId: string; epoch: string; lastSeq: number; memberCount: number; standing: Standing; events: Event[] };

type LogRow = MessageRow &
  NonNullable<Standing> & {
    ord: number;
    logRoomId: string;
    epoch: string | null;
    lastSeq: number;
    memberCount: number;
    type: EventType | null;
    logSeq: number;
    at: string;
    actorId: string | null;
    payload: Record<string, unknown> | null;
  };

/** A new message as its event. Key order is the wire's: events are compared and stored as text. */
export const createdEvent = (message: Message): Event => ({
  type: 'message.created',
  roomId: message.roomId,
  seq: message.seq,
  at: message.createdAt,
  actorId: message.sender.id,
  message,
});

export const changedEvent = (type: 'message.edited' | 'message.deleted', seq: number, at: string, actorId: string, message: Message): Event => ({
  type,
  roomId: message.roomId,
  seq,
  at,
  actorId,
  message,
});

function eventOf(row: LogRow): Event {
  if (row.type === 'message.created') return createdEvent(messageOf(row));
  const head = { type: row.type, roomId: row.logRoomId, seq: row.logSeq, at: row.at, actorId: row.actorId };
  if (row.type === 'message.edited' || row.type === 'message.deleted') return { ...head, message: messageOf(row) } as Event;
  return { ...head, ...row.payload } as Event;
}

/*
 * Reads several rooms at once, each for a person. `afters[i]` is the cursor of `roomIds[i]` (null: none of its events); a room that has more than
 * `most` events above its cursor gives none when `whole`, else its first `most`. seq is dense, so the difference is the number.
 */
const LOG = `
  select w.ord, w.room_id as "logRoomId", r.epoch, r.last_seq as "lastSeq", r.member_count as "memberCount", r.kind, r.visibility, s.role,
    e.type, e.log_seq as "logSeq", e.at, e.actor_id as "actorId", e.payload, x.*
  from unnest($1::uuid[], $2::uuid[], $3::bigint[]) with ordinality as w(user_id, room_id, after, ord)
  left join rooms r on r.id = w.room_id
  left join memberships s on s.room_id = w.room_id and s.user_id = w.user_id
  left join lateral (
    (select m.seq as log_seq, 'message.created' as type, m.created_at as at, m.sender_id as actor_id, null::jsonb as payload, m.id as message_id
     from messages m where m.room_id = r.id and m.seq > w.after order by m.seq limit $4::int)
    union all
    (select v.seq, v.type, v.created_at, v.actor_id, v.payload, v.message_id
     from room_events v where v.room_id = r.id and v.seq > w.after order by v.seq limit $4::int)
    order by log_seq limit $4::int
  ) e on (not $5::boolean or r.last_seq - w.after <= $4::int) and (s.role is not null or $6::text = 'all' or $6::text = 'groups' and r.kind = 'group')
  left join lateral (
    select ${MESSAGE_COLUMNS} from messages m left join users u on u.id = m.sender_id where m.id = e.message_id limit 1
  ) x on true
  order by w.ord, e.log_seq`;

/** One person's place in one room: what `after` leaves out, null leaves out all. */
export type LogQuestion = { userId: string | null; roomId: string; after: number | null };
type LogBounds = { most: number; whole: boolean; beyond?: 'none' | 'groups' | 'all' };

export type ReadLogs = ReturnType<typeof createLogs>;
export type ReadLog = ReturnType<typeof createLog>;

export function createLogs({ sql }: Pick<Database, 'sql'>) {
  /**
   * One page for each question, in their order; undefined for a room that is gone. Only what that person may read is in `events`;
   * `beyond` widens that: `groups` for admins, `all` for the server itself (healing).
   */
  return async function readLogs(questions: readonly LogQuestion[], { most, whole, beyond = 'none' }: LogBounds): Promise<(LogPage | undefined)[]> {
    const columns = [questions.map(({ userId }) => userId), questions.map(({ roomId }) => roomId), questions.map(({ after }) => after)];
    const rows = await sql.unsafe<LogRow>(LOG, [...columns, most, whole, beyond]);
    const pages = new Array<LogPage | undefined>(questions.length).fill(undefined);
    for (const row of rows) {
      if (row.epoch === null) continue;
      let page = pages[row.ord - 1];
      if (!page) {
        page = { roomId: row.logRoomId, epoch: row.epoch, lastSeq: row.lastSeq, memberCount: row.memberCount, standing: row, events: [] };
        pages[row.ord - 1] = page;
      }
      if (row.type !== null) page.events.push(eventOf(row));
    }
    return pages;
  };
}

export function createLog(db: Pick<Database, 'sql'>) {
  const readLogs = createLogs(db);
  /** The same for one person; a room that is gone has no page. */
  return async function readLog(userId: string | null, rooms: readonly { roomId: string; after: number | null }[], bounds: LogBounds): Promise<LogPage[]> {
    const asked = rooms.map(({ roomId, after }) => ({ userId, roomId, after }));
    return (await readLogs(asked, bounds)).filter((page) => page !== undefined);
  };
}

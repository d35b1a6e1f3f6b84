/** R7: one hot read over Drizzle's prepared path, or the same SQL as a tagged template on the same pool; prints queries per second. */
import { openDatabase } from '../../../src/db/client.ts';
import { createMessageQueries, messageOf, type MessageRow } from '../../../src/messages/queries.ts';

const IN_FLIGHT = 16;
const ms = Number(process.env.MS ?? 3_000);
const userId = process.env.USER_ID!;
await using db = openDatabase({ url: process.env.DATABASE_URL!, pool: 4, deadlineMs: 10_000 });
const { sql } = db;
const queries = createMessageQueries(db);
const ids = (await sql<{ id: string }>`select id from messages limit 1000`).map(({ id }) => id);
if (ids.length === 0) throw new Error('there are no messages to read');

const template = async (messageId: string) => {
  const [row] = await sql<MessageRow & { kind: string; visibility: string; role: string | null }>`
    select m.id, m.room_id as "roomId", m.seq, m.content, m.reply_to as "replyTo", m.client_message_id as "clientMessageId",
      m.created_at as "createdAt", m.updated_at as "updatedAt", m.edited_at as "editedAt", m.deleted_at as "deletedAt", m.sender_id as "senderId",
      u.username, u.first_name as "firstName", u.last_name as "lastName", u.deleted_at is not null as "senderDeleted", r.kind, r.visibility, s.role
    from messages m join rooms r on r.id = m.room_id left join memberships s on s.room_id = m.room_id and s.user_id = ${userId}
    left join users u on u.id = m.sender_id where m.id = ${messageId}`;
  return row && { message: messageOf(row), standing: row };
};
const read = process.env.HOW === 'drizzle' ? (id: string) => queries.one(id, userId) : template;

async function rate(forMs: number): Promise<number> {
  const started = performance.now();
  let done = 0;
  let n = 0;
  await Promise.all(
    Array.from({ length: IN_FLIGHT }, async () => {
      while (performance.now() - started < forMs) {
        const found = await read(ids[n++ % ids.length]!);
        if (!found?.message.content) throw new Error('a message was not found');
        done++;
      }
    }),
  );
  return done / ((performance.now() - started) / 1_000);
}
await rate(300);
console.log(JSON.stringify({ rate: await rate(ms) }));

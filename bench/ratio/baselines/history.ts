/** R6's limit: a minimal handler of the same query, Bun and postgres.js, prepared, without sign-in, checks or limits. */
import postgres from 'postgres';

const sql = postgres(process.env.DATABASE_URL!, { max: Number(process.env.DATABASE_POOL ?? 4), onnotice: () => {} });
const userId = process.env.USER_ID!;

type Row = Record<string, unknown> & { role: string | null };

const server = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  async fetch(request) {
    const url = new URL(request.url);
    const roomId = url.pathname.split('/')[4]!;
    const before = Number(url.searchParams.get('before') ?? Number.MAX_SAFE_INTEGER);
    const rows = await sql<Row[]>`
      select r.kind, r.visibility, s.role, r.epoch, r.last_seq as "lastSeq",
        (select min(seq) from messages where room_id = r.id) as first, (select max(seq) from messages where room_id = r.id) as last, x.*
      from rooms r
      left join memberships s on s.room_id = r.id and s.user_id = ${userId}
      left join lateral (
        select m.id, m.room_id as "roomId", m.seq, m.content, m.reply_to as "replyTo", m.client_message_id as "clientMessageId",
          m.created_at as "createdAt", m.updated_at as "updatedAt", m.edited_at as "editedAt", m.deleted_at as "deletedAt", m.sender_id as "senderId",
          u.username, u.first_name as "firstName", u.last_name as "lastName", u.deleted_at is not null as "senderDeleted"
        from (select * from messages where room_id = r.id and seq < ${before}::bigint order by seq desc limit 50) m
        left join users u on u.id = m.sender_id
      ) x on s.role is not null
      where r.id = ${roomId} order by x.seq`;
    const { epoch, lastSeq, first, last } = rows[0]!;
    const items = rows.map(
      ({ kind, visibility, role, epoch: _epoch, lastSeq: _seq, first: _first, last: _last, senderId, username, firstName, lastName, senderDeleted, ...m }) => ({
        ...m,
        seq: Number(m.seq),
        sender: { id: senderId, username, firstName, lastName, deleted: senderDeleted },
      }),
    );
    return Response.json({ items, hasBefore: Number(first) < items[0]!.seq, hasAfter: Number(last) > items.at(-1)!.seq, epoch, lastSeq: Number(lastSeq) });
  },
});
console.log(JSON.stringify({ event: 'listening', url: `http://127.0.0.1:${server.port}` }));

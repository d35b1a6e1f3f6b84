/** R6's limit: a minimal handler of the same query, Bun and postgres.js, prepared, without sign-in, checks or limits. */
import postgres from 'postgres';

const sql = postgres(process.env.DATABASE_URL!, { max: Number(process.env.DATABASE_POOL ?? 4), onnotice: () => {} });
const userId = process.env.USER_ID!;

type Row = Record<string, unknown>;

const server = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  async fetch(request) {
    const url = new URL(request.url);
    const roomId = url.pathname.split('/')[4]!;
    const before = Number(url.searchParams.get('before') ?? Number.MAX_SAFE_INTEGER);
    const rows = await sql<Row[]>`
      with room as materialized (
        select r.id, r.kind, r.visibility, s.role, r.epoch, r.last_seq
        from rooms r left join memberships s on s.room_id = r.id and s.user_id = ${userId}
        where r.id = ${roomId}
      )
      select r.kind, r.visibility, r.role, r.epoch, r.last_seq as "lastSeq",
        (select min(seq) from messages where room_id = r.id) as first, (select max(seq) from messages where room_id = r.id) as last,
        null::uuid as id, null::uuid as "roomId", null::bigint as seq, null::text as content, null::uuid as "replyTo", null::text as "clientMessageId",
        null::timestamptz as "createdAt", null::timestamptz as "updatedAt", null::timestamptz as "editedAt", null::timestamptz as "deletedAt",
        null::uuid as "senderId", null::text as username, null::text as "firstName", null::text as "lastName", null::boolean as "senderDeleted"
      from room r
      union all
      select null, null, null, null, null, null, null, x.* from room r, lateral (
        select m.id, m.room_id, m.seq, m.content, m.reply_to, m.client_message_id, m.created_at, m.updated_at, m.edited_at, m.deleted_at, m.sender_id,
          u.username, u.first_name, u.last_name, u.deleted_at is not null
        from (select * from messages where room_id = r.id and seq < ${before}::bigint order by seq desc limit 50) m left join users u on u.id = m.sender_id
      ) x where r.role is not null
      order by seq nulls first`;
    const { epoch, lastSeq, first, last } = rows[0]!;
    const items = rows.slice(1).map(({ senderId, username, firstName, lastName, senderDeleted, ...m }) => ({
      id: m.id,
      roomId: m.roomId,
      seq: Number(m.seq),
      sender: { id: senderId, username, firstName, lastName, deleted: senderDeleted },
      content: m.content,
      replyTo: m.replyTo,
      clientMessageId: m.clientMessageId,
      createdAt: m.createdAt,
      updatedAt: m.updatedAt,
      editedAt: m.editedAt,
      deletedAt: m.deletedAt,
    }));
    return Response.json({ items, hasBefore: Number(first) < items[0]!.seq, hasAfter: Number(last) > items.at(-1)!.seq, epoch, lastSeq: Number(lastSeq) });
  },
});
console.log(JSON.stringify({ event: 'listening', url: `http://127.0.0.1:${server.port}` }));

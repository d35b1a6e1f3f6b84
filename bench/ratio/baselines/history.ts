/**
 * R6's limit: a minimal handler of the statement in TEXT, which is the one that our endpoint sends: Bun and postgres.js, prepared, with the
 * same wire types, without sign-in, checks or limits. PARAMETERS are its values, with "$room" and "$before" where the request decides.
 */
import postgres from 'postgres';
import { wireTypes } from '../../../src/db/types.ts';
import { templateOf } from '../statements.ts';

const sql = postgres(process.env.DATABASE_URL!, {
  max: Number(process.env.DATABASE_POOL ?? 4),
  fetch_types: false,
  types: wireTypes(),
  onnotice: () => {},
});
const { strings, order } = templateOf({ text: process.env.TEXT! });
const given = JSON.parse(process.env.PARAMETERS!) as unknown[];
const values = order.map((at) => given[at]);
const [roomAt, beforeAt] = ['$room', '$before'].map((name) => values.flatMap((value, at) => (value === name ? [at] : [])));

type Row = Record<string, unknown> & { seq: number };

const server = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  async fetch(request) {
    const url = new URL(request.url);
    const roomId = url.pathname.split('/')[4]!;
    const before = Number(url.searchParams.get('before') ?? Number.MAX_SAFE_INTEGER);
    const parameters = [...values];
    for (const at of roomAt!) parameters[at] = roomId;
    for (const at of beforeAt!) parameters[at] = before;
    const rows = await sql<Row[]>(strings, ...(parameters as never[]));
    const { epoch, lastSeq, first, last } = rows[0]!;
    const items = rows.slice(1).map((m) => ({
      id: m.id,
      roomId: m.roomId,
      seq: m.seq,
      sender: { id: m.senderId, username: m.username, firstName: m.firstName, lastName: m.lastName, deleted: m.senderDeleted },
      content: m.content,
      replyTo: m.replyTo,
      clientMessageId: m.clientMessageId,
      createdAt: m.createdAt,
      updatedAt: m.updatedAt,
      editedAt: m.editedAt,
      deletedAt: m.deletedAt,
    }));
    return Response.json({ items, hasBefore: (first as number) < items[0]!.seq, hasAfter: (last as number) > items.at(-1)!.seq, epoch, lastSeq });
  },
});
console.log(JSON.stringify({ event: 'listening', url: `http://127.0.0.1:${server.port}` }));

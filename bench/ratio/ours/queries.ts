/** R7: one hot read over Drizzle's prepared path, or the same SQL as a tagged template on the same pool; prints queries per second and processor time. */
import { openDatabase } from '../../../src/db/client.ts';
import { openCatcher, templateOf } from '../statements.ts';
import { createMessageQueries, messageOf, type MessageRow } from '../../../src/messages/queries.ts';

const IN_FLIGHT = 16;
const ms = Number(process.env.MS ?? 3_000);
const userId = process.env.USER_ID!;
await using db = openDatabase({ url: process.env.DATABASE_URL!, pool: 4, deadlineMs: 10_000 });
const { sql } = db;
const queries = createMessageQueries(db);
const ids = (await sql<{ id: string }>`select id from messages limit 1000`).map(({ id }) => id);
if (ids.length === 0) throw new Error('there are no messages to read');

/** The statement that Drizzle sends, as a template whose rows are read by place, which is the least that one can do. */
async function templated(): Promise<(messageId: string) => ReturnType<typeof queries.one>> {
  await using catcher = openCatcher(process.env.DATABASE_URL!);
  const other = createMessageQueries(catcher.db);
  const [statement] = await catcher.caught(() => other.one(ids[0]!, userId));
  const { strings, order } = templateOf(statement!);
  const isId = order.map((at) => statement!.parameters[at] === ids[0]);
  const values = order.map((at) => statement!.parameters[at] as string);
  return async (messageId) => {
    const [r] = await sql(strings, ...values.map((value, at) => (isId[at] ? messageId : value))).values();
    if (!r) return undefined;
    const [id, roomId, seq, content, replyTo, clientMessageId, createdAt, updatedAt, editedAt, deletedAt, senderId, username, firstName, lastName, gone] = r;
    const [kind, visibility, role] = r.slice(15);
    return {
      message: messageOf({
        ...{ id, roomId, seq, content, replyTo, clientMessageId, createdAt, updatedAt, editedAt, deletedAt, senderId },
        ...{ username, firstName, lastName, senderDeleted: gone },
      } as MessageRow),
      standing: { kind, visibility, role } as Awaited<ReturnType<typeof queries.standing>>,
    };
  };
}
const byDrizzle = (id: string) => queries.one(id, userId);
const byTemplate = await templated();
const [a, b] = [await byDrizzle(ids[0]!), await byTemplate(ids[0]!)];
if (!Bun.deepEquals(a?.message, b?.message)) throw new Error(`the template reads otherwise: ${JSON.stringify(b)} instead of ${JSON.stringify(a)}`);
const read = process.env.HOW === 'drizzle' ? byDrizzle : byTemplate;

async function rate(forMs: number): Promise<{ rate: number; busy: number; cpuMicros: number }> {
  const started = performance.now();
  const cpu = process.cpuUsage();
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
  const micros = (performance.now() - started) * 1_000;
  const { user, system } = process.cpuUsage(cpu);
  return { rate: (done / micros) * 1e6, busy: (user + system) / micros, cpuMicros: (user + system) / done };
}
await rate(500);
console.log(JSON.stringify(await rate(ms)));

/**
 * The limit of the guard's R5, for machines without pgbench: what pgbench does with insert.sql, as a minimal program on postgres.js:
 * CLIENTS connections, each one durable insert after the other, prepared. Prints inserts per second over MS milliseconds.
 */
import { join } from 'node:path';
import postgres from 'postgres';
import { templateOf } from '../statements.ts';

const clients = Number(process.env.CLIENTS ?? 16);
const ms = Number(process.env.MS ?? 3_000);
const most = { room: Number(process.env.ROOMS), text: Number(process.env.TEXTS) };
const lines = (await Bun.file(join(import.meta.dir, 'insert.sql')).text()).split('\n');
const text = lines.filter((line) => !line.startsWith('\\') && !line.startsWith('--')).join('\n');
const names = [...text.matchAll(/(?<!:):(room|text)\b/g)].map(([, name]) => name as keyof typeof most);
const { strings } = templateOf({ text: text.replace(/(?<!:):(?:room|text)\b/g, '$1') });

const sql = postgres(process.env.DATABASE_URL!, { max: clients, fetch_types: false, onnotice: () => {} });
const insert = async (): Promise<void> => {
  const rows = await sql(strings, ...names.map((name) => 1 + Math.floor(Math.random() * most[name])));
  if (rows.length !== 1) throw new Error('nothing was inserted');
};

async function rate(forMs: number): Promise<number> {
  const started = performance.now();
  let done = 0;
  await Promise.all(
    Array.from({ length: clients }, async () => {
      for (; performance.now() - started < forMs; done++) await insert();
    }),
  );
  return (done / (performance.now() - started)) * 1_000;
}
await rate(300);
console.log(JSON.stringify({ rate: await rate(ms) }));
await sql.end({ timeout: 2 });

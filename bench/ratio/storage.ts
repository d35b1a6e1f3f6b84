/** R5, R7, R10: durable sends beside pgbench, Drizzle beside templates, logins beside bare argon2. */
import { join } from 'node:path';
import { drive } from '../client/driver.ts';
import { request, httpRun } from '../client/http.ts';
import { move } from '../cores.ts';
import { loss, moveDatabase } from '../parlour.ts';
import type { Comparison, Sample } from './pairs.ts';
import { spendingOf } from '../shares.ts';
import { findPgbench, pgbench } from './pgbench.ts';
import type { Stage } from './stage.ts';

const CONNECTIONS = 16;
const INSERT = join(import.meta.dir, 'baselines/insert.sql');
/** Autovacuum works behind the inserts of both; this keeps one side from paying for the other's. */
const SETTLE_MS = 500;

async function prepareInserts({ house, texts }: Stage): Promise<void> {
  const senders = house.rooms.map((_, at) => house.people[at % house.people.length]!.id);
  await house.sql`create table if not exists bench_rooms (n int primary key, id uuid not null, sender_id uuid not null)`;
  await house.sql`create table if not exists bench_texts (n int primary key, content text not null)`;
  await house.sql`insert into bench_rooms select n, id, sender from unnest(${house.rooms}::uuid[], ${senders}::uuid[]) with ordinality as t(id, sender, n) on conflict do nothing`;
  await house.sql`insert into bench_texts select n, content from unnest(${texts}::text[]) with ordinality as t(content, n) on conflict do nothing`;
  await house.sql`analyze`;
}

/** `inFlight` undefined: over REST. The limit is pgbench, or a small program that does the same where pgbench may be missing. */
export function r5(inFlight?: number, limit: 'pgbench' | 'program' = 'pgbench') {
  return async (stage: Stage): Promise<Comparison> => {
    const { house, tokens, texts, ms } = stage;
    if (limit === 'pgbench') findPgbench();
    await prepareInserts(stage);
    const server = await stage.open({ share: 'all' });
    // Both use all cores here: the limit has no server of its own that could be given one.
    await moveDatabase(house, 'all');
    move(server.pid, 'all');
    let round = 0;
    const spentBy = await spendingOf(server.pid, house.sql);
    return {
      id: inFlight === undefined ? 'R5' : 'R5s',
      title: `durable sends over ${inFlight === undefined ? 'REST' : 'sockets'} / ${limit === 'pgbench' ? 'pgbench' : "a Bun program's"} single inserts`,
      unit: 'sends/s',
      aim: inFlight === undefined ? 1 : 2,
      better: 'more',
      note: `${CONNECTIONS} connections, ${inFlight ?? 1} in flight each, ${house.rooms.length} rooms; the limit: ${CONNECTIONS} clients, prepared, same tables and indexes`,
      async ours() {
        await moveDatabase(house, 'all');
        const runName = `r5${inFlight ?? 0}x${round++}`;
        const job = {
          job: 'sends' as const,
          where: { host: server.host, port: server.port },
          connections: CONNECTIONS,
          ms,
          runName,
          tokens,
          rooms: house.rooms,
          texts,
        };
        const before = spentBy();
        const outcome = await drive(inFlight === undefined ? job : { ...job, inFlight }, { pid: server.pid, share: 'all' });
        const parts = { driver: outcome.driverMicros, ...spentBy(before, outcome.done) };
        const lost = outcome.loss ?? (await loss(house.sql, runName, outcome.done));
        await Bun.sleep(SETTLE_MS);
        return { value: outcome.rate, parts, loss: lost };
      },
      async limit() {
        await moveDatabase(house, 'all');
        const [rooms, lines] = [house.rooms.length, texts.length];
        if (limit === 'program') {
          const env = { DATABASE_URL: house.databaseUrl, CLIENTS: `${CONNECTIONS}`, ROOMS: `${rooms}`, TEXTS: `${lines}` };
          const { rate } = await stage.once('ratio/baselines/insert.ts', env);
          await Bun.sleep(SETTLE_MS);
          return { value: rate! };
        }
        let driver = 0;
        const before = spentBy();
        const value = await pgbench(house.databaseUrl, INSERT, ms, { rooms, texts: lines }, CONNECTIONS, (seconds) => {
          driver = seconds;
        });
        const done = (value * ms) / 1_000;
        const parts = { driver: (driver / done) * 1e6, postgres: spentBy(before, done).postgres };
        await Bun.sleep(SETTLE_MS);
        return { value, parts };
      },
    };
  };
}

export async function r7(stage: Stage): Promise<Comparison> {
  const { house } = stage;
  const env = { DATABASE_URL: house.databaseUrl, USER_ID: house.people[0]!.id };
  const rate = async (how: string): Promise<Sample> => {
    const { rate: value, busy, cpuMicros } = await stage.once('ratio/ours/queries.ts', { ...env, HOW: how }, 'server');
    return { value: value!, busy, cpuMicros };
  };
  return {
    id: 'R7',
    title: 'hot Drizzle query / the same SQL as a prepared template',
    unit: 'queries/s',
    aim: 0.85,
    better: 'more',
    note: 'one message with its sender and the reader’s standing, 16 in flight; one core for the queries, one for Postgres',
    ours: () => rate('drizzle'),
    limit: () => rate('template'),
  };
}

export async function r10(stage: Stage): Promise<Comparison> {
  const server = await stage.open({ share: 'all' });
  const { house, ms } = stage;
  return {
    id: 'R10',
    title: 'logins / bare argon2 verify',
    unit: 'logins/s',
    aim: 0.95,
    better: 'more',
    note: 'as many at once as there are cores, on all cores',
    async ours() {
      const until = performance.now() + ms;
      let n = 0;
      const connections = 2 * navigator.hardwareConcurrency;
      const { answered, failed, firstFailure, seconds } = await httpRun(server.host, server.port, connections, () =>
        performance.now() > until
          ? undefined
          : request('POST', '/api/v1/auth/login', {
              body: JSON.stringify({ login: house.people[n++ % house.people.length]!.username, password: 'parlour-seed' }),
            }),
      );
      return { value: answered / seconds, loss: failed > 0 ? `${failed} logins failed: ${firstFailure}` : undefined };
    },
    limit: async () => ({ value: (await stage.once('ratio/baselines/argon2.ts')).rate! }),
  };
}

/** R1, R2, R6: what the whole app costs in front of a small JSON, a signed-in one, and a page of history. */
import { request } from '../client/http.ts';
import { drive } from '../client/driver.ts';
import type { Comparison, Sample } from './pairs.ts';
import type { Stage } from './stage.ts';

const CONNECTIONS = 16;

type Target = { host: string; port: number; pid: number };

async function get({ host, port, pid }: Target, requests: string[], ms: number): Promise<Sample> {
  const { rate, busy, cpuMicros, loss } = await drive({ job: 'get', where: { host, port }, connections: CONNECTIONS, ms, requests }, { pid });
  return { value: rate, busy, cpuMicros, loss };
}

export async function r1(stage: Stage): Promise<Comparison> {
  const server = await stage.server();
  const body = await (await fetch(`${server.url}/api/v1`)).text();
  const bare = await stage.program('ratio/baselines/json.ts', { BODY: body });
  const requests = [request('GET', '/api/v1')];
  return {
    id: 'R1',
    title: 'small dynamic JSON / bare Bun.serve',
    unit: 'requests/s',
    aim: 0.95,
    better: 'more',
    note: `${CONNECTIONS} connections, one request in flight each`,
    ours: () => get(server, requests, stage.ms),
    limit: () => get(bare, requests, stage.ms),
  };
}

export async function r2(stage: Stage): Promise<Comparison> {
  const server = await stage.server();
  const signedIn = [request('GET', '/api/v1/stats', { token: stage.tokens[0] })];
  return {
    id: 'R2',
    title: 'the same, signed in / R1',
    unit: 'requests/s',
    aim: 0.9,
    better: 'more',
    note: 'GET /api/v1/stats beside GET /api/v1',
    ours: () => get(server, signedIn, stage.ms),
    limit: () => get(server, [request('GET', '/api/v1')], stage.ms),
  };
}

const PAGES = 400;

export async function r6(stage: Stage): Promise<Comparison> {
  const server = await stage.server();
  const { house } = stage;
  const roomId = house.rooms[0]!;
  const [head] = await house.sql<{ seq: number }[]>`select last_seq::int as seq from rooms where id = ${roomId}`;
  if (head!.seq < PAGES) {
    const { port, host } = server;
    const filled = await drive(
      { job: 'sends', where: { host, port }, connections: 8, ms: 3_000, runName: 'fill', tokens: stage.tokens, rooms: [roomId], texts: stage.texts },
      { share: 'all' },
    );
    if (filled.loss) throw new Error(filled.loss);
    await house.sql`analyze`;
  }
  const [now] = await house.sql<{ seq: number }[]>`select last_seq::int as seq from rooms where id = ${roomId}`;
  const bare = await stage.program('ratio/baselines/history.ts', {
    DATABASE_URL: house.databaseUrl,
    USER_ID: house.people[0]!.id,
    DATABASE_POOL: String(2 * navigator.hardwareConcurrency),
  });
  // Twenty places between the newest and the first page; the baseline gives every page, so both are asked for the same ones.
  const requests = Array.from({ length: 20 }, (_, at) =>
    request('GET', `/api/v1/rooms/${roomId}/messages?before=${Math.floor(now!.seq - (at * (now!.seq - 60)) / 20)}`, { token: stage.tokens[0] }),
  );
  return {
    id: 'R6',
    title: '50-message history page / minimal Bun + postgres.js',
    unit: 'pages/s',
    aim: 0.9,
    better: 'more',
    note: 'the same query and pool; sign-in and checks on our side only',
    ours: () => get(server, requests, stage.ms),
    limit: () => get(bare, requests, stage.ms),
  };
}

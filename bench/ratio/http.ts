/** R1, R2, R6: what the whole app costs in front of a small JSON, a signed-in one, and a page of history. */
import { request } from '../client/http.ts';
import { drive } from '../client/driver.ts';
import { createMessageQueries } from '../../src/messages/queries.ts';
import { createMessages } from '../../src/messages/service.ts';
import { openCatcher, type Statement } from './statements.ts';
import type { Comparison, Sample } from './pairs.ts';
import type { Stage } from './stage.ts';

const CONNECTIONS = 16;

type Target = { host: string; port: number; pid: number };

async function get({ host, port, pid }: Target, requests: string[], ms: number): Promise<Sample> {
  const { rate, busy, cpuMicros, loss } = await drive({ job: 'get', where: { host, port }, connections: CONNECTIONS, ms, requests }, { pid });
  return { value: rate, busy, cpuMicros, loss };
}

/** `contract`: the limit reads and says what the contract asks of every answer. */
export function r1(contract = false) {
  return async (stage: Stage): Promise<Comparison> => {
    const server = await stage.server();
    const body = await (await fetch(`${server.url}/api/v1`)).text();
    const bare = await stage.program('ratio/baselines/json.ts', { BODY: body, CONTRACT: String(contract) });
    const requests = [request('GET', '/api/v1')];
    return {
      id: contract ? 'R1c' : 'R1',
      title: contract ? 'the same / bare Bun.serve with the contract’s headers' : 'small dynamic JSON / bare Bun.serve',
      unit: 'requests/s',
      aim: 0.95,
      better: 'more',
      note: `${CONNECTIONS} connections, one request in flight each`,
      ours: () => get(server, requests, stage.ms),
      limit: () => get(bare, requests, stage.ms),
    };
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
/** A seq that no room has, to know it again among a statement's parameters. */
const SOME_SEQ = 1_234_567_890;

/** The statement behind a page of history, as the endpoint's own code sends it, and its parameters with marks for what differs by request. */
async function historyStatement(stage: Stage, roomId: string): Promise<Statement> {
  await using catcher = openCatcher(stage.house.databaseUrl);
  // Reading history touches nothing of its ports but the queries.
  const messages = createMessages({ queries: createMessageQueries(catcher.db) } as Parameters<typeof createMessages>[0]);
  const caller = { userId: stage.house.people[0]!.id, sessionId: '', role: 'user' as const };
  const sent = await catcher.caught(() => messages.history(caller, roomId, { before: SOME_SEQ }));
  if (sent.length !== 1) throw new Error(`a history page takes ${sent.length} statements; its limit knows one`);
  const parameters = sent[0]!.parameters.map((value) => (value === roomId ? '$room' : value === SOME_SEQ ? '$before' : value));
  return { text: sent[0]!.text, parameters };
}

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
  const { text, parameters } = await historyStatement(stage, roomId);
  const bare = await stage.program('ratio/baselines/history.ts', {
    DATABASE_URL: house.databaseUrl,
    TEXT: text,
    PARAMETERS: JSON.stringify(parameters),
    DATABASE_POOL: String(2 * navigator.hardwareConcurrency),
  });
  // Twenty places between the newest and the first page, the same for both.
  const paths = Array.from({ length: 20 }, (_, at) => `/api/v1/rooms/${roomId}/messages?before=${Math.floor(now!.seq - (at * (now!.seq - 60)) / 20)}`);
  const requests = paths.map((path) => request('GET', path, { token: stage.tokens[0] }));
  await expectSame(`${server.url}${paths[3]}`, `http://${bare.host}:${bare.port}${paths[3]}`, stage.tokens[0]!);
  return {
    id: 'R6',
    title: '50-message history page / minimal Bun + postgres.js',
    unit: 'pages/s',
    aim: 0.9,
    better: 'more',
    note: 'the same statement, pool and answer; sign-in and checks on our side only',
    ours: () => get(server, requests, stage.ms),
    limit: () => get(bare, requests, stage.ms),
  };
}

/** A limit that does other work is no limit. */
async function expectSame(ours: string, limit: string, token: string): Promise<void> {
  const headers = { authorization: `Bearer ${token}` };
  const [a, b] = await Promise.all([ours, limit].map(async (url) => (await fetch(url, { headers })).json()));
  if (!Bun.deepEquals(a, b)) throw new Error(`the limit answers otherwise: ${JSON.stringify(b).slice(0, 300)} instead of ${JSON.stringify(a).slice(0, 300)}`);
}

/**
 * The clock of a machine is set, by an hour or two, forwards and backwards, under load: order is by seq and not by time, nobody is
 * refused, doubled, cut off or forgotten for it; tokens alone end by the clock on the wall.
 */
import { expect, test } from 'bun:test';
import { createThrottle } from '../../src/auth/throttle.ts';
import { readConfig } from '../../src/config.ts';
import { openDatabase } from '../../src/db/client.ts';
import { createRateLimiter } from '../../src/lib/rate-limit.ts';
import { createRealtimeQueries } from '../../src/realtime/queries.ts';
import { openRedis } from '../../src/redis.ts';
import { openStage } from '../faults/stage.ts';
import { Client, SECRET } from '../support/chat.ts';
import { openClock } from '../support/clock.ts';
import { startServer } from '../support/process.ts';
import { ownRedis } from '../support/redis.ts';
import { until } from '../support/wait.ts';
import { aPerson, aRoom } from '../support/world.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const PHASE_MS = 1_500;

test('back and forth by hours, under load: order, cursors, heartbeats and sockets do not notice', async () => {
  await using clock = await openClock();
  await using stage = await openStage({
    database: clock.database,
    env: { ...clock.env, ACCESS_TOKEN_SECONDS: '86400', WS_HEARTBEAT_SECONDS: '1', WS_IDLE_SECONDS: '5' },
  });
  const { nodes } = stage;
  const readers = [];
  for (const [n, node] of nodes.entries()) readers.push(await stage.reader(stage.people[4 + n]!, [node.url]));
  const [here] = nodes as [(typeof nodes)[0]];
  const ask = async (path: string) => {
    const response = await fetch(`${here.url}/api/v1${path}`, { headers: { authorization: `Bearer ${stage.owner.token}` } });
    expect(response.status).toBe(200);
    // biome-ignore lint/suspicious/noExplicitAny: answers are as they come
    return (await response.json()) as any;
  };

  const load = stage.load();
  await stage.warm(load);
  const slowest: number[] = [];
  for (const step of [-HOUR, HOUR, 0]) {
    const [answers, pings] = [load.answers.length, readers.map(({ counts }) => counts.get('ping') ?? 0)];
    await clock.step(step, nodes);
    await Bun.sleep(PHASE_MS);
    expect(load.answers.length).toBeGreaterThan(answers + 50);
    slowest.push(Math.max(...load.answers.slice(answers).map(({ ms }) => ms)));
    // One ping a second: none too many, and none missing.
    for (const [n, { counts }] of readers.entries()) {
      const more = (counts.get('ping') ?? 0) - pings[n]!;
      expect([more >= 1, more <= 3]).toEqual([true, true]);
    }
  }
  expect(load.failures).toEqual([]);
  expect(await stage.verdict('clock stepped', load, () => ({ slowestMs: Math.max(...slowest) }))).toEqual([]);
  expect([...readers.flatMap(({ closes }) => closes), ...load.closes()]).toEqual([]);
  for (const { counts } of readers) expect(counts.get('gap')).toBeUndefined();

  // The clock did go back: in the rooms there are messages that are older than those before them, by about as much.
  const [back] = await stage.db.sql<{ rooms: number; hours: number }>`
    select count(distinct room_id) as rooms, extract(epoch from max(before - created_at)) / 3600 as hours from (
      select room_id, created_at, lag(created_at) over (partition by room_id order by seq) as before from messages) m
    where before - created_at > interval '30 minutes'`;
  expect(back).toMatchObject({ rooms: 3 });
  expect(Number(back!.hours)).toBeGreaterThan(0.99);

  for (const { id } of stage.rooms) {
    const seqs: number[] = [];
    for (let page = await ask(`/rooms/${id}/messages?after=0&limit=100`); ; page = await ask(`/rooms/${id}/messages?after=${seqs.at(-1)}&limit=100`)) {
      seqs.push(...page.items.map(({ seq }: { seq: number }) => seq));
      if (!page.hasAfter) break;
    }
    expect(seqs).toEqual(Array.from({ length: seqs.length }, (_, n) => n + 1));
    expect(seqs.length).toBe((await ask(`/rooms/${id}`)).lastSeq);
  }
  // Lists that are sorted by time are walked whole, each item once.
  const ids: string[] = [];
  for (let page = await ask('/messages?limit=100'); ; page = await ask(`/messages?limit=100&cursor=${encodeURIComponent(page.nextCursor)}`)) {
    ids.push(...page.items.map(({ id }: { id: string }) => id));
    if (page.nextCursor === null) break;
  }
  const [stored] = await stage.db.sql<{ n: number }>`select count(*) as n from messages`;
  expect([ids.length, new Set(ids).size]).toEqual([stored!.n, stored!.n]);
}, 40_000);

test('a token ends by the clock on the wall, for requests and sockets alike; a rate does not begin anew by it', async () => {
  await using clock = await openClock();
  await using server = await startServer({
    ...clock.env,
    NODE_ENV: 'test',
    DATABASE_URL: clock.database.url,
    JWT_SECRET: SECRET,
    DATABASE_POOL: '2',
    MIGRATE: 'false',
    RATE_WRITE: '3/3600',
  });
  const ask = async (method: string, path: string, token?: string, body?: unknown) => {
    const response = await fetch(`${server.url}/api/v1${path}`, {
      method,
      headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    // biome-ignore lint/suspicious/noExplicitAny: answers are as they come
    return { status: response.status, body: (text === '' ? undefined : JSON.parse(text)) as any };
  };
  const connect = async (token: string): Promise<Client> => {
    const client = new Client(server.url, { headers: { authorization: `Bearer ${token}` } });
    await client.next('ready');
    return client;
  };
  const { body: first } = await ask('POST', '/auth/register', undefined, { username: 'ann', password: 'correct horse battery' });
  const socket = await connect(first.accessToken);
  for (let n = 0; n < 3; n++) expect((await ask('POST', '/rooms', first.accessToken, { name: 'Hall' })).status).toBe(201);
  const limited = async (token: string) => {
    const answer = await ask('POST', '/rooms', token, { name: 'Hall' });
    expect([answer.status, answer.body.code]).toEqual([429, 'rate_limited']);
    expect(answer.body.retryAfterMs).toBeLessThanOrEqual(HOUR / 3);
  };
  await limited(first.accessToken);

  await clock.step(10 * MINUTE, [server]);
  await limited(first.accessToken);
  await Bun.sleep(300);
  await socket.settled();
  expect(socket.all('token.expiring')).toEqual([]);
  await clock.step(14.5 * MINUTE, [server]);
  const { inMs } = await socket.next('token.expiring');
  expect(inMs).toBeLessThanOrEqual(MINUTE / 2);
  expect(inMs).toBeGreaterThan(MINUTE / 4);
  await clock.step(16 * MINUTE, [server]);
  expect((await socket.closed).code).toBe(4001);
  const late = await ask('GET', '/users/me', first.accessToken);
  expect([late.status, late.body.code]).toEqual([401, 'token_expired']);
  const { status, body: second } = await ask('POST', '/auth/refresh', undefined, { refreshToken: first.refreshToken });
  expect(status).toBe(200);
  expect((await ask('GET', '/users/me', second.accessToken)).status).toBe(200);
  await limited(second.accessToken);

  // Set right again: what was issued meanwhile holds, and so does the session.
  const other = await connect(second.accessToken);
  await clock.step(-HOUR, [server]);
  await Bun.sleep(300);
  await other.settled();
  expect(other.closeCode).toBeUndefined();
  expect((await ask('GET', '/users/me', second.accessToken)).status).toBe(200);
  const third = await ask('POST', '/auth/refresh', undefined, { refreshToken: second.refreshToken });
  expect(third.status).toBe(200);
  expect((await ask('GET', '/users/me', third.body.accessToken)).status).toBe(200);
  await limited(third.body.accessToken);
  other.close();
}, 30_000);

test('set back, the poll does not take the memberships and sessions of the last hour for new ones', async () => {
  await using clock = await openClock();
  await using db = openDatabase({ url: clock.database.url, pool: 1, deadlineMs: 5_000 });
  const queries = createRealtimeQueries(db);
  const [ann, bob] = [await aPerson(db), await aPerson(db)];
  const before = await aRoom(db, ann, bob);
  const session = async (): Promise<string> => {
    const id = Bun.randomUUIDv7();
    await db.sql`insert into sessions (id, user_id, expires_at, ended_at) values (${id}, ${ann}, now() + interval '1 day', now())`;
    return id;
  };
  const found = async (): Promise<string[]> =>
    (await queries.poll([], 10)).flatMap((row) => (row.kind === 'added' ? [row.id] : row.kind === 'ended' ? [row.id] : [])).sort();
  const ended = await session();
  expect(await found()).toEqual([before, before, ended].sort());
  for (const step of [-HOUR, HOUR]) {
    await clock.step(step);
    expect(await found()).toEqual([]);
    const [room, over] = [await aRoom(db, ann), await session()];
    expect(await found()).toEqual([room, over].sort());
  }
});

test('the clock of Redis set back locks nobody out: neither by a rate nor by the waits of the sign-in', async () => {
  await using server = await ownRedis();
  await using redis = openRedis({ url: server.url, prefix: 'clock:' });
  await until('Redis is there', () => redis.ready);
  const limiter = createRateLimiter({ config: { ...readConfig({ NODE_ENV: 'test', RATE_SEND: '2/10', JWT_SECRET: SECRET }), rateLimits: true }, redis });
  const code = (work: () => unknown): Promise<string> =>
    (async () => work())().then(
      () => 'taken',
      (error: { code: string }) => error.code,
    );
  const take = () => code(() => limiter.take('send', 'ann'));
  expect([await take(), await take(), await take()]).toEqual(['taken', 'taken', 'rate_limited']);
  // As it looks when Redis' clock has gone back by an hour since.
  const bucket = redis.key('rate:send:ann');
  await redis.commands.set(bucket, String(Number(await redis.commands.get(bucket)) + HOUR), 'PX', HOUR);
  expect([await take(), await take(), await take()]).toEqual(['taken', 'taken', 'rate_limited']);

  const throttle = createThrottle({ enabled: true, redis });
  const guess = (right: boolean) => code(() => throttle.guard('ann', '127.0.0.1', async () => right));
  for (let n = 0; n < 5; n++) expect(await guess(false)).toBe('taken');
  expect(await guess(true)).toBe('rate_limited');
  const [failures] = await redis.commands.keys(redis.key('login:*'));
  await redis.commands.hset(failures!, 'until', String(Number(await redis.commands.hget(failures!, 'until')) + HOUR));
  expect(await guess(false)).toBe('taken');
  // That attempt was counted, and the wait goes on by the clock as it is now.
  expect(await guess(true)).toBe('rate_limited');
});

test('durations are not measured by the wall clock', async () => {
  const root = `${import.meta.dir}/../../src`;
  const found: string[] = [];
  for (const file of new Bun.Glob('**/*.ts').scanSync({ cwd: root })) if (/\bDate\.now\(/.test(await Bun.file(`${root}/${file}`).text())) found.push(file);
  // Ends of tokens, tickets and invites, which are times on the wall, and a name for a folder.
  const times = ['auth/access-token.ts', 'auth/service.ts', 'db/embedded.ts', 'realtime/heartbeat.ts', 'rooms/invites.ts'];
  expect(found.sort()).toEqual(times);
});

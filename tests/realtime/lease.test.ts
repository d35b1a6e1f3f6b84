/**
 * People of a node that is killed, or frozen, fade for everybody else when its lease has run out, and not before; one that thaws says
 * again who is there. Real processes over one Redis, whose clock is helped along: waiting for a lease to run out would take 45 s.
 */
import { expect, test } from 'bun:test';
import { Client, openChat, type Person, SECRET } from '../support/chat.ts';
import { startServer } from '../support/process.ts';
import { until } from '../support/wait.ts';

/** websocket.md: within 90 s. */
const FADED_MS = 90_000;
/** src/realtime/lease.ts looks every 15 s; presence gathers for one. */
const LOOK_MS = 15_000;
const TOLD_MS = 3_000;

test('a killed node and a frozen one: their people fade with the lease, and come back with the node that thaws', async () => {
  await using chat = await openChat({ nodes: 2, env: { PRESENCE_GRACE_SECONDS: '1' } });
  const { redis } = chat.node.services;
  const there = chat.nodes[1]!;
  const env = {
    NODE_ENV: 'test',
    DATABASE_URL: chat.databaseUrl,
    REDIS_URL: chat.redis!.url,
    JWT_SECRET: SECRET,
    PRESENCE_GRACE_SECONDS: '1',
    DATABASE_POOL: '2',
    MIGRATE: 'false',
  };
  const servers = await Promise.all([startServer(env), startServer(env)]);
  const [dying, freezing] = servers;
  await using stopping = new AsyncDisposableStack();
  for (const server of servers) stopping.use(server);
  stopping.defer(() => freezing.kill('SIGCONT'));

  const [ann, bob, cat] = [await chat.person('ann'), await chat.person('bob'), await chat.person('cat')];
  const dan = (await chat.person('dan')).at(there);
  const hall = await chat.room(ann, bob, cat, dan);
  const atAnn = await ann.listens(hall);
  const connect = async (url: string, { token }: Person): Promise<Client> => {
    const client = new Client(url, { headers: { authorization: `Bearer ${token}` } });
    await client.next('ready');
    return client;
  };
  await connect(dying.url, bob);
  const atCat = await connect(freezing.url, cat);
  /** Who is online, as this socket was told. */
  const online = (client: Client): string[] => {
    const now = new Set<string>();
    for (const frame of client.all('presence')) {
      for (const id of frame.online ?? []) now.add(id);
      for (const id of frame.offline ?? []) now.delete(id);
    }
    return [...now].sort();
  };
  const observers = [atAnn, await dan.listens(hall)];
  const seen = (...people: Person[]) => observers.every((client) => Bun.deepEquals(online(client), people.map(({ id }) => id).sort()));
  await until('all three are online', () => seen(ann, dan, bob, cat), TOLD_MS);
  const leases: string[] = [];
  for (const key of await redis!.commands.keys(redis!.key('presence:*'))) {
    const people = await redis!.commands.smembers(key);
    if (people.includes(bob.id) || people.includes(cat.id)) leases.push(key);
  }
  expect(leases.length).toBe(2);

  dying.kill('SIGKILL');
  await dying.exited;
  freezing.kill('SIGSTOP');
  const gone = performance.now();
  // The whole way from here on, if nobody helped: what is left of the lease, the next look, and the gathering.
  for (const key of leases) {
    const left = await redis!.commands.pttl(key);
    expect(left).toBeGreaterThan(0);
    expect(left + LOOK_MS + TOLD_MS).toBeLessThan(FADED_MS);
  }
  await Bun.sleep(2_500);
  // Neither is said to have gone as long as its lease holds: it may be a moment's trouble.
  for (const client of observers) await client.settled();
  expect(seen(ann, dan, bob, cat)).toBe(true);
  for (const key of leases) await redis!.commands.pexpire(key, 1);
  await until('both have faded', () => seen(ann, dan), LOOK_MS + TOLD_MS);
  const fadedMs = performance.now() - gone;

  freezing.kill('SIGCONT');
  const thawed = performance.now();
  // Its own look is due within a period of its start, which was longer ago than that of this node.
  await until('cat is back', () => seen(ann, dan, cat), TOLD_MS + 3_000);
  const backMs = performance.now() - thawed;
  expect(atCat.closeCode).toBeUndefined();
  await bob.connect();
  await until('bob came back here', () => seen(ann, dan, bob, cat), TOLD_MS);
  console.log(JSON.stringify({ fault: 'lease', fadedMs: Math.round(fadedMs), backMs: Math.round(backMs) }));
  atCat.close();
  await until('cat has gone', () => seen(ann, dan, bob), TOLD_MS + 1_000);
}, 45_000);

import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, running, stop } from '../../src/db/cluster.ts';
import { parlour } from '../support/command.ts';
import { freshDatabase } from '../support/postgres.ts';
import { ownRedis } from '../support/redis.ts';
import { startServer } from '../support/process.ts';
import { until } from '../support/wait.ts';

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'parlour-serve-'));
});
afterAll(async () => {
  for (const folder of new Bun.Glob('*/postgres').scanSync({ cwd: home, onlyFiles: false })) await stop(join(home, folder), 'SIGKILL');
  await rm(home, { recursive: true, force: true });
});

const post = (url: string, path: string, body: object, token?: string) =>
  fetch(`${url}/api/v1${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
    body: JSON.stringify(body),
  });
const register = async (url: string, username: string): Promise<string> =>
  ((await (await post(url, '/auth/register', { username, password: 'a quiet parlour' })).json()) as { accessToken: string }).accessToken;

/** A signed-in socket, and the codes that end it. */
async function socketOf(url: string, token: string) {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`);
  const frames: { type: string }[] = [];
  const closed = new Promise<number>((done) => socket.addEventListener('close', ({ code }) => done(code)));
  socket.addEventListener('message', ({ data }) => frames.push(JSON.parse(String(data))));
  socket.addEventListener('open', () => socket.send(JSON.stringify({ type: 'auth', token, id: 1 })));
  await until('ready', () => frames.some(({ type }) => type === 'ready'));
  return { frames, closed };
}

describe('the server', () => {
  test('says where it listens, drains on SIGTERM and exits with 0', async () => {
    await using database = await freshDatabase();
    await using server = await startServer({ DATABASE_URL: database.url, DATA_DIR: home });
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(await (await fetch(`${server.url}/livez`)).json()).toEqual({ status: 'ok' });
    const socket = await socketOf(server.url, await register(server.url, 'ann'));
    const from = performance.now();
    server.kill('SIGTERM');
    expect(await socket.closed).toBe(1012);
    expect(socket.frames.map(({ type }) => type)).toContain('reconnect');
    expect(await server.exited).toBe(0);
    expect(performance.now() - from).toBeLessThan(10_000);
    expect(server.lines().every(({ level, time }) => typeof level === 'string' && typeof time === 'string')).toBe(true);
    expect(JSON.stringify(server.lines())).not.toContain('eyJ');
    expect(server.stderr()).toBe('');
  });

  test('ends at once with 1 at a second signal', async () => {
    await using database = await freshDatabase();
    await using server = await startServer({ DATABASE_URL: database.url, DATA_DIR: home });
    const token = await register(server.url, 'ann');
    // Each leaves at a moment of its own within three seconds: that all eight are gone after a tenth of them will not happen.
    const sockets = await Promise.all(Array.from({ length: 8 }, () => socketOf(server.url, token)));
    server.kill('SIGINT');
    await until('the sockets are told', () => sockets.every(({ frames }) => frames.some(({ type }) => type === 'reconnect')));
    await until('it is draining', () => server.lines().some(({ event }) => event === 'draining'));
    // What arrives within a tenth of a second counts as the first one, handed on by npx or a shell.
    await Bun.sleep(150);
    const from = performance.now();
    server.kill('SIGINT');
    expect(await server.exited).toBe(1);
    expect(performance.now() - from).toBeLessThan(1_000);
  });

  test('that finds its port taken says so in one sentence, and leaves the other alone', async () => {
    await using database = await freshDatabase();
    await using server = await startServer({ DATABASE_URL: database.url, DATA_DIR: home });
    const second = await parlour({ DATABASE_URL: database.url, DATA_DIR: home, PORT: new URL(server.url).port }, ['serve']);
    expect(second.code).toBe(1);
    expect(second.stderr).toContain(`Port ${new URL(server.url).port} of 127.0.0.1 is taken`);
    expect(second.stderr.trim().split('\n')).toHaveLength(1);
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
  });

  test('keeps metrics off the public port when they have their own', async () => {
    await using database = await freshDatabase();
    const port = await freePort();
    await using server = await startServer({ DATABASE_URL: database.url, DATA_DIR: home, METRICS_PORT: String(port) });
    expect((await fetch(`${server.url}/metrics`)).status).toBe(404);
    expect(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()).toContain('parlour_sockets');
    expect((await fetch(`http://127.0.0.1:${port}/api/v1`)).status).toBe(404);
  });

  test('warns at the start when Postgres may forget what it acknowledged', async () => {
    await using database = await freshDatabase();
    await using server = await startServer({ DATABASE_URL: database.url, DATA_DIR: home });
    expect(server.lines().some(({ level, message }) => level === 'warn' && String(message).includes('fsync is off'))).toBe(true);
  });
});

describe('with the embedded Postgres', () => {
  test('nothing acknowledged is lost when server and Postgres are killed, and commands work beside a running server', async () => {
    const env = { DATA_DIR: join(home, 'killed') };
    const ids: string[] = [];
    let token = '';
    {
      await using server = await startServer(env);
      token = await register(server.url, 'ann');
      const room = (await (await post(server.url, '/rooms', { name: 'Hall' }, token)).json()) as { id: string };
      for (let n = 0; n < 20; n++)
        ids.push(((await (await post(server.url, `/rooms/${room.id}/messages`, { content: `message ${n}` }, token)).json()) as { id: string }).id);
      expect((await parlour(env, ['user', 'role', 'ann', 'admin'])).results[0]).toMatchObject({ username: 'ann', role: 'admin' });
      server.kill('SIGKILL');
      await server.exited;
    }
    const orphan = running(join(env.DATA_DIR, 'postgres'))!;
    {
      await using server = await startServer(env);
      expect(running(join(env.DATA_DIR, 'postgres'))?.pid).toBe(orphan.pid);
      server.kill('SIGKILL');
      await server.exited;
    }
    await stop(join(env.DATA_DIR, 'postgres'), 'SIGKILL');
    await using server = await startServer(env);
    for (const id of ids) expect((await fetch(`${server.url}/api/v1/messages/${id}`, { headers: { authorization: `Bearer ${token}` } })).status).toBe(200);
    server.kill('SIGTERM');
    expect(await server.exited).toBe(0);
    expect(running(join(env.DATA_DIR, 'postgres'))).toBeUndefined();
  });

  test('an idle server needs less than 120 MB', async () => {
    await using server = await startServer({ DATA_DIR: join(home, 'idle') });
    if (!existsSync('/proc/self/status')) return;
    const resident = (): number => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))?.[1]) / 1_024;
    await fetch(`${server.url}/readyz`);
    expect(resident()).toBeLessThan(120);
  });
});

describe('workers', () => {
  test('share one port, form one chat, are replaced when one dies, and leave together', async () => {
    await using database = await freshDatabase();
    await using redis = await ownRedis();
    await using server = await startServer({ DATABASE_URL: database.url, REDIS_URL: redis.url, DATA_DIR: home, WORKERS: '2' });
    const pids = (): number[] =>
      server
        .lines()
        .filter(({ event }) => event === 'listening')
        .map(({ pid }) => pid as number);
    await until('both listen', () => pids().length === 2, 20_000);
    expect(
      new Set(
        server
          .lines()
          .filter(({ event }) => event === 'listening')
          .map(({ url }) => url),
      ).size,
    ).toBe(1);
    expect(pids()).not.toContain(server.pid);
    const token = await register(server.url, 'ann');
    expect((await fetch(`${server.url}/api/v1/users/me`, { headers: { authorization: `Bearer ${token}` } })).status).toBe(200);
    // Sooner it would count as a worker that can't start.
    await Bun.sleep(2_000);
    process.kill(pids()[0]!, 'SIGKILL');
    await until('another one listens', () => pids().length === 3, 20_000);
    await until('it answers', () =>
      fetch(`${server.url}/readyz`).then(
        ({ ok }) => ok,
        () => false,
      ),
    );
    server.kill('SIGTERM');
    expect(await server.exited).toBe(0);
    for (const pid of pids()) expect(() => process.kill(pid, 0)).toThrow();
  });

  test('that can’t start are not started again and again', async () => {
    await using redis = await ownRedis();
    const said = await parlour({ DATABASE_URL: 'postgres://u:p@127.0.0.1:1/x', REDIS_URL: redis.url, DATA_DIR: home, WORKERS: '2', PORT: '0' }, ['serve']);
    expect(said.code).toBe(1);
    expect(said.stderr).not.toContain('    at ');
  });

  test('without Redis are refused with what would be right', async () => {
    const said = await parlour({ WORKERS: '2' }, ['serve']);
    expect(said.code).toBe(2);
    expect(said.stderr).toContain('WORKERS more than one worker needs REDIS_URL');
  });
});

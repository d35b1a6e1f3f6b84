import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parlour } from '../support/command.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';
import { startServer } from '../support/process.ts';
import { openDatabase } from '../../src/db/client.ts';
import { brokenRooms } from '../support/world.ts';

let home: string;
let fresh: FreshDatabase;
let env: Record<string, string>;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'parlour-cli-'));
  fresh = await freshDatabase();
  env = { DATABASE_URL: fresh.url, DATA_DIR: home };
});
afterAll(async () => {
  await fresh[Symbol.asyncDispose]();
  await rm(home, { recursive: true, force: true });
});

const ID = /^[0-9a-f-]{36}$/;

describe('usage', () => {
  test('help and version go to stdout', async () => {
    const help = await parlour({}, ['--help']);
    expect([help.code, help.stderr]).toEqual([0, '']);
    for (const command of [
      'serve',
      'migrate',
      'user create',
      'user password',
      'user role',
      'user disable',
      'user enable',
      'token',
      'seed',
      'import',
      'restored',
      'doctor',
    ])
      expect(help.stdout).toContain(command);
    expect(await parlour({}, ['--version'])).toMatchObject({
      code: 0,
      stdout: `${JSON.parse(await readFile(join(import.meta.dir, '../../package.json'), 'utf8')).version}\n`,
    });
  });

  test('that is wrong exits with 2 and one line why', async () => {
    for (const args of [
      ['dance'],
      [],
      ['user'],
      ['user', 'dance'],
      ['user', 'create'],
      ['user', 'create', 'a', 'b'],
      ['user', 'role', 'ann', 'king'],
      ['token', 'ann', '--seconds', 'x'],
      ['seed', '--rooms=-1'],
      ['migrate', '--now'],
      ['import'],
      ['import', '/no/such/file'],
    ]) {
      const said = await parlour(env, args);
      expect([args, said.code, said.stdout]).toEqual([args, 2, '']);
      expect(said.stderr).not.toBe('');
      expect(said.stderr).not.toContain('    at ');
    }
  });

  test('with a wrong environment exits with 2 and names every mistake', async () => {
    for (const command of ['serve', 'migrate', 'doctor']) {
      const said = await parlour({ PORT: 'x', METRICS: 'maybe', NODE_ENV: 'production' }, [command]);
      expect([said.code, said.stdout]).toEqual([2, '']);
      expect(said.stderr).toContain('PORT is "x"');
      expect(said.stderr).toContain('METRICS is "maybe"');
      expect(said.stderr).toContain('JWT_SECRET is required');
    }
  });

  test('without a database that answers exits with 1 and one line', async () => {
    const said = await parlour({ ...env, DATABASE_URL: 'postgres://u:p@127.0.0.1:1/x' }, ['token', 'ann']);
    expect([said.code, said.stdout, said.stderr.trim().split('\n').length]).toEqual([1, '', 1]);
    expect(said.stderr).not.toContain('u:p');
  });
});

describe('user', () => {
  test('create makes people and admins, with a password that is given or generated, once', async () => {
    const ann = await parlour(env, ['user', 'create', 'ann', '--admin', '--email', 'Ann@Example.org']);
    const generated = ann.results[0]!.password as string;
    expect(generated.length).toBeGreaterThan(15);
    expect(ann).toMatchObject({ code: 0, stderr: '', results: [{ id: expect.stringMatching(ID), username: 'ann', role: 'admin' }] });
    const bob = await parlour(env, ['user', 'create', 'bob', '--password-stdin'], 'a loud kitchen\n');
    expect(bob.results).toEqual([{ id: expect.stringMatching(ID), username: 'bob', role: 'user' }]);
    const again = await parlour(env, ['user', 'create', 'ANN']);
    expect([again.code, again.stdout, again.stderr.trim().split('\n').length]).toEqual([1, '', 1]);
    const weak = await parlour(env, ['user', 'create', 'carl', '--password-stdin'], '12345678');
    expect([weak.code, weak.stdout]).toEqual([1, '']);
    expect(weak.stderr).not.toContain('12345678');
    expect((await parlour(env, ['user', 'create', 'no spaces'])).code).toBe(1);
    await using server = await startServer(env);
    const login = (username: string, password: string): Promise<number> =>
      fetch(`${server.url}/api/v1/auth/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ login: username, password }),
      }).then(({ status }) => status);
    expect(await login('ann@example.org', generated)).toBe(200);
    expect(await login('bob', 'a loud kitchen')).toBe(200);
    expect(await login('bob', 'a loud kitchen\n')).toBe(401);

    // While the server runs: another password ends sessions and works at once.
    const another = (await parlour(env, ['user', 'password', 'bob'])).results[0]!.password as string;
    expect(await login('bob', 'a loud kitchen')).toBe(401);
    expect(await login('bob', another)).toBe(200);
    const disabled = await parlour(env, ['user', 'disable', 'BOB']);
    expect(disabled.results).toEqual([{ id: expect.stringMatching(ID), username: 'bob', role: 'user', disabledAt: expect.stringMatching(/Z$/) }]);
    expect(await login('bob', another)).toBe(403);
    expect((await parlour(env, ['token', 'bob'])).code).toBe(1);
    expect((await parlour(env, ['user', 'enable', 'bob'])).results[0]).toMatchObject({ disabledAt: null });
    expect((await parlour(env, ['user', 'role', 'bob', 'admin'])).results[0]).toMatchObject({ role: 'admin', disabledAt: null });
    expect((await parlour(env, ['user', 'role', 'nobody', 'admin'])).code).toBe(1);

    const token = await parlour(env, ['token', 'bob', '--seconds', '77']);
    const accessToken = token.results[0]!.accessToken as string;
    expect(token.results).toEqual([{ accessToken: expect.any(String), refreshToken: expect.any(String), tokenType: 'Bearer', expiresIn: 77 }]);
    const me = await fetch(`${server.url}/api/v1/users/me`, { headers: { authorization: `Bearer ${accessToken}` } });
    expect(await me.json()).toMatchObject({ username: 'bob', role: 'admin' });
  });
});

describe('seed', () => {
  test('fills an empty installation, and refuses another one', async () => {
    await using own = await freshDatabase();
    const here = { DATABASE_URL: own.url, DATA_DIR: home };
    const tokens = join(home, 'tokens.jsonl');
    expect(await parlour(here, ['seed', '--users', '7', '--rooms', '3', '--messages', '50', '--tokens', tokens])).toMatchObject({
      code: 0,
      stderr: '',
      results: [{ users: 7, rooms: 3, messages: 50 }],
    });
    const lines = (await readFile(tokens, 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ username }) => username)).toEqual(['user1', 'user2', 'user3', 'user4', 'user5', 'user6', 'user7']);
    expect((await stat(tokens)).mode & 0o777).toBe(0o600);
    await using database = openDatabase({ url: own.url, pool: 1, deadlineMs: 5_000 });
    expect((await database.sql`select count(*) as rooms, sum(member_count)::int as members, sum(message_count)::int as messages from rooms`)[0]).toEqual({
      rooms: 3,
      members: 21,
      messages: 50,
    });
    expect(await brokenRooms(database)).toEqual([]);
    await using server = await startServer(here);
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${lines[2].accessToken}` };
    expect((await fetch(`${server.url}/api/v1/users/me`, { headers })).status).toBe(200);
    expect((await fetch(`${server.url}/api/v1/auth/login`, { method: 'POST', headers, body: '{"login":"user7","password":"parlour-seed"}' })).status).toBe(200);
    expect(await parlour(here, ['seed'])).toMatchObject({ code: 1, stdout: '' });
    expect(await parlour(here, ['seed', '--users', '8', '--rooms', '1', '--messages', '0', '--force'])).toMatchObject({
      code: 0,
      results: [{ users: 8, rooms: 1, messages: 0 }],
    });
    expect(await parlour({ ...here, NODE_ENV: 'production', JWT_SECRET: 'abcdefghijklmnopqrstuvwxyz0123456789' }, ['seed'])).toMatchObject({
      code: 1,
      stdout: '',
    });
  });
});

describe('restored', () => {
  test('gives every room a new epoch', async () => {
    await using own = await freshDatabase();
    const here = { DATABASE_URL: own.url, DATA_DIR: home };
    await parlour(here, ['seed', '--users', '2', '--rooms', '4', '--messages', '4']);
    await using database = openDatabase({ url: own.url, pool: 1, deadlineMs: 5_000 });
    const epochs = async (): Promise<string[]> => (await database.sql<{ epoch: string }>`select epoch from rooms`).map(({ epoch }) => epoch);
    const before = await epochs();
    expect((await parlour(here, ['restored'])).results).toEqual([{ rooms: 4 }]);
    const after = await epochs();
    expect(new Set([...before, ...after]).size).toBe(8);
  });
});

describe('migrate', () => {
  test('says what it applied, and nothing the second time', async () => {
    await using own = await freshDatabase({ empty: true });
    const here = { DATABASE_URL: own.url, DATA_DIR: home };
    const [first] = (await parlour(here, ['migrate'])).results;
    expect((first!.applied as string[]).length).toBeGreaterThan(10);
    expect((first!.applied as string[])[1]).toBe('0001_tables');
    expect((await parlour(here, ['migrate'])).results).toEqual([{ applied: [] }]);
  });
});

describe('doctor', () => {
  test('finds a good installation good', async () => {
    const said = await parlour({ DATA_DIR: join(home, 'embedded') }, ['doctor']);
    const status = Object.fromEntries(said.results.map(({ check, status }) => [check, status]));
    expect(status).toMatchObject({
      configuration: 'ok',
      postgres: 'ok',
      characters: 'ok',
      extensions: 'warn',
      fsync: 'ok',
      synchronous_commit: 'ok',
      migrations: 'warn',
      redis: 'ok',
      secret: 'ok',
    });
    expect(said.code).toBe(0);
  });

  test('fails where acknowledged messages could be lost, and where nothing answers', async () => {
    // The tests' own server runs without fsync.
    const said = await parlour({ ...env, REDIS_URL: 'redis://127.0.0.1:1' }, ['doctor']);
    const finding = (check: string) => said.results.find((one) => one.check === check);
    expect(finding('fsync')).toMatchObject({ status: 'fail', detail: expect.stringContaining('power cut') });
    expect(finding('redis')).toMatchObject({ status: 'fail' });
    expect(finding('migrations')).toMatchObject({ status: 'ok' });
    expect(said.code).toBe(1);
    const away = await parlour({ ...env, DATABASE_URL: 'postgres://u:secret@127.0.0.1:1/x' }, ['doctor']);
    expect(away.results.find(({ check }) => check === 'postgres')).toMatchObject({ status: 'fail' });
    expect(away.stdout + away.stderr).not.toContain('secret@');
    expect(away.code).toBe(1);
  });

  test('sees a character type that knows ASCII letters only', async () => {
    await using own = await freshDatabase({ empty: true });
    const name = `c_${crypto.randomUUID().replaceAll('-', '')}`;
    const server = own.url.slice(0, own.url.lastIndexOf('/'));
    await using admin = openDatabase({ url: `${server}/postgres`, pool: 1, deadlineMs: 30_000 });
    await admin.sql.unsafe(`create database ${name} template template0 locale_provider libc locale 'C'`);
    try {
      const said = await parlour({ DATABASE_URL: `${server}/${name}`, DATA_DIR: home }, ['doctor']);
      expect(said.results.find(({ check }) => check === 'characters')).toMatchObject({ status: 'fail' });
      expect(said.code).toBe(1);
    } finally {
      await admin.sql.unsafe(`drop database ${name} with (force)`);
    }
  });
});

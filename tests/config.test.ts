import { describe, expect, test } from 'bun:test';
import { availableParallelism } from 'node:os';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError, readConfig } from '../src/config.ts';
import { keptSecret, loadSecret } from '../src/secret.ts';

const problemsOf = (env: Record<string, string>): readonly string[] => {
  try {
    readConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
};

describe('the environment', () => {
  test('unset, gives the defaults of operate.md', () => {
    const config = readConfig({});
    expect(config).toMatchObject({
      production: false,
      host: '127.0.0.1',
      port: 3000,
      databaseUrl: undefined,
      redisUrl: undefined,
      redisPrefix: 'parlour:',
      dataDir: '.data',
      databasePool: 2 * availableParallelism(),
      databaseDeadlineMs: 3000,
      migrate: true,
      workers: 1,
      accessTokenSeconds: 900,
      refreshTokenSeconds: 2592000,
      refreshGraceSeconds: 10,
      ticketSeconds: 30,
      registration: 'open',
      origins: [],
      hosts: [],
      trustProxy: 0,
      rateLimits: true,
      wsQueryToken: false,
      wsAuthSeconds: 10,
      wsHeartbeatSeconds: 25,
      wsIdleSeconds: 60,
      wsPerUser: 10,
      wsRooms: 500,
      wsMax: 15000,
      presenceGraceSeconds: 3,
      countsSeconds: 60,
      drainSeconds: 10,
      logLevel: 'info',
      metrics: true,
      metricsPort: undefined,
      docs: true,
      failpoint: undefined,
      warnings: [],
    });
    expect(config.rates).toEqual({
      auth: { requests: 60, seconds: 60 },
      open: { requests: 1200, seconds: 60 },
      send: { requests: 100, seconds: 10 },
      search: { requests: 120, seconds: 60 },
      read: { requests: 1200, seconds: 60 },
      write: { requests: 300, seconds: 60 },
    });
  });

  test('set to the empty string, is the same as unset', () => {
    expect(readConfig({ PORT: '', METRICS: '', ORIGINS: '', DATABASE_URL: '', FAILPOINT: '', METRICS_PORT: '' })).toEqual(readConfig({}));
  });

  test('gives a configuration that nobody can change', () => {
    const config = readConfig({ ORIGINS: 'https://a.example' });
    expect(() => Object.assign(config, { port: 1 })).toThrow();
    expect(() => (config.origins as string[]).push('*')).toThrow();
    expect(() => Object.assign(config.rates.send, { requests: 1e9 })).toThrow();
  });

  test('with several mistakes, names them all at once, each with what would be right', () => {
    const problems = problemsOf({
      PORT: '80x',
      METRICS: 'yes',
      LOG_LEVEL: 'loud',
      RATE_SEND: '5',
      DATABASE_URL: 'mysql://x',
      JWT_SECRET: 'short',
      ORIGINS: 'chat.example.org',
      WORKERS: '2',
    });
    expect(problems).toHaveLength(8);
    const text = problems.join('\n');
    expect(text).toContain('PORT is "80x", but must be a whole number from 0 to 65535');
    expect(text).toContain('METRICS is "yes", but must be true or false');
    expect(text).toContain('LOG_LEVEL is "loud", but must be debug or info or warn or error or silent');
    expect(text).toContain('RATE_SEND is "5", but must be requests/seconds such as 100/10');
    expect(text).toContain('DATABASE_URL is not a URL like postgres://');
    expect(text).toContain('JWT_SECRET has 5 bytes, but must have at least 32');
    expect(text).toContain('ORIGINS is "chat.example.org", but must be origins such as https://');
    expect(text).toContain('WORKERS more than one worker needs REDIS_URL');
  });

  test('never repeats secrets in what it complains about', () => {
    const text = problemsOf({ JWT_SECRET: 'hunter2', DATABASE_URL: 'mysql://ann:hunter2@x/y', REDIS_URL: 'http://:hunter2@x' }).join('\n');
    expect(text).toContain('JWT_SECRET');
    expect(text).not.toContain('hunter2');
  });

  test('of production requires a secret, refuses failpoints and warns of what is risky', () => {
    expect(problemsOf({ NODE_ENV: 'production', FAILPOINT: 'after-commit' })).toEqual([
      expect.stringContaining('JWT_SECRET is required in production'),
      expect.stringContaining('FAILPOINT is refused in production'),
    ]);
    const config = readConfig({
      NODE_ENV: 'production',
      JWT_SECRET: 'x'.repeat(32),
      ORIGINS: '*',
      RATE_LIMITS: 'false',
      WS_QUERY_TOKEN: 'true',
      DATABASE_URL: 'postgres://u:p@h/d',
    });
    expect(config.warnings).toHaveLength(3);
    expect(readConfig({ ORIGINS: '*' }).warnings).toEqual([]);
  });

  test('of a failpoint says after which commit', () => {
    expect(readConfig({ FAILPOINT: 'after-commit' }).failpoint).toEqual({ name: 'after-commit', n: 1 });
    expect(readConfig({ FAILPOINT: 'after-commit:7' }).failpoint).toEqual({ name: 'after-commit', n: 7 });
    expect(problemsOf({ FAILPOINT: 'after-commit:0' })).toHaveLength(1);
  });

  test('takes lists apart, and hosts without regard to case', () => {
    const config = readConfig({ ORIGINS: 'https://a.example, http://localhost:5173/', HOSTS: 'Chat.Example.org,localhost' });
    expect(config.origins).toEqual(['https://a.example', 'http://localhost:5173']);
    expect(config.hosts).toEqual(['chat.example.org', 'localhost']);
    expect(problemsOf({ HOSTS: 'https://chat.example.org' })).toHaveLength(1);
    expect(problemsOf({ ORIGINS: 'https://a.example/path' })).toHaveLength(1);
  });
});

test('docs/configuration.md names every variable that is read, and no other', async () => {
  const source = await readFile(join(import.meta.dir, '../src/config.ts'), 'utf8');
  const read = new Set([...source.matchAll(/read\.\w+\('([A-Z_]+)'/g)].map(([, name]) => name!));
  const table = (await readFile(join(import.meta.dir, '../docs/configuration.md'), 'utf8')).split('\n').filter((line) => line.startsWith('| `'));
  const documented = new Set(table.flatMap((line) => [...line.split('|')[1]!.matchAll(/`([A-Z_]+)`/g)].map(([, name]) => name!)));
  expect([...documented].sort()).toEqual([...read].sort());
});

describe('the secret of development', () => {
  test('is made once, kept with mode 600, and the same for all who ask at the same time', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'parlour-secret-'));
    try {
      const secrets = await Promise.all(Array.from({ length: 10 }, () => loadSecret({ jwtSecret: undefined, dataDir: join(dataDir, 'new') })));
      expect(new Set(secrets).size).toBe(1);
      expect(Buffer.byteLength(secrets[0]!)).toBeGreaterThanOrEqual(32);
      expect((await stat(join(dataDir, 'new/jwt-secret'))).mode & 0o777).toBe(0o600);
      expect(await readFile(join(dataDir, 'new/jwt-secret'), 'utf8')).toBe(secrets[0]!);
      expect(await keptSecret(join(dataDir, 'new'), 'another')).not.toBe(secrets[0]!);
    } finally {
      await rm(dataDir, { recursive: true });
    }
  });

  test('gives way to the configured one', async () => {
    expect(await loadSecret({ jwtSecret: 'y'.repeat(32), dataDir: '/nowhere' })).toBe('y'.repeat(32));
  });
});

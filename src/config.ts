/**
 * The environment as one validated, frozen Config; the only file that reads `process.env`. All problems are reported at
 * once, each with what would be right. Reading has no side effect: the development secret is made in secret.ts.
 */
import { availableParallelism } from 'node:os';

export type Rate = { readonly requests: number; readonly seconds: number };
export type RateName = 'auth' | 'open' | 'send' | 'search' | 'read' | 'write';
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** operate.md's table. Unset optional values are undefined; durations carry their unit. */
export type Config = {
  readonly production: boolean;
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly databaseUrl: string | undefined;
  readonly redisUrl: string | undefined;
  readonly redisPrefix: string;
  readonly dataDir: string;
  readonly databasePool: number;
  readonly databaseDeadlineMs: number;
  readonly migrate: boolean;
  readonly workers: number;
  /** Undefined outside production: secret.ts then keeps one in the data directory. */
  readonly jwtSecret: string | undefined;
  readonly jwtSecretPrevious: string | undefined;
  readonly accessTokenSeconds: number;
  readonly refreshTokenSeconds: number;
  readonly refreshGraceSeconds: number;
  readonly ticketSeconds: number;
  readonly registration: 'open' | 'closed';
  /** Origins as a browser sends them, or `*`. */
  readonly origins: readonly string[];
  /** Lower-case host names without a port; empty: all. */
  readonly hosts: readonly string[];
  readonly trustProxy: number;
  readonly rateLimits: boolean;
  readonly rates: Readonly<Record<RateName, Rate>>;
  readonly wsQueryToken: boolean;
  readonly wsAuthSeconds: number;
  readonly wsHeartbeatSeconds: number;
  readonly wsIdleSeconds: number;
  readonly wsPerUser: number;
  readonly wsRooms: number;
  readonly wsMax: number;
  readonly presenceGraceSeconds: number;
  readonly countsSeconds: number;
  readonly drainSeconds: number;
  readonly logLevel: LogLevel;
  readonly metrics: boolean;
  readonly metricsPort: number | undefined;
  readonly docs: boolean;
  /** Kill this process right after the n-th commit of a batch of sends. Never set in production. */
  readonly failpoint: { readonly name: 'after-commit'; readonly n: number } | undefined;
  /** What is allowed but risky in production; logged at start and by `doctor`. */
  readonly warnings: readonly string[];
};

export type Environment = Readonly<Record<string, string | undefined>>;

/** The configuration can't be used: one line a problem, in the order of operate.md's table. The command line exits with 2. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

export const SECRET_BYTES = 32;

/** The validated configuration, deeply frozen; throws ConfigError with every problem. Empty is the same as unset. */
export function readConfig(env: Environment = process.env): Config {
  const read = reader(env);
  const production = read.choice('NODE_ENV', ['development', 'production', 'test'], 'development') === 'production';
  const redisUrl = read.url('REDIS_URL', ['redis:', 'rediss:'], 'redis://host:6379');
  const workers = read.integer('WORKERS', 1, 1, 256);
  if (workers > 1 && redisUrl === undefined && !read.failed('REDIS_URL'))
    read.problem('WORKERS', 'more than one worker needs REDIS_URL, because they reach each other through Redis');
  const jwtSecret = read.secret('JWT_SECRET');
  if (production && jwtSecret === undefined && !read.failed('JWT_SECRET')) {
    read.problem('JWT_SECRET', `is required in production: at least ${SECRET_BYTES} bytes, for example the output of \`openssl rand -hex 32\``);
  }
  const failpoint = read.failpoint('FAILPOINT');
  if (production && failpoint) read.problem('FAILPOINT', 'is refused in production; leave it unset');
  const wsHeartbeatSeconds = read.integer('WS_HEARTBEAT_SECONDS', 25, 1, 3_600);
  const wsIdleSeconds = read.integer('WS_IDLE_SECONDS', 60, 1, 86_400);

  const config: Omit<Config, 'warnings'> = {
    production,
    host: read.text('HOST', '127.0.0.1'),
    port: read.integer('PORT', 3_000, 0, 65_535),
    databaseUrl: read.url('DATABASE_URL', ['postgres:', 'postgresql:'], 'postgres://user:password@host:5432/database'),
    redisUrl,
    redisPrefix: read.text('REDIS_PREFIX', 'parlour:'),
    dataDir: read.text('DATA_DIR', '.data'),
    databasePool: read.integer('DATABASE_POOL', 2 * availableParallelism(), 1, 1_000),
    databaseDeadlineMs: read.integer('DATABASE_DEADLINE_MS', 3_000, 100, 600_000),
    migrate: read.flag('MIGRATE', true),
    workers,
    jwtSecret,
    jwtSecretPrevious: read.secret('JWT_SECRET_PREVIOUS'),
    accessTokenSeconds: read.integer('ACCESS_TOKEN_SECONDS', 900, 1, 86_400),
    refreshTokenSeconds: read.integer('REFRESH_TOKEN_SECONDS', 2_592_000, 1, 315_360_000),
    refreshGraceSeconds: read.integer('REFRESH_GRACE_SECONDS', 10, 0, 300),
    ticketSeconds: read.integer('TICKET_SECONDS', 30, 1, 3_600),
    registration: read.choice('REGISTRATION', ['open', 'closed'], 'open'),
    origins: read.list('ORIGINS', origin, 'origins such as https://chat.example.org, separated by commas, or *'),
    hosts: read.list('HOSTS', hostName, 'host names such as chat.example.org, separated by commas, without scheme and port'),
    trustProxy: read.integer('TRUST_PROXY', 0, 0, 32),
    rateLimits: read.flag('RATE_LIMITS', true),
    rates: {
      auth: read.rate('RATE_AUTH', '60/60'),
      open: read.rate('RATE_OPEN', '1200/60'),
      send: read.rate('RATE_SEND', '100/10'),
      search: read.rate('RATE_SEARCH', '120/60'),
      read: read.rate('RATE_READ', '1200/60'),
      write: read.rate('RATE_WRITE', '300/60'),
    },
    wsQueryToken: read.flag('WS_QUERY_TOKEN', false),
    wsAuthSeconds: read.integer('WS_AUTH_SECONDS', 10, 1, 3_600),
    wsHeartbeatSeconds,
    wsIdleSeconds,
    wsPerUser: read.integer('WS_PER_USER', 10, 1, 100_000),
    wsRooms: read.integer('WS_ROOMS', 500, 1, 100_000),
    wsMax: read.integer('WS_MAX', 15_000, 1, 10_000_000),
    presenceGraceSeconds: read.integer('PRESENCE_GRACE_SECONDS', 3, 0, 3_600),
    countsSeconds: read.integer('COUNTS_SECONDS', 60, 1, 86_400),
    drainSeconds: read.integer('DRAIN_SECONDS', 10, 0, 3_600),
    logLevel: read.choice('LOG_LEVEL', ['debug', 'info', 'warn', 'error', 'silent'], 'info'),
    metrics: read.flag('METRICS', true),
    metricsPort: env.METRICS_PORT ? read.integer('METRICS_PORT', 0, 0, 65_535) : undefined,
    docs: read.flag('DOCS', true),
    failpoint,
  };
  if (config.port !== 0 && config.metricsPort === config.port) read.problem('METRICS_PORT', 'must differ from PORT');
  read.finish();
  return deepFreeze({ ...config, warnings: production ? risks(config) : [] });
}

/** The environment of one worker process: as here, but it is one node, on the port that all share. */
export const workerEnvironment = (port: number): Record<string, string | undefined> => ({ ...process.env, WORKERS: '1', PORT: String(port) });

function risks(config: Omit<Config, 'warnings'>): string[] {
  const found: string[] = [];
  if (config.origins.includes('*')) found.push('ORIGINS=* lets every website open sockets and call the API in its visitors’ browsers');
  if (config.wsQueryToken) found.push('WS_QUERY_TOKEN=true puts access tokens into URLs, and so into the logs of proxies');
  if (!config.rateLimits) found.push('RATE_LIMITS=false also switches the sign-in throttle off: passwords can be guessed without a limit');
  if (config.databaseUrl === undefined) found.push('DATABASE_URL is unset: the embedded Postgres serves one machine and has no standby');
  return found;
}

function origin(value: string): string | undefined {
  if (value === '*') return value;
  if (!URL.canParse(value)) return undefined;
  const url = new URL(value);
  return (url.protocol === 'http:' || url.protocol === 'https:') && (value === url.origin || value === `${url.origin}/`) ? url.origin : undefined;
}

const hostName = (value: string): string | undefined => (/^(?:[a-z0-9_.-]+|\[[0-9a-f:.]+\])$/i.test(value) ? value.toLowerCase() : undefined);

/** Typed access to one environment that collects problems and goes on with the default, so that all are seen at once. */
function reader(env: Environment) {
  const problems: string[] = [];
  const broken = new Set<string>();
  const problem = (name: string, message: string): void => {
    broken.add(name);
    problems.push(`${name} ${message}`);
  };
  const wrong = (name: string, right: string): void => problem(name, `is ${JSON.stringify(env[name])}, but must be ${right}`);
  const text = (name: string, otherwise: string): string => env[name] || otherwise;

  return {
    problem,
    text,
    failed: (name: string): boolean => broken.has(name),
    finish(): void {
      if (problems.length > 0) throw new ConfigError(problems);
    },
    integer(name: string, otherwise: number, from: number, to: number): number {
      const value = env[name];
      if (!value) return otherwise;
      if (/^\d{1,12}$/.test(value) && Number(value) >= from && Number(value) <= to) return Number(value);
      wrong(name, `a whole number from ${from} to ${to}`);
      return otherwise;
    },
    flag(name: string, otherwise: boolean): boolean {
      const value = env[name];
      if (!value) return otherwise;
      if (value === 'true' || value === 'false') return value === 'true';
      wrong(name, 'true or false');
      return otherwise;
    },
    choice<const T extends string>(name: string, choices: readonly T[], otherwise: NoInfer<T>): T {
      const value = env[name];
      if (!value) return otherwise;
      const found = choices.find((choice) => choice === value);
      if (found === undefined) wrong(name, choices.join(' or '));
      return found ?? otherwise;
    },
    /** Never repeats the value: URLs carry passwords. */
    url(name: string, protocols: readonly string[], example: string): string | undefined {
      const value = env[name];
      if (!value) return undefined;
      if (URL.canParse(value) && protocols.includes(new URL(value).protocol)) return value;
      problem(name, `is not a URL like ${example}`);
      return undefined;
    },
    /** Never repeats the value. */
    secret(name: string): string | undefined {
      const value = env[name];
      if (!value) return undefined;
      if (Buffer.byteLength(value) >= SECRET_BYTES) return value;
      problem(name, `has ${Buffer.byteLength(value)} bytes, but must have at least ${SECRET_BYTES}, for example the output of \`openssl rand -hex 32\``);
      return undefined;
    },
    rate(name: string, otherwise: string): Rate {
      const parse = (value: string): Rate | undefined => {
        const match = /^(\d{1,9})\/(\d{1,6})$/.exec(value);
        const rate = { requests: Number(match?.[1]), seconds: Number(match?.[2]) };
        return rate.requests >= 1 && rate.seconds >= 1 ? rate : undefined;
      };
      const rate = parse(text(name, otherwise));
      if (!rate) wrong(name, `requests/seconds such as ${otherwise}`);
      return rate ?? (parse(otherwise) as Rate);
    },
    list(name: string, parse: (value: string) => string | undefined, right: string): string[] {
      const items = text(name, '')
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== '');
      const parsed = items.map(parse);
      if (parsed.includes(undefined)) wrong(name, right);
      return parsed.filter((item) => item !== undefined);
    },
    failpoint(name: string): Config['failpoint'] {
      const value = env[name];
      if (!value) return undefined;
      const match = /^after-commit(?::([1-9]\d{0,8}))?$/.exec(value);
      if (match) return { name: 'after-commit', n: Number(match[1] ?? 1) };
      wrong(name, 'after-commit or after-commit:n');
      return undefined;
    },
  };
}

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) if (typeof inner === 'object' && inner !== null) deepFreeze(inner);
  return Object.freeze(value);
}

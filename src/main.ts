/**
 * The process of one node: open, listen, wait for a signal, drain, close. What is served is app.ts's business, and of what
 * services.ts's; several such processes on one machine are workers.ts's.
 */
import { version } from '../package.json';
import { createApp } from './app.ts';
import type { Config } from './config.ts';
import { durabilityDangers } from './db/durability.ts';
import { exposition } from './http/health.ts';
import { createLog, type Log } from './lib/log.ts';
import { BODY_CUT_BYTES } from './limits.ts';
import { openServices, type Services } from './services.ts';

export type ServeOptions = {
  /** One of several processes that share the port. */
  worker?: boolean;
};

/** Slow headers, slow bodies and idle keep-alive connections end after this. */
const IDLE_SECONDS = 30;

/** Runs a node until SIGTERM or SIGINT; returns the exit code: 0 after a drain, 1 when it could not start. A second signal ends the process with 1 at once. */
export async function serve(config: Config, { worker = false }: ServeOptions = {}): Promise<number> {
  const terminal = process.stdout.isTTY === true;
  const log = createLog({ level: config.logLevel, readable: terminal });
  stayUp(log);
  const leaving = nextSignal(log);
  for (const warning of config.warnings) log.warn({ event: 'risky' }, warning);

  const services = await openServices(config, log);
  for (const danger of await durabilityDangers(services.db)) log.warn({ event: 'risky' }, danger);
  let stop: (drained: Promise<void>) => Promise<void>;
  try {
    stop = listen(services, config, log, worker, terminal);
  } catch (error) {
    await services[Symbol.asyncDispose]();
    if ((error as { code?: string }).code !== 'EADDRINUSE') throw error;
    console.error(`Port ${config.port} of ${config.host} is taken: another server, perhaps another Parlour, listens there. End it, or choose another PORT.`);
    return 1;
  }

  const signal = await leaving;
  log.info({ event: 'draining', signal, seconds: config.drainSeconds }, 'leaving: telling the sockets, finishing what was begun');
  const limit = Bun.sleep(config.drainSeconds * 1_000);
  await stop(Promise.race([services.gateway.drain(), limit]));
  await services[Symbol.asyncDispose]();
  log.info({ event: 'stopped' }, 'stopped');
  await new Promise<void>((done) => log.flush(() => done()));
  return 0;
}

/** Listens, and returns how to stop: once drained, accepts nothing more, lets answers in flight go out, and cuts the rest after a second. */
function listen(services: Services, config: Config, log: Log, worker: boolean, terminal: boolean): (drained: Promise<void>) => Promise<void> {
  const app = createApp(services);
  app.listen({
    hostname: config.host,
    port: config.port,
    // Bun's default would let a second server start on the same port and take half of the requests.
    reusePort: worker,
    idleTimeout: IDLE_SECONDS,
    maxRequestBodySize: BODY_CUT_BYTES,
    development: false,
    websocket: services.gateway.handlers,
  } as Parameters<typeof app.listen>[0]);
  const server = app.server!;
  const metrics =
    config.metrics && config.metricsPort !== undefined
      ? Bun.serve({
          hostname: config.host,
          port: config.metricsPort,
          reusePort: worker,
          development: false,
          fetch: (request) => (new URL(request.url).pathname === '/metrics' ? exposition(request, services) : new Response(null, { status: 404 })),
        })
      : undefined;

  const url = `http://${config.host.includes(':') ? `[${config.host}]` : config.host}:${server.port}`;
  // Whoever started this process waits for this line: it is said at every level but `silent`.
  const always = config.logLevel === 'silent' ? log : log.child({}, { level: 'info' });
  always.info(
    { event: 'listening', url, ...(metrics ? { metricsUrl: `http://${config.host}:${metrics.port}/metrics` } : {}), pid: process.pid, version },
    'listening',
  );
  if (terminal) process.stdout.write(banner(url, config));

  return async (drained) => {
    await drained;
    const answered = server.stop();
    await Promise.race([answered, Bun.sleep(1_000)]);
    await server.stop(true);
    await metrics?.stop(true);
  };
}

function banner(url: string, config: Config): string {
  const lines = [`Parlour ${version}  ${url}`];
  if (config.docs) lines.push(`Reference        ${url}/docs`);
  lines.push(`Messages are in  ${config.databaseUrl === undefined ? `${config.dataDir}/postgres (a Postgres of its own)` : 'the Postgres of DATABASE_URL'}`);
  lines.push(`Other nodes by   ${config.redisUrl === undefined ? 'none (set REDIS_URL for more than one process)' : 'the Redis of REDIS_URL'}`);
  return `\n${lines.map((line) => `  ${line}`).join('\n')}\n\n`;
}

/** `npx`, `bun run` and a shell each hand on what the terminal has sent to all of them: within this time it is one signal. */
const ECHO_MS = 100;

/** The first signal is the answer; the second ends the process. */
function nextSignal(log: Log): Promise<NodeJS.Signals> {
  return new Promise((done) => {
    let since: number | undefined;
    const hear = (signal: NodeJS.Signals): void => {
      if (since === undefined) {
        since = performance.now();
        done(signal);
      } else if (performance.now() - since > ECHO_MS) {
        log.flush();
        process.exit(1);
      }
    };
    process.on('SIGTERM', hear);
    process.on('SIGINT', hear);
  });
}

/** A bug in one request must not take everybody's connection down: it is logged whole, and the server stays up. */
function stayUp(log: Log): void {
  process.on('uncaughtException', (error) => log.error({ event: 'uncaught', err: error }, 'an error that nobody caught'));
  process.on('unhandledRejection', (error) => log.error({ event: 'uncaught', err: error }, 'a rejection that nobody handled'));
}

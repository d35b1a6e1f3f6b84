/**
 * Several nodes on one machine that share the port: starts them, restarts one that dies, and hands signals on. It serves
 * nothing itself; the workers reach each other through Redis like nodes on different machines.
 */
import { fileURLToPath } from 'node:url';
import { type Config, workerEnvironment } from './config.ts';
import { freePort } from './db/cluster.ts';

type Worker = { process: Bun.Subprocess<'ignore', 'pipe', 'inherit'>; startedAt: number };

const CLI = fileURLToPath(new URL('./cli.ts', import.meta.url));
const RESTART_MS = 500;
/** A worker that dies sooner than this has not started: that is a mistake to be seen, not to be repeated. */
const STARTED_MS = 2_000;

/** Runs `config.workers` nodes until a signal or until one can't start; returns the exit code (serve's, or the worst of the workers'; that of the one that could not start). */
export async function superviseWorkers(config: Config): Promise<number> {
  const port = config.port === 0 ? await freePort() : config.port;
  const workers = new Map<number, Worker>();
  let leaving = false;
  let failed = false;
  let worst = 0;

  const begin = (slot: number): Promise<void> => {
    const child = Bun.spawn([process.execPath, CLI, 'serve', '--worker'], { env: workerEnvironment(port), stdin: 'ignore', stdout: 'pipe', stderr: 'inherit' });
    workers.set(slot, { process: child, startedAt: performance.now() });
    return Promise.all([child.exited, relayLines(child.stdout)]).then(([code]) => ended(slot, code));
  };

  const ended = async (slot: number, code: number): Promise<void> => {
    const { startedAt } = workers.get(slot)!;
    workers.delete(slot);
    if (leaving) {
      // A failed start has its reason already; the others are only sent away.
      worst = failed ? worst : Math.max(worst, code);
      return;
    }
    if (performance.now() - startedAt < STARTED_MS) {
      failed = true;
      worst = code || 1;
      leave('SIGTERM');
      return;
    }
    console.error(`A worker ended with ${code}; starting another.`);
    await Bun.sleep(RESTART_MS);
    if (!leaving) await begin(slot);
  };

  const leave = (signal: NodeJS.Signals): void => {
    if (leaving) {
      for (const { process: child } of workers.values()) child.kill('SIGKILL');
      process.exit(1);
    }
    leaving = true;
    for (const { process: child } of workers.values()) child.kill(signal);
  };
  process.on('SIGTERM', leave);
  process.on('SIGINT', leave);

  await Promise.all(Array.from({ length: config.workers }, (_, slot) => begin(slot)));
  return worst;
}

/** Whole lines only: two workers that write long chunks to one pipe would cut each other's lines in two. */
async function relayLines(stream: ReadableStream<Uint8Array>): Promise<void> {
  let rest = Buffer.alloc(0);
  for await (const chunk of stream) {
    const bytes = Buffer.concat([rest, chunk]);
    const end = bytes.lastIndexOf(10) + 1;
    if (end > 0) process.stdout.write(bytes.subarray(0, end));
    rest = Buffer.from(bytes.subarray(end));
  }
  if (rest.length > 0) process.stdout.write(rest);
}

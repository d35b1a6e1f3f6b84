/**
 * R11: two worker processes beside one, both over Redis, on a fan-out that the processor limits. With driver, Postgres and Redis on
 * the same two cores, deliveries per second say how the cores are shared, not what workers bring: so what is compared is how many
 * deliveries the workers make before the busiest of them has used a second of its core. Needs redis-server on PATH.
 */
import { readFileSync } from 'node:fs';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../src/db/cluster.ts';
import { drive } from '../client/driver.ts';
import type { Open } from '../parlour.ts';
import type { Comparison, Sample } from './pairs.ts';
import type { Stage } from './stage.ts';

/** So many that fan-out is what costs: with 1,000 a tenth of the time was the durable send itself. */
const SUBSCRIBERS = 2_000;
const START_MS = 20_000;

export type Redis = { url: string; stop: () => Promise<void> };

/** Throws the one line that says how to get it. */
export async function startRedis(): Promise<Redis> {
  const program = Bun.which('redis-server') ?? Bun.which('valkey-server');
  if (!program) throw new Error('redis-server is missing (Debian: `apt-get install redis-server`).');
  const dir = mkdtempSync(join(tmpdir(), 'parlour-redis-'));
  const port = await freePort();
  const child = Bun.spawn([program, '--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', dir], {
    stdout: 'ignore',
    stderr: 'ignore',
  });
  const leave = (): void => child.kill('SIGKILL');
  process.on('exit', leave);
  const until = Date.now() + 10_000;
  while (!(await reachable(port))) {
    if (Date.now() > until) throw new Error('redis-server did not start');
    await Bun.sleep(20);
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    async stop() {
      child.kill('SIGTERM');
      await child.exited;
      process.off('exit', leave);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

const reachable = (port: number): Promise<boolean> =>
  new Promise((done) => {
    const socket = connect({ host: '127.0.0.1', port }, () => {
      socket.destroy();
      done(true);
    });
    socket.on('error', () => done(false));
  });

/** The processes that a process has started. */
function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(/\s+/).filter(Boolean).map(Number);
}

/** The kernel divides connections between the processes that listen by then: a late one would get none of the first. */
async function listening(port: number, processes: number): Promise<void> {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')} `;
  const until = Date.now() + START_MS;
  const isListener = (line: string): boolean => line.includes(local) && / 0A /.test(line);
  while (readFileSync('/proc/net/tcp', 'utf8').split('\n').filter(isListener).length < processes) {
    if (Date.now() > until) throw new Error(`not all of ${processes} workers listen`);
    await Bun.sleep(50);
  }
}

/**
 * With one in flight every delivery is a write of its own on both sides. With eight, what one process publishes in one tick goes out in
 * one write to each socket, while two workers hear of it at different moments: they write more often.
 */
export const r11 =
  (inFlight: number) =>
  async (stage: Stage): Promise<Comparison> => {
    const redis = await startRedis();
    const { house, ms, tokens } = stage;
    const roomId = house.rooms[0]!;
    const run = async (workers: number): Promise<Sample> => {
      const server: Open = await house.open({ env: { WORKERS: String(workers), REDIS_URL: redis.url, REDIS_PREFIX: `w${workers}:` } });
      try {
        const pids = workers > 1 ? childrenOf(server.pid) : [server.pid];
        if (pids.length !== workers) throw new Error(`${workers} workers were asked for, ${pids.length} were found`);
        await listening(server.port, workers);
        const { busiestMicros, loss } = await drive(
          {
            job: 'fanout',
            where: { host: server.host, port: server.port },
            path: '/ws',
            tokens,
            subscribers: SUBSCRIBERS,
            hello: JSON.stringify({ type: 'subscribe', id: 1, rooms: [{ roomId }] }),
            ready: '"synced"',
            control: { host: server.host, port: server.port, path: '/ws', token: tokens[0] },
            publish: JSON.stringify({
              type: 'message.send',
              roomId,
              content: 'Has anybody seen the photographs?',
              clientMessageId: `${crypto.randomUUID().slice(0, 8)}-$`,
            }),
            inFlight,
            ms,
          },
          { share: 'all', pids },
        );
        return { value: 1e6 / busiestMicros, loss };
      } finally {
        await server.stop();
      }
    };
    process.once('beforeExit', () => void redis.stop());
    return {
      id: 'R11',
      title: 'two workers / one, CPU-bound fan-out',
      unit: 'deliveries per second of the busiest one’s core',
      aim: 1.6,
      better: 'more',
      note: `${inFlight} in flight, durable sends to ${SUBSCRIBERS} subscribers; by processor time, since driver, Postgres and Redis are on the same cores: what they do at full load if each has a core`,
      ours: () => run(2),
      limit: () => run(1),
    };
  };

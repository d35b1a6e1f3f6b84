/** A private redis-server for whoever wants one, without persistence, that can be stopped, started, frozen and killed. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../src/db/cluster.ts';
import { given } from './postgres.ts';

export type OwnRedis = {
  url: string;
  port: number;
  /** On the same port, empty; returns when it answers. */
  start: () => Promise<void>;
  stop: () => Promise<void>;
  kill: () => Promise<void>;
  freeze: () => void;
  thaw: () => void;
  [Symbol.asyncDispose]: () => Promise<void>;
};

/** Running when this returns. */
export async function ownRedis(): Promise<OwnRedis> {
  const folder = mkdtempSync(join(tmpdir(), 'parlour-redis-'));
  const port = await freePort();
  let server: ChildProcess | undefined;

  const begin = async (): Promise<void> => {
    const child = spawn(
      given('TEST_REDIS_SERVER'),
      ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder, '--loglevel', 'warning'],
      { stdio: 'ignore' },
    );
    server = child;
    const until = Date.now() + 10_000;
    while (!(await answers(port))) {
      if (child.exitCode !== null || Date.now() > until) throw new Error(`redis-server did not start on port ${port}`);
      await Bun.sleep(10);
    }
  };
  const end = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    const child = server;
    server = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((done) => child.once('exit', done));
    child.kill('SIGCONT');
    child.kill(signal);
    await gone;
  };
  await begin();
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    start: begin,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    freeze: () => void server?.kill('SIGSTOP'),
    thaw: () => void server?.kill('SIGCONT'),
    async [Symbol.asyncDispose]() {
      await end('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function answers(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect({ host: '127.0.0.1', port });
    const finish = (yes: boolean): void => {
      socket.destroy();
      done(yes);
    };
    socket.once('error', () => finish(false));
    socket.once('connect', () => socket.write('PING\r\n'));
    socket.once('data', (data) => finish(data.toString().startsWith('+PONG')));
    socket.setTimeout(500, () => finish(false));
  });
}

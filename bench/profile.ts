/** `bun run bench profile send`: load for some seconds while the server records a CPU profile, which it writes when it ends. Opens in Chrome's developer tools. */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { texts } from './cast.ts';
import { drive, type Driven } from './client/driver.ts';
import { request } from './client/http.ts';
import type { Job } from './client/jobs.ts';
import { moveDatabase, openHouse, type Open } from './parlour.ts';
import { RESULTS } from './results.ts';
import { figure } from './statistics.ts';
import { table } from './table.ts';

const CONNECTIONS = 16;
const SHOWN = 25;

type Profile = {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[];
  samples: number[];
};

/** `send` (REST), `socket` (pipelined sends), `ping`, `about`, `stats`, `history`. Prints where the time went. */
export async function profile(script: string, { duration = '5s' }: { duration?: string }): Promise<boolean> {
  const ms = Number.parseFloat(duration) * 1_000;
  mkdirSync(RESULTS, { recursive: true });
  await using house = await openHouse({ users: 32, rooms: 100, messages: 10_000 });
  const name = `profile-${script}`;
  let done: Driven;
  {
    await using server: Open = await house.open({
      share: 'server',
      bunArgs: ['--cpu-prof', `--cpu-prof-dir=${RESULTS}`, `--cpu-prof-name=${name}.cpuprofile`],
    });
    await moveDatabase(house, 'driver');
    const where = { host: server.host, port: server.port };
    const tokens = house.people.map(({ accessToken }) => accessToken);
    const get = (path: string): Job => ({ job: 'get', where, connections: CONNECTIONS, ms, requests: [request('GET', path, { token: tokens[0] })] });
    const sends = { job: 'sends' as const, where, connections: CONNECTIONS, ms, runName: 'profile', tokens, rooms: house.rooms, texts: await texts() };
    const jobs: Record<string, Job> = {
      send: sends,
      socket: { ...sends, inFlight: 64 },
      ping: { job: 'echo', where, path: '/ws', tokens, sockets: 64, inFlight: 1, ms, text: '{"type":"ping","id":$}' },
      about: get('/api/v1'),
      stats: get('/api/v1/stats'),
      history: get(`/api/v1/rooms/${house.rooms[0]}/messages`),
    };
    const job = jobs[script];
    if (!job) throw new Error(`There are profiles of ${Object.keys(jobs).join(', ')}.`);
    done = await drive(job, { pid: server.pid });
  }
  if (done.loss) console.log(done.loss);
  console.log(`${figure(done.rate)}/s, the server ${figure(done.busy * 100)} % busy, ${figure(done.cpuMicros)} µs of processor time each\n`);
  const file = readdirSync(RESULTS).find((one) => one.startsWith(name) && one.endsWith('.cpuprofile'));
  if (!file) throw new Error('the server left no profile');
  console.log(hottest(JSON.parse(readFileSync(join(RESULTS, file), 'utf8')) as Profile));
  console.log(`\n${join('bench/results', file)}`);
  return done.loss === undefined;
}

/** Functions by their own samples. */
function hottest({ nodes, samples }: Profile): string {
  const byId = new Map(nodes.map((node) => [node.id, node.callFrame]));
  const counts = new Map<string, number>();
  let idle = 0;
  for (const id of samples) {
    const { functionName, url, lineNumber } = byId.get(id)!;
    if (functionName === '(idle)' || functionName === '(root)' || functionName === '(program)') {
      idle++;
      continue;
    }
    const place = url.replace(/^.*\/(node_modules|src)\//, '$1/');
    const key = `${functionName || '(anonymous)'} ${place}${place ? `:${lineNumber + 1}` : ''}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const all = Math.max(1, samples.length - idle);
  const rows = [...counts].sort(([, a], [, b]) => b - a).slice(0, SHOWN);
  return table(
    ['function', 'share'],
    rows.map(([key, count]) => [key, `${figure((100 * count) / all)} %`]),
  );
}

/**
 * `bun run bench live`: everything that is promised of the live side, side by side in one run with a lean driver: pipelined sends,
 * sends beside pgbench, delivery on one node and on two, the storm of resumes, fan-out beside bare publish, memory of idle sockets.
 * Whatever lost, doubled or swapped a message prints that in place of its figure.
 */
import { drive } from './client/driver.ts';
import type { Outcome } from './client/jobs.ts';
import { loss, moveDatabase } from './parlour.ts';
import { type Comparison, compare, type Ratio } from './ratio/pairs.ts';
import { r4, r9 } from './ratio/sockets.ts';
import { openStage, type Stage } from './ratio/stage.ts';
import { r5 } from './ratio/storage.ts';
import { startRedis } from './ratio/workers.ts';
import { keep } from './results.ts';
import { settingOf } from './setting.ts';
import { figure, median } from './statistics.ts';
import { table } from './table.ts';

const SEND_MS = 4_000;
const SEND_RUNS = 3;
const PIPELINED = 64;
const PAIRS = 5;
const PAIR_MS = 2_000;
/** Talk at this rate in so many rooms, each with one who speaks and one who listens. */
const TALK_RATE = 200;
const TALK_ROOMS = 20;
const TALK_MS = 12_000;
const STORM = { sockets: 2_000, missed: 50, rooms: 20 };
const STORM_RUNS = 3;
const FANOUT = 1_000;
const IN_FLIGHT = 8;
const IDLE = 10_000;

type Row = {
  what: string;
  figure: string;
  beside: string;
  aim: string;
  met: boolean;
  loss?: string | undefined;
  /** The numbers behind the row. */
  raw: unknown;
};

type Part = { name: string; measure: () => Promise<Row[]> };

const lostRow = (what: string, aim: string, lost: string, raw: unknown): Row => ({ what, figure: lost, beside: '', aim, met: false, loss: lost, raw });

/** Acknowledged sends of one socket that keeps 64 on their way. */
async function pipelined(stage: Stage): Promise<Row[]> {
  const what = `one socket, ${PIPELINED} sends in flight`;
  const aim = '≥ 5,000/s';
  await moveDatabase(stage.house, 'all');
  await using server = await stage.house.open({});
  const runs: Outcome[] = [];
  for (let at = 0; at < SEND_RUNS; at++) {
    const runName = `pipe${at}`;
    const { tokens, texts, house } = stage;
    const where = { host: server.host, port: server.port };
    const outcome = await drive(
      { job: 'sends', where, connections: 1, inFlight: PIPELINED, ms: SEND_MS, runName, tokens, rooms: house.rooms, texts },
      { pid: server.pid, share: 'all' },
    );
    const lost = outcome.loss ?? (await loss(house.sql, runName, outcome.done));
    if (lost) return [lostRow(what, aim, lost, outcome)];
    runs.push(outcome);
  }
  const rate = median(runs.map((run) => run.rate));
  const p99 = median(runs.map((run) => run.p99));
  return [{ what, figure: `${figure(rate)} acknowledged/s`, beside: `p99 ${figure(p99)} ms`, aim, met: rate >= 5_000, raw: runs }];
}

/** A comparison of bench/ratio as a row. */
async function ratioRow(comparison: Comparison, what: string, pairs: number): Promise<Row[]> {
  const ratio: Ratio = await compare(comparison, pairs);
  const aim = `${ratio.better === 'more' ? '≥' : '≤'} ${ratio.aim} ×`;
  if (ratio.loss) return [lostRow(what, aim, ratio.loss, ratio)];
  const byCpu = ratio.ratioByCpu === undefined ? '' : `, by CPU ${figure(ratio.ratioByCpu)}`;
  return [
    {
      what,
      figure: `${figure(ratio.ratio)} × ± ${figure(ratio.spread * 100)} %${byCpu}`,
      beside: `${figure(ratio.ours)} / ${figure(ratio.limit)} ${ratio.unit}`,
      aim,
      met: ratio.met,
      raw: ratio,
    },
  ];
}

async function talk(stage: Stage, nodes: 1 | 2): Promise<Row[]> {
  const what = `delivery at ${TALK_RATE}/s, ${nodes === 1 ? 'one node' : 'two nodes and Redis'}`;
  const [p50Most, p99Most] = nodes === 1 ? [5, 25] : [Number.POSITIVE_INFINITY, 35];
  const aim = nodes === 1 ? 'p50 < 5, p99 < 25 ms' : 'p99 < 35 ms';
  const { house, tokens, texts } = stage;
  await moveDatabase(house, 'all');
  await using opened = new AsyncDisposableStack();
  const env: Record<string, string> = {};
  if (nodes === 2) {
    const redis = await startRedis();
    opened.defer(() => redis.stop());
    env.REDIS_URL = redis.url;
  }
  const first = opened.use(await house.open({ env }));
  const second = nodes === 2 ? opened.use(await house.open({ env })) : first;
  const runName = `talk${nodes}`;
  const outcome = await drive(
    {
      job: 'delivery',
      where: { host: first.host, port: first.port },
      other: { host: second.host, port: second.port },
      tokens,
      rooms: house.rooms.slice(0, TALK_ROOMS),
      texts,
      rate: TALK_RATE,
      ms: TALK_MS,
      runName,
    },
    { share: 'all' },
  );
  const lost = outcome.loss ?? (await loss(house.sql, runName, outcome.done));
  if (lost) return [lostRow(what, aim, lost, outcome)];
  const { p50, p99, max } = outcome;
  return [
    {
      what,
      figure: `p50 ${figure(p50)} ms, p99 ${figure(p99)} ms`,
      beside: `longest ${figure(max)} ms`,
      aim,
      met: p50 < p50Most && p99 < p99Most,
      raw: outcome,
    },
  ];
}

async function storm(stage: Stage): Promise<Row[]> {
  const what = `${STORM.sockets.toLocaleString('en-US')} sockets resume ${STORM.missed} events each at once`;
  const aim = 'last < 5 s';
  const { house, tokens } = stage;
  await moveDatabase(house, 'all');
  await using server = await house.open({});
  const runs: Outcome[] = [];
  for (let at = 0; at < STORM_RUNS; at++) {
    const outcome = await drive(
      {
        job: 'storm',
        where: { host: server.host, port: server.port },
        tokens,
        rooms: house.rooms.slice(0, STORM.rooms),
        sockets: STORM.sockets,
        missed: STORM.missed,
        runName: `storm${at}`,
      },
      { pid: server.pid, share: 'all' },
    );
    if (outcome.loss) return [lostRow(what, aim, outcome.loss, outcome)];
    runs.push(outcome);
  }
  const worst = runs.toSorted((a, b) => b.max - a.max)[0]!;
  const seconds = (ms: number): string => `${figure(ms / 1_000)} s`;
  return [
    {
      what,
      figure: `p50 ${seconds(worst.p50)}, p99 ${seconds(worst.p99)}, last ${seconds(worst.max)}`,
      beside: `the slowest of ${STORM_RUNS} storms`,
      aim,
      met: worst.max < 5_000,
      raw: runs,
    },
  ];
}

/** Runs all (or those whose name contains one of `names`), prints and keeps the table. False when something was lost. */
export async function live(names: readonly string[] = []): Promise<boolean> {
  const rows: Row[] = [];
  let postgres = '';
  const started = performance.now();
  const on = async (built: { rooms?: number; users?: number }, use: (stage: Stage) => Promise<Row[]>): Promise<Row[]> => {
    await using stage = await openStage(PAIR_MS, built);
    postgres = stage.house.postgresVersion;
    return await use(stage);
  };
  const talkers = { users: 2 * TALK_ROOMS, rooms: 100 };
  const parts: Part[] = [
    { name: 'pipelined', measure: () => on(talkers, pipelined) },
    {
      name: 'sends',
      measure: () => on({}, async (stage) => ratioRow(await r5(PIPELINED)(stage), `16 sockets, ${PIPELINED} in flight each / pgbench, 16 clients`, PAIRS)),
    },
    { name: 'delivery', measure: () => on(talkers, async (stage) => [...(await talk(stage, 1)), ...(await talk(stage, 2))]) },
    // Two sockets a person.
    { name: 'storm', measure: () => on({ users: STORM.sockets / 2, rooms: STORM.rooms }, storm) },
    {
      name: 'fanout',
      measure: () =>
        on({}, async (stage) => {
          const what = `fan-out to ${FANOUT.toLocaleString('en-US')}, ${IN_FLIGHT} in flight / bare server.publish`;
          return ratioRow(await r4(FANOUT, IN_FLIGHT)(stage), what, PAIRS);
        }),
    },
    {
      name: 'memory',
      measure: () =>
        on({ rooms: 1 }, async (stage) => {
          const what = `memory per idle socket in one room, ${IDLE.toLocaleString('en-US')} of them / bare Bun`;
          return ratioRow(await r9(IDLE)(stage), what, 1);
        }),
    },
  ];
  for (const { name, measure } of parts) {
    if (names.length > 0 && !names.some((one) => name.includes(one))) continue;
    console.error(`${name} …`);
    const from = performance.now();
    try {
      for (const row of await measure()) {
        rows.push(row);
        console.error(`   ${row.figure}`);
      }
    } catch (error) {
      rows.push(lostRow(name, '', `not measured: ${(error as Error).message}`, {}));
      console.error(`   not measured: ${(error as Error).message}`);
    }
    console.error(`   ${figure((performance.now() - from) / 1_000)} s`);
  }
  const setting = settingOf({ postgres });
  const text = table(
    ['what', 'figure', 'beside', 'aim', 'met'],
    rows.map((row) => [row.what, row.figure, row.beside, row.aim, row.loss ? 'LOST' : row.met ? 'yes' : 'no']),
  );
  console.log(`\n${text}`);
  const seconds = Math.round((performance.now() - started) / 1_000);
  const { cores, cpu, load } = setting.machine;
  const how = `Parlour ${setting.parlour} (${setting.commit}${setting.changed ? ', changed' : ''}), ${setting.date}, ${cores} × ${cpu}, load ${load} at the end, Bun ${setting.versions.bun}, PostgreSQL ${postgres}; ${seconds} s.`;
  // A run of some parts is for the one who looks at them.
  if (names.length === 0) {
    console.error(`kept: ${keep('live', { setting, seconds, rows })}, ${keep('live.md', `# The live side\n\n\`bun run bench live\`. ${how}\n\n${text}\n`)}`);
  }
  return rows.length > 0 && rows.every((row) => row.loss === undefined);
}

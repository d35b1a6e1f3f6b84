/** R3, R4, R8, R9: commands, fan-out, delay and memory of sockets beside a bare Bun server that does the same. */
import { drive } from '../client/driver.ts';
import { memoryPerSocket } from '../client/idle.ts';
import type { FanoutJob, Turn } from '../client/jobs.ts';
import type { Comparison, Sample } from './pairs.ts';
import type { Program, Stage } from './stage.ts';

const SOCKETS = 64;

export async function r3(stage: Stage): Promise<Comparison> {
  const server = await stage.server();
  const bare = await stage.program('ratio/baselines/sockets.ts');
  const ping = async ({ host, port, pid }: Pick<Program, 'host' | 'port' | 'pid'>, tokens: string[]): Promise<Sample> => {
    const { rate, busy, cpuMicros, loss } = await drive(
      {
        job: 'echo',
        where: { host, port },
        path: '/ws',
        tokens,
        sockets: SOCKETS,
        inFlight: 1,
        ms: stage.ms,
        text: `{"type":"${tokens.length > 0 ? 'ping' : 'pong'}","id":$}`,
      },
      { pid },
    );
    return { value: rate, busy, cpuMicros, loss };
  };
  // The bare server sends back the ping as it is; the client looks at the same byte of both.
  return {
    id: 'R3',
    title: 'ping with reply / bare Bun.serve echo',
    unit: 'commands/s',
    aim: 0.85,
    better: 'more',
    note: `${SOCKETS} sockets, one command in flight each`,
    ours: () => ping(server, stage.tokens),
    limit: () => ping(bare, []),
  };
}

type FanoutTarget = { host: string; port: number; pid: number; control: number };

async function ourPublisher(stage: Stage): Promise<FanoutTarget> {
  const { host, port, pid, line } = await stage.open({ program: ['bench/ratio/ours/publish.ts'] });
  return { host, port, pid, control: Number(line.control) };
}

/** The job for our own node, whose events come in on the control port, or for the bare server. */
function fanoutJob(
  stage: Stage,
  target: FanoutTarget,
  ours: boolean,
  subscribers: number,
  more: { inFlight: number; rate?: number; roomId: string },
): FanoutJob {
  return {
    job: 'fanout',
    where: { host: target.host, port: target.port },
    path: '/ws',
    tokens: ours ? stage.tokens : [],
    subscribers,
    hello: ours ? JSON.stringify({ type: 'subscribe', id: 1, rooms: [{ roomId: more.roomId }] }) : '',
    ready: '"synced"',
    control: { host: target.host, port: target.control, path: '/' },
    publish: `${more.roomId} $`,
    inFlight: more.inFlight,
    rate: more.rate,
    ms: stage.ms,
  };
}

/** Half a second each: short beside what disturbs a machine, long beside a collection of garbage. */
const TURN_MS = 500;
const TURNS = 30;

/** A room for each bench: what one leaves behind in a ring is not replayed in another. */
const roomFor = (stage: Stage, at: number): string => stage.house.rooms[at % stage.house.rooms.length]!;

export function r4(subscribers: number, inFlight: number) {
  return async (stage: Stage): Promise<Comparison> => {
    const ours = await ourPublisher(stage);
    const bare = await stage.program('ratio/baselines/sockets.ts');
    const more = { inFlight, roomId: roomFor(stage, 50 + (subscribers % 7) + inFlight) };
    let turns: Promise<[Sample[], Sample[]]> | undefined;
    // Both crowds stay open in one driver, and the servers take turns: a pair is a second long, not ten.
    const take = async (side: 0 | 1): Promise<Sample> => {
      turns ??= (async () => {
        const job = { job: 'duel' as const, ms: TURN_MS, turns: TURNS };
        const { sides, loss } = await drive({
          ...job,
          ours: { ...fanoutJob(stage, ours, true, subscribers, more), pid: ours.pid },
          limit: { ...fanoutJob(stage, bare, false, subscribers, more), pid: bare.pid },
        });
        const busyOf = ({ value, cpuMicros }: Turn): number => (value * cpuMicros) / 1e6;
        return sides!.map((turns) => turns.map((turn) => ({ ...turn, busy: busyOf(turn), loss }))) as [Sample[], Sample[]];
      })();
      return (await turns)[side].shift()!;
    };
    return {
      id: 'R4',
      title: `fan-out to ${subscribers.toLocaleString('en-US')} / bare server.publish`,
      unit: 'deliveries/s',
      aim: 0.97,
      better: 'more',
      note: `${inFlight} publishes in flight, the same bytes, nothing stored on either side; ${TURNS} turns of ${TURN_MS} ms`,
      // One is dropped as the first of each.
      exactly: TURNS - 1,
      ours: () => take(0),
      limit: () => take(1),
    };
  };
}

const R8_SUBSCRIBERS = 100;

export async function r8(stage: Stage): Promise<Comparison> {
  const ours = await ourPublisher(stage);
  const bare = await stage.program('ratio/baselines/sockets.ts');
  const more = { inFlight: 8, roomId: roomFor(stage, 70) };
  const most = await drive(fanoutJob(stage, ours, true, R8_SUBSCRIBERS, more));
  const rate = Math.floor(most.rate / R8_SUBSCRIBERS / 2);
  const delay = async (target: FanoutTarget, isOurs: boolean): Promise<Sample> => {
    const { p99, loss } = await drive(fanoutJob(stage, target, isOurs, R8_SUBSCRIBERS, { ...more, rate }));
    return { value: p99, loss };
  };
  return {
    id: 'R8',
    title: 'p99 of delivery at half of own maximum / bare at that rate',
    unit: 'ms',
    aim: 2,
    better: 'less',
    note: `${rate} publishes/s to ${R8_SUBSCRIBERS}, until the last one has it, from the intended time`,
    ours: () => delay(ours, true),
    limit: () => delay(bare, false),
  };
}

/**
 * Each sample is a server of its own, because memory that was once used is not given back. The sockets belong to the people of the
 * stage: with as many people as sockets each has its own person and session to remember.
 */
export function r9(sockets: number) {
  return async (stage: Stage): Promise<Comparison> => {
    const grown = async (target: { host: string; port: number; pid: number }, ours: boolean): Promise<Sample> => {
      const { kib, loss } = await memoryPerSocket(target.pid, {
        job: 'idle',
        where: { host: target.host, port: target.port },
        path: '/ws',
        tokens: ours ? stage.tokens : [],
        sockets,
        hello: ours ? JSON.stringify({ type: 'subscribe', id: 1, rooms: [{ roomId: roomFor(stage, 0) }] }) : '',
        ready: '"synced"',
      });
      return { value: kib, loss };
    };
    return {
      id: 'R9',
      title: `memory per idle signed-in socket in one room, ${sockets.toLocaleString('en-US')} sockets of ${stage.tokens.length.toLocaleString('en-US')} people / bare Bun, one subscription`,
      unit: 'KiB',
      aim: 1.25,
      better: 'less',
      note: 'growth of resident memory, a new server for each sample',
      atMost: 2,
      ours: async () => grown(await stage.open({}), true),
      limit: async () => grown(await stage.program('ratio/baselines/sockets.ts'), false),
    };
  };
}

/** `bun run bench peers`: echo, fan-out and memory per socket on the same work in the same run, one peer after the other in every round. */
import { drive } from '../client/driver.ts';
import { memoryPerSocket } from '../client/idle.ts';
import { pinning } from '../cores.ts';
import { openStage, type Stage } from '../ratio/stage.ts';
import { keep } from '../results.ts';
import { settingOf } from '../setting.ts';
import { figure, median } from '../statistics.ts';
import { table } from '../table.ts';
import type { Opened, Peer } from './adapter.ts';
import { PEERS } from './all.ts';

const IDLE = 5_000;
const ECHOING = 64;

/** `fresh`: on a server that did nothing before, a new one in every round. */
type Work = { title: string; unit: string; fresh?: boolean; measure: (stage: Stage, at: Opened, ms: number) => Promise<number | undefined> };

async function believed(outcome: Promise<{ rate: number; loss?: string }>): Promise<number> {
  const { rate, loss } = await outcome;
  if (loss) throw new Error(loss);
  return rate;
}

const fanout = (subscribers: number, inFlight: number): Work => ({
  title: `fan-out to ${subscribers.toLocaleString('en-US')}, ${inFlight} in flight`,
  unit: 'deliveries/s',
  measure: (_stage, { host, port, path, dialect, tokens, fanout: job }, ms) =>
    believed(drive({ job: 'fanout', where: { host, port }, path, dialect, tokens, subscribers, inFlight, ms, ...job })),
});

const WORK: Work[] = [
  {
    title: `echo, ${ECHOING} sockets, 1 in flight each`,
    unit: 'answers/s',
    measure: async (_stage, { host, port, path, dialect, tokens, echo: text }, ms) =>
      text === undefined ? undefined : believed(drive({ job: 'echo', where: { host, port }, path, dialect, tokens, sockets: ECHOING, inFlight: 1, ms, text })),
  },
  fanout(100, 8),
  fanout(1_000, 8),
  fanout(1_000, 1),
  {
    title: `memory per idle socket, ${IDLE.toLocaleString('en-US')} sockets`,
    unit: 'KiB',
    fresh: true,
    async measure(_stage, { host, port, pid, path, dialect, tokens, fanout: { hello, ready } }) {
      if (pid === 0) return undefined;
      const { kib, loss } = await memoryPerSocket(pid, { job: 'idle', where: { host, port }, path, dialect, tokens, sockets: IDLE, hello, ready });
      if (loss) throw new Error(loss);
      return kib;
    },
  },
];

export type Row = { peer: string; version: string; work: string; unit: string; value?: number; samples: number[]; problem?: string };

/** Returns whether nothing was lost. */
export async function peers({ ms, rounds }: { ms: number; rounds: number }): Promise<boolean> {
  await using stage = await openStage(ms, { rooms: 2 });
  const rows: Row[] = [];
  for (const work of WORK) {
    console.error(`${work.title} …`);
    const entrants: { peer: Peer; row: Row; at?: Opened }[] = PEERS.map((peer) => ({
      peer,
      row: { peer: peer.name, version: peer.version, work: work.title, unit: work.unit, samples: [] },
    }));
    rows.push(...entrants.map(({ row }) => row));
    for (let round = 0; round < rounds; round++) {
      for (const entrant of entrants) {
        const { peer, row } = entrant;
        if (row.problem) continue;
        try {
          if (work.fresh) entrant.at = undefined;
          entrant.at ??= await peer.open(stage);
          const value = await work.measure(stage, entrant.at, ms);
          if (value !== undefined) row.samples.push(value);
        } catch (error) {
          row.problem = (error as Error).message;
        }
      }
    }
    for (const { row } of entrants) row.value = row.samples.length > 0 ? median(row.samples) : undefined;
  }
  console.log(`\n${peersTable(rows)}`);
  console.error(`kept: ${keep('peers', { setting: settingOf({ postgres: stage.house.postgresVersion }), pinned: pinning, ms, rounds, rows })}`);
  return rows.every(({ problem }) => problem === undefined);
}

/** One column a peer; in brackets the share of bare Bun's. */
export function peersTable(rows: readonly Row[]): string {
  return table(
    ['work', 'unit', ...PEERS.map(({ name, version }) => `${name} ${version}`)],
    WORK.map(({ title, unit }) => {
      const of = rows.filter(({ work }) => work === title);
      const bare = of[0]?.value;
      return [
        title,
        unit,
        ...of.map(({ value, problem }) =>
          problem ? `LOST: ${problem}` : value === undefined ? '–' : `${figure(value)}${bare ? ` (${figure(value / bare)})` : ''}`,
        ),
      ];
    }),
  );
}

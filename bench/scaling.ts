/** `bun run bench scaling`: sends over rooms, fan-out over subscribers, delay over rising rates with the knee marked. Figures as JSON, plots as SVG. */
import { drive } from './client/driver.ts';
import type { FanoutJob } from './client/jobs.ts';
import { loss, moveDatabase, type Open } from './parlour.ts';
import { plot } from './plot.ts';
import { openStage, type Stage } from './ratio/stage.ts';
import { keep } from './results.ts';
import { type Setting, settingOf } from './setting.ts';
import { figure } from './statistics.ts';
import { table } from './table.ts';

const ROOMS = [1, 10, 100, 1_000];
const SUBSCRIBERS = [10, 100, 1_000, 10_000];
/** Messages a second into one room, each heard by all of its subscribers. */
const RATES = [50, 100, 200, 400, 800, 1_600, 3_200];
const RATE_SUBSCRIBERS = 50;
const IN_FLIGHT = 8;
/** Each socket of the first plot keeps so many sends unanswered. */
const PIPELINED = 16;
const CONNECTIONS = 16;
/** From here on a rate counts as too high: ten times the delay of the lowest one. */
const KNEE = 10;

type Point = { x: number; rate: number; p50: number; p99: number };

export async function scaling({ ms }: { ms: number }): Promise<boolean> {
  await using stage = await openStage(ms, { rooms: 1_000, users: 32 });
  const setting = settingOf({ postgres: stage.house.postgresVersion });
  const server = await stage.open({ share: 'all' });
  await moveDatabase(stage.house, 'all');
  const problems: string[] = [];

  const overRooms = await each('sends over rooms', ROOMS, problems, async (rooms) => {
    const runName = `rooms${rooms}`;
    const job = {
      job: 'sends' as const,
      where: server,
      connections: CONNECTIONS,
      inFlight: PIPELINED,
      ms,
      runName,
      tokens: stage.tokens,
      rooms: stage.house.rooms.slice(0, rooms),
      texts: stage.texts,
    };
    const outcome = await drive(job, { share: 'all' });
    // With fewer rooms than senders several speak in one room, each in his own order.
    return { ...outcome, loss: outcome.loss ?? (await loss(stage.house.sql, runName, outcome.done)) };
  });
  const overSubscribers = await each('fan-out over subscribers', SUBSCRIBERS, problems, async (subscribers, at) =>
    drive(fanoutJob(stage, server, subscribers, at, { inFlight: IN_FLIGHT }), { share: 'all' }),
  );
  const overRates: Point[] = [];
  // A rate that is too much is refused (`overloaded`) or lost on the way to the clock: that is the end of the line, not a loss.
  const broke: string[] = [];
  for (const rate of RATES) {
    const [point] = await each('delay over rates', [rate], broke, (one) =>
      drive(fanoutJob(stage, server, RATE_SUBSCRIBERS, 500, { inFlight: 0, rate: one }), { share: 'all' }),
    );
    if (!point) break;
    overRates.push(point);
    if (point.p99 > 50 * overRates[0]!.p99) break;
  }
  const knee = overRates.findLast(({ p99 }) => p99 <= KNEE * overRates[0]!.p99)?.x ?? 0;

  const note = noteOf(setting);
  draw('scaling-rooms', {
    title: `Durable sends over rooms (${CONNECTIONS} sockets, ${PIPELINED} in flight each)`,
    x: 'rooms',
    y: 'acknowledged sends/s',
    points: overRooms,
    of: ['rate'],
    note,
  });
  draw('scaling-rooms-delay', { title: 'Time to the acknowledgement over rooms', x: 'rooms', y: 'ms', points: overRooms, of: ['p50', 'p99'], note });
  draw('scaling-subscribers', {
    title: `Fan-out over subscribers of one room (${IN_FLIGHT} sends in flight, each stored first)`,
    x: 'subscribers',
    y: 'deliveries/s',
    points: overSubscribers,
    of: ['rate'],
    note,
  });
  draw('scaling-rates', {
    title: `Delivery to all ${RATE_SUBSCRIBERS} subscribers over rising rates`,
    x: 'messages/s',
    y: 'ms from the intended time',
    points: overRates,
    of: ['p50', 'p99'],
    log: true,
    knee,
    note,
  });
  console.log(
    `\n${table(
      ['over', 'at', 'per second', 'p50 ms', 'p99 ms'],
      [['rooms', overRooms] as const, ['subscribers', overSubscribers] as const, ['messages/s', overRates] as const].flatMap(([over, points]) =>
        points.map((one) => [over, String(one.x), figure(one.rate), figure(one.p50), figure(one.p99)]),
      ),
    )}\nThe knee: ${knee} messages/s.${broke.length > 0 ? ` It broke: ${broke[0]}` : ''}`,
  );
  for (const problem of problems) console.log(problem);
  console.error(`kept: ${keep('scaling', { setting, ms, overRooms, overSubscribers, overRates, knee, broke, problems })}`);
  return problems.length === 0;
}

/** One point a value; a loss stands in `problems` and has no point. */
async function each(
  title: string,
  values: readonly number[],
  problems: string[],
  measure: (value: number, at: number) => Promise<{ rate: number; p50: number; p99: number; loss?: string }>,
): Promise<Point[]> {
  const points: Point[] = [];
  for (const [at, x] of values.entries()) {
    console.error(`${title}: ${x} …`);
    try {
      const { rate, p50, p99, loss: lost } = await measure(x, at);
      if (lost) problems.push(`${title}, ${x}: ${lost}`);
      else points.push({ x, rate, p50, p99 });
    } catch (error) {
      problems.push(`${title}, ${x}: ${(error as Error).message}`);
    }
  }
  return points;
}

function fanoutJob(
  { house, tokens, ms }: Stage,
  server: Open,
  subscribers: number,
  room: number,
  { inFlight, rate }: { inFlight: number; rate?: number },
): FanoutJob {
  const roomId = house.rooms[room]!;
  const content = 'Has anybody seen the photographs of the garden? I had them here yesterday.';
  return {
    job: 'fanout',
    where: server,
    path: '/ws',
    tokens,
    subscribers,
    hello: JSON.stringify({ type: 'subscribe', id: 1, rooms: [{ roomId }] }),
    ready: '"synced"',
    control: { host: server.host, port: server.port, path: '/ws', token: tokens[0] },
    publish: JSON.stringify({ type: 'message.send', roomId, content, clientMessageId: `${crypto.randomUUID().slice(0, 8)}-$` }),
    inFlight,
    rate,
    ms,
  };
}

type Drawing = {
  title: string;
  x: string;
  y: string;
  points: readonly Point[];
  of: readonly ('rate' | 'p50' | 'p99')[];
  log?: boolean;
  knee?: number;
  note: string;
};

function draw(name: string, { title, x, y, points, of, log, knee, note }: Drawing): void {
  const series = of.map((key) => ({ name: key === 'rate' ? 'Parlour' : key, points: points.map((one) => [one.x, one[key]] as const) }));
  keep(
    `${name}.svg`,
    plot({ title, x: { label: x, log: true }, y: { label: y, log }, series, marks: knee ? [{ x: knee, label: `knee: ${knee}/s` }] : [], note }),
  );
}

export const noteOf = ({ machine, commit, date, versions }: Setting): string =>
  `${machine.cores} × ${machine.cpu}, everything on the one machine · Bun ${versions.bun}, PostgreSQL ${versions.postgres?.split(' ')[0]} · ${commit.slice(0, 8)} · ${date.slice(0, 10)}`;

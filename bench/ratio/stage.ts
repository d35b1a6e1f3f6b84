/** What the ratio benches stand on: one database with people and rooms, opened once, and small programs beside it. */
import { join } from 'node:path';
import { texts } from '../cast.ts';
import { on, type Share } from '../cores.ts';
import { moveDatabase, openHouse, type House, type HouseOptions, type Open, type OpenOptions } from '../parlour.ts';
import { run, startUntil } from '../processes.ts';
import { ROOT } from '../setting.ts';

export type Program = { host: string; port: number; pid: number; control: number };

export type Stage = {
  house: House;
  ms: number;
  texts: string[];
  tokens: string[];
  /** The server, opened when first asked for; all benches share it. */
  server: () => Promise<Open>;
  /** Another instance of the server, or of a program over its services; ended with the stage. */
  open: (options: OpenOptions) => Promise<Open>;
  /** A program of ratio/baselines or of peers, on the server's core. */
  program: (file: string, env?: Record<string, string>) => Promise<Program>;
  /** A program that prints one JSON line and ends. */
  once: (file: string, env?: Record<string, string>, share?: Share) => Promise<Record<string, number>>;
  [Symbol.asyncDispose]: () => Promise<void>;
};

const BENCH = join(ROOT, 'bench');

export async function openStage(ms: number, { rooms = 100, users = 64, messages = 0, dataset }: HouseOptions = {}): Promise<Stage> {
  await using opened = new AsyncDisposableStack();
  const house = opened.use(await openHouse({ users, rooms, messages, dataset }));
  await moveDatabase(house, 'driver');
  let shared: Promise<Open> | undefined;
  const said = await texts();
  const closing = opened.move();
  const open = async (options: OpenOptions) => {
    const made = await house.open({ share: 'server', ...options });
    closing.defer(() => made.stop());
    return made;
  };
  return {
    house,
    ms,
    texts: said,
    tokens: house.people.map(({ accessToken }) => accessToken),
    open,
    server: () => {
      shared ??= open({});
      return shared;
    },
    async program(file, env = {}) {
      const child = await startUntil('listening', [...on('server'), process.execPath, join(BENCH, file)], env, ROOT);
      closing.defer(() => child.stop());
      const { hostname, port } = new URL(String(child.line.url));
      return { host: hostname, port: Number(port), pid: child.pid, control: Number(child.line.control ?? 0) };
    },
    async once(file, env = {}, share = 'all') {
      const out = await run([...on(share), process.execPath, join(BENCH, file)], { env: { MS: String(ms), ...env }, cwd: ROOT });
      return JSON.parse(out.trim().split('\n').at(-1)!) as Record<string, number>;
    },
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
}

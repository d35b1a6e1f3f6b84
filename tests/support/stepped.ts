/**
 * For `bun --preload`, in tests alone: a server whose wall clock is stepped from outside. On SIGUSR2 it reads from a file by how many
 * milliseconds, and says so in another. What never goes back (performance.now, timers) stays as it is, as on a real machine.
 */
import { readFileSync, writeFileSync } from 'node:fs';

const file = process.env.STEPPED_CLOCK!;
const RealDate = Date;
const realNow = Date.now;
const realUuid = Bun.randomUUIDv7;
let by = 0;
const now = (): number => realNow() + by;

RealDate.now = now;
globalThis.Date = new Proxy(RealDate, {
  construct: (target, args, made) => Reflect.construct(target, args.length === 0 ? [now()] : args, made),
  apply: () => new RealDate(now()).toString(),
});
Bun.randomUUIDv7 = ((encoding: 'hex' = 'hex', at = now()) => realUuid(encoding, at)) as typeof Bun.randomUUIDv7;

process.on('SIGUSR2', () => {
  by = Number(readFileSync(file, 'utf8'));
  writeFileSync(`${file}.${process.pid}`, String(by));
});

/** The measured server's processor time within a job's window: opening and closing thousands of sockets is not part of it. */
import { cpuSeconds } from '../processes.ts';

let pids: readonly number[] = [];
let from: number[] = [];
let used: number[] = [];

export const meter = {
  /** The processes of the server: several when it has workers. */
  of(servers: readonly number[]): void {
    pids = servers;
  },
  start(): void {
    from = pids.map(cpuSeconds);
  },
  stop(): void {
    used = pids.map((pid, at) => cpuSeconds(pid) - from[at]!);
  },
  /** Seconds between start and stop, of all of them. */
  get used(): number {
    return used.reduce((sum, one) => sum + one, 0);
  },
  /** Of the busiest one. */
  get most(): number {
    return Math.max(0, ...used);
  },
};

/** The measured server's processor time within a job's window: opening and closing thousands of sockets is not part of it. */
import { cpuSeconds } from '../processes.ts';

let pid = 0;
let from = 0;
let used = 0;

export const meter = {
  of(server: number): void {
    pid = server;
  },
  start(): void {
    from = cpuSeconds(pid);
  },
  stop(): void {
    used = cpuSeconds(pid) - from;
  },
  /** Seconds between start and stop. */
  get used(): number {
    return used;
  },
};

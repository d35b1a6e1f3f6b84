/** Memory per idle socket, measured the same way wherever it is told. */
import { residentBytes } from '../processes.ts';
import { hold } from './driver.ts';
import type { IdleJob } from './jobs.ts';

const KIB = 1_024;
/** A few first, so that the code and the buffers of the first socket are not counted. */
const FIRST = 100;
const FIRST_MS = 2_000;
/** Idle is who has been so for a while: the garbage of ten thousand openings is collected with the engine's leisure. */
const IDLE_MS = 30_000;

/** Returns by how many KiB a socket the resident memory of a server that did nothing before has grown, and what was lost meanwhile. */
export async function memoryPerSocket(pid: number, job: IdleJob): Promise<{ kib: number; loss: string | undefined }> {
  const first = await hold({ ...job, sockets: FIRST });
  await Bun.sleep(FIRST_MS);
  const before = residentBytes(pid);
  const held = await hold(job);
  await Bun.sleep(IDLE_MS);
  const kib = (residentBytes(pid) - before) / job.sockets / KIB;
  const { loss } = await held.release();
  await first.release();
  return { kib, loss };
}

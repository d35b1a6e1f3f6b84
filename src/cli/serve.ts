/** `parlour serve`: one node in this process, or WORKERS of them in processes of their own. */
import { readConfig } from '../config.ts';
import { readArgs } from './terms.ts';

export async function serveCommand(args: string[]): Promise<number> {
  // `--worker` is how a worker is told by its supervisor that it shares the port.
  const { options } = readArgs(args, { worker: { type: 'boolean' } }, []);
  const config = readConfig();
  if (config.workers > 1 && !options.worker) return (await import('../workers.ts')).superviseWorkers(config);
  return (await import('../main.ts')).serve(config, { worker: options.worker });
}

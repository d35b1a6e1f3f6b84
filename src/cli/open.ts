/** Opens a node's services for the time of one command: same configuration, same rules, no listening; logs only what is wrong, on stderr. */
import { type Config, readConfig } from '../config.ts';
import { createLog, type Log } from '../lib/log.ts';
import { openServices, type Services } from '../services.ts';

/** Nobody waits in a browser: a command may take its time where a request would be answered with 503. */
const PATIENT_MS = 60_000;

export const commandConfig = (): Config => {
  const config = readConfig();
  return { ...config, databaseDeadlineMs: Math.max(config.databaseDeadlineMs, PATIENT_MS), failpoint: undefined };
};

export const commandLog = ({ logLevel }: Pick<Config, 'logLevel'>): Log =>
  createLog({ level: logLevel === 'info' ? 'warn' : logLevel, to: { write: (line) => void process.stderr.write(line) } });

/** Runs `work` with open services; they are closed whatever happens. */
export async function withServices<T>(work: (services: Services, config: Config) => Promise<T>): Promise<T> {
  const config = commandConfig();
  await using services = await openServices(config, commandLog(config));
  return await work(services, config);
}

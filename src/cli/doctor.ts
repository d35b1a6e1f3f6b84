/**
 * `parlour doctor`: looks at everything that the promises rest on, changes nothing, and says what to do. A check that can't be
 * made because an earlier one failed is not made.
 */
import { readConfig } from '../config.ts';
import { look as lookAtDatabase } from './doctor-database.ts';
import { lookAtMachine, lookAtRedis, lookAtSecret } from './doctor-surroundings.ts';
import { readArgs } from './terms.ts';

export type Finding = { check: string; status: 'ok' | 'warn' | 'fail'; detail: string };

export async function doctorCommand(args: string[]): Promise<number> {
  readArgs(args, {}, []);
  const config = readConfig();
  const terminal = process.stdout.isTTY === true;
  let failed = false;
  const tell = (finding: Finding): void => {
    failed ||= finding.status === 'fail';
    console.log(terminal ? row(finding) : JSON.stringify(finding));
  };

  if (config.warnings.length === 0) tell({ check: 'configuration', status: 'ok', detail: config.production ? 'production' : 'development' });
  for (const warning of config.warnings) tell({ check: 'configuration', status: 'warn', detail: warning });
  for await (const finding of lookAtDatabase(config)) tell(finding);
  tell(await lookAtRedis(config));
  tell(await lookAtSecret(config));
  tell(lookAtMachine(config));
  return failed ? 1 : 0;
}

const MARKS = { ok: '\u001b[32mok  \u001b[0m', warn: '\u001b[33mwarn\u001b[0m', fail: '\u001b[31mfail\u001b[0m' } as const;

const row = ({ check, status, detail }: Finding): string => `${MARKS[status]}  ${check.padEnd(20)}  ${detail}`;

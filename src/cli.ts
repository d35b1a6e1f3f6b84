/**
 * The command line (operate.md): finds the command, reads the configuration, and turns failures into exit codes: 0 done,
 * 1 failed with one line why, 2 wrong usage or configuration. Results go to stdout, everything else to stderr.
 */
import { version } from '../package.json';
import { complain, UsageError } from './cli/terms.ts';
import { USAGE } from './cli/usage.ts';
import { ConfigError, readConfig } from './config.ts';

type Command = (args: string[]) => Promise<number>;

/** Loaded when asked for: `--help` needs no database driver. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import('./cli/serve.ts')).serveCommand,
  migrate: async () => (await import('./cli/migrate.ts')).migrateCommand,
  user: async () => (await import('./cli/user.ts')).userCommand,
  token: async () => (await import('./cli/token.ts')).tokenCommand,
  seed: async () => (await import('./cli/seed.ts')).seedCommand,
  import: async () => (await import('./cli/import.ts')).importCommand,
  restored: async () => (await import('./cli/restored.ts')).restoredCommand,
  doctor: async () => (await import('./cli/doctor.ts')).doctorCommand,
};

async function main([name, ...args]: string[]): Promise<number> {
  if (name === '--version' || name === '-v') {
    console.log(version);
    return 0;
  }
  if (name === '--help' || name === '-h' || name === 'help' || args.includes('--help')) {
    console.log(USAGE);
    return 0;
  }
  const load = name !== undefined && Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!load) {
    console.error(name === undefined ? USAGE : `parlour: there is no command ${JSON.stringify(name)}. See parlour --help.`);
    return 2;
  }
  try {
    // Wrong configuration is told before anything else, and whole.
    readConfig();
    const command = await load();
    return await command(args);
  } catch (error) {
    if (error instanceof ConfigError) {
      console.error(`parlour: the configuration can't be used:\n${error.problems.map((problem) => `  ${problem}`).join('\n')}`);
      return 2;
    }
    if (error instanceof UsageError) {
      console.error(`parlour: ${error.message}. See parlour --help.`);
      return 2;
    }
    complain(error);
    return 1;
  }
}

const code = await main(process.argv.slice(2));
await new Promise<void>((done) => process.stdout.write('', () => done()));
process.exit(code);

/** Under which circumstances a number was measured: commit, machine, versions, date. Kept beside every result. */
import { cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { version } from '../package.json';

export const ROOT = join(import.meta.dir, '..');

export type Setting = {
  parlour: string;
  commit: string;
  /** Whether files differed from that commit. */
  changed: boolean;
  date: string;
  machine: {
    cores: number;
    cpu: string;
    memoryGiB: number;
    system: string /** Of the last minute, at the end of the bench: how quiet the machine was, the bench itself included. */;
    load: number;
  };
  versions: Record<string, string>;
};

/** `versions` names what else took part, e.g. `{ postgres: '18.4' }`. */
export function settingOf(versions: Record<string, string> = {}): Setting {
  const git = (...args: string[]): string =>
    Bun.spawnSync(['git', ...args], { cwd: ROOT, stderr: 'ignore' })
      .stdout.toString()
      .trim();
  return {
    parlour: version,
    commit: git('rev-parse', '--short=12', 'HEAD') || 'unknown',
    changed: git('status', '--porcelain', '--', 'src', 'drizzle', 'bench', ':!bench/results') !== '',
    date: new Date().toISOString(),
    machine: {
      cores: cpus().length,
      cpu: cpus()[0]?.model.trim() ?? 'unknown',
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      system: `${process.platform} ${release()}`,
      load: Math.round((loadavg()[0] ?? 0) * 10) / 10,
    },
    versions: { bun: Bun.version, ...versions },
  };
}

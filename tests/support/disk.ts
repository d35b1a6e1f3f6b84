/**
 * A small disk that can be filled to the last byte: a tmpfs, mounted as root, or without any rights in a mount namespace of one's
 * own. Where a machine allows neither there is none.
 */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type SmallDisk = {
  /** Its folder, which everybody may enter. */
  path: string;
  /** Takes what is left of it. Returns the bytes taken. */
  fill: () => number;
  /** Gives that back. */
  free: () => void;
  [Symbol.asyncDispose]: () => Promise<void>;
};

/** Undefined where neither way is open. */
export async function smallDisk(megabytes: number): Promise<SmallDisk | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'parlour-disk-'));
  chmodSync(folder, 0o755);
  const options = `size=${megabytes}m,mode=755`;
  const mounted = process.getuid?.() === 0 ? asRoot(folder, options) : await inNamespace(folder, options);
  if (!mounted) {
    rmSync(folder, { recursive: true });
    return undefined;
  }
  const ballast = join(mounted.path, 'ballast');
  return {
    path: mounted.path,
    fill() {
      const file = openSync(ballast, 'a');
      let taken = 0;
      // The last bytes too: a page of Postgres is 8 kB, and of a half one it would say something else.
      for (let block = Buffer.alloc(1_048_576); block.length > 0; ) {
        try {
          taken += writeSync(file, block);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
          block = block.subarray(0, block.length >> 1);
        }
      }
      closeSync(file);
      return taken;
    },
    free: () => rmSync(ballast, { force: true }),
    async [Symbol.asyncDispose]() {
      mounted.unmount();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function asRoot(folder: string, options: string) {
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'parlour-tests', folder], { stdio: 'ignore' }).status !== 0) return undefined;
  return { path: folder, unmount: () => void spawnSync('umount', ['-l', folder], { stdio: 'ignore' }) };
}

/** The mount is seen by one process alone, and by others through that one's root. It ends with its standard input, so with this process. */
async function inNamespace(folder: string, options: string) {
  const script = 'mount -t tmpfs -o "$1" parlour-tests "$0" && echo mounted && exec cat';
  const holder = spawn('unshare', ['-Urm', 'sh', '-c', script, folder, options], { stdio: ['pipe', 'pipe', 'ignore'] });
  const said = await new Promise<string>((done) => {
    holder.stdout.once('data', (data) => done(String(data)));
    holder.once('error', () => done(''));
    holder.once('exit', () => done(''));
  });
  if (!said.startsWith('mounted')) return undefined;
  return { path: `/proc/${holder.pid}/root${folder}`, unmount: () => void holder.stdin.end() };
}

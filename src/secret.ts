/**
 * The signing secret of development: generated once and kept in the data directory, so that tokens survive a restart.
 * Production never gets here without JWT_SECRET; config.ts refuses to start.
 */
import { randomBytes } from 'node:crypto';
import { chmod, link, mkdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SECRET_BYTES, type Config } from './config.ts';

/** The configured secret, else the one kept in DATA_DIR/jwt-secret (mode 600; made when missing, the same for processes that start at once). */
export async function loadSecret(config: Pick<Config, 'jwtSecret' | 'dataDir'>): Promise<string> {
  return config.jwtSecret ?? (await keptSecret(config.dataDir, 'jwt-secret'));
}

/** A random secret that lives in a file of mode 600 in `dataDir`; the first of several processes wins, all get the same. */
export async function keptSecret(dataDir: string, name: string): Promise<string> {
  const path = join(dataDir, name);
  const kept = await readSecret(path);
  if (kept !== undefined) return kept;
  await mkdir(dataDir, { recursive: true });
  // Written aside and linked into place, so that a reader sees all of it or nothing, and a second writer loses.
  const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    await writeFile(draft, randomBytes(SECRET_BYTES).toString('hex'), { mode: 0o600, flag: 'wx' });
    await chmod(draft, 0o600);
    await link(draft, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  } finally {
    await unlink(draft).catch(() => {});
  }
  const secret = await readSecret(path);
  if (secret === undefined) throw new Error(`${path} holds no secret of ${SECRET_BYTES} bytes; delete it, and a new one is made`);
  return secret;
}

async function readSecret(path: string): Promise<string | undefined> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  return Buffer.byteLength(text.trim()) >= SECRET_BYTES ? text.trim() : undefined;
}

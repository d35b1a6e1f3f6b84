/** The doctor's look at Redis, the secret and this machine. */
import { readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Config, SECRET_BYTES } from '../config.ts';
import { openRedis } from '../redis.ts';
import type { Finding } from './doctor.ts';

const REDIS_MS = 2_000;
const OLDEST_REDIS = 7;

export async function lookAtRedis(config: Config): Promise<Finding> {
  if (config.redisUrl === undefined) return { check: 'redis', status: 'ok', detail: 'none (REDIS_URL is unset): this is the only process' };
  await using redis = openRedis({ url: config.redisUrl, prefix: config.redisPrefix });
  if (!(await redis.waitUntilReady(REDIS_MS))) return { check: 'redis', status: 'fail', detail: `REDIS_URL does not answer within ${REDIS_MS / 1_000} s` };
  const info = await redis.commands.info('server').catch(() => '');
  const version = /(?:valkey_version|redis_version):(\S+)/.exec(info)?.[1] ?? 'unknown';
  if (Number.parseInt(version, 10) < OLDEST_REDIS)
    return { check: 'redis', status: 'fail', detail: `version ${version} is too old: ${OLDEST_REDIS} or newer is needed` };
  return { check: 'redis', status: 'ok', detail: `version ${version}, ${(await redis.ping())?.toFixed(1) ?? '?'} ms` };
}

export async function lookAtSecret(config: Config): Promise<Finding> {
  const { jwtSecret, production } = config;
  if (jwtSecret === undefined) {
    const path = join(config.dataDir, 'jwt-secret');
    const mode = (await stat(path).catch(() => undefined))?.mode;
    if (mode === undefined) return { check: 'secret', status: 'ok', detail: `none yet: one is made in ${path} at the first start` };
    if (mode & 0o077) return { check: 'secret', status: 'warn', detail: `${path} can be read by others on this machine: chmod 600 it` };
    return { check: 'secret', status: 'ok', detail: `kept in ${path}` };
  }
  // Thirty-two equal letters are long, and no secret.
  const different = new Set(jwtSecret).size;
  if (different < 8)
    return {
      check: 'secret',
      status: production ? 'fail' : 'warn',
      detail: `JWT_SECRET has only ${different} different characters; take the output of "openssl rand -hex 32"`,
    };
  return { check: 'secret', status: 'ok', detail: `JWT_SECRET, ${Buffer.byteLength(jwtSecret)} of at least ${SECRET_BYTES} bytes` };
}

/** Each socket is a descriptor; 500 more for the database, Redis, files and REST. */
export function lookAtMachine({ wsMax }: Config): Finding {
  const wanted = wsMax + 500;
  const limit = descriptors();
  if (limit === undefined) return { check: 'descriptors', status: 'ok', detail: 'not known on this system' };
  if (limit < wanted)
    return {
      check: 'descriptors',
      status: 'warn',
      detail: `a process may open ${limit}, and WS_MAX=${wsMax} sockets want ${wanted}: raise "ulimit -n", or lower WS_MAX`,
    };
  return { check: 'descriptors', status: 'ok', detail: `${limit} for ${wsMax} sockets` };
}

function descriptors(): number | undefined {
  try {
    const value = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return value === 'unlimited' ? Number.POSITIVE_INFINITY : value === undefined ? undefined : Number(value);
  } catch {
    return undefined;
  }
}

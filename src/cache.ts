/**
 * Totals that no row carries, cached: in Redis for all nodes when there is one, else in this process. A value is at most
 * COUNTS_SECONDS old, and half a second after a write that changes it (`drop`) it is computed anew. Redis away is never an
 * error: then this process keeps its own values. It never adds to a count: what is stored was counted in Postgres.
 */
import type { Soon } from './lib/soon.ts';
import type { Redis } from './redis.ts';

export type Counted<T> = { value: T; asOf: string };
export type Counts = ReturnType<typeof createCounts>;

/** A hot key is dropped at most this often, so that counting is bounded under load; the contract allows a second. */
const DROP_MS = 400;
/** How long another node may take to count before this one counts for itself. */
const WAIT_MS = 1_000;
const POLL_MS = 25;
/** After a failure Redis is left alone for a moment, so that a frozen one costs one timeout and not one per request. */
const AVOID_MS = 1_000;
const LOCAL_KEYS = 10_000;

/** Stores a value only if nothing was dropped since its counting began: a slow count never covers a newer write. */
const STORE = `if (redis.call('get', KEYS[2]) or '0') ~= ARGV[1] then return 0 end
redis.call('set', KEYS[1], ARGV[2], 'PX', ARGV[3]) redis.call('del', KEYS[3]) return 1`;
/** The version outlives every value that was counted before it. */
const DROP = `redis.call('incr', KEYS[2]) redis.call('pexpire', KEYS[2], ARGV[1]) redis.call('del', KEYS[1], KEYS[3]) return 1`;

type Local = { counted: Counted<unknown>; until: number };

export function createCounts({ redis, seconds, log }: { redis: Redis | null; seconds: number; log: { warn(fields: object, message: string): void } }) {
  const local = new Map<string, Local>();
  const versions = new Map<string, number>();
  const counting = new Map<string, Promise<Counted<unknown>>>();
  const dropping = new Map<string, { at: number; timer: ReturnType<typeof setTimeout> | undefined }>();
  let avoidUntil = 0;

  /** ± 10 %, so that many keys do not run out at once. */
  const lifetime = () => Math.round(seconds * 1_000 * (0.9 + Math.random() * 0.2));
  const names = (key: string) => [redis!.key(`count:${key}`), redis!.key(`count:${key}:version`), redis!.key(`count:${key}:lock`)] as const;
  const usable = () => redis?.ready === true && performance.now() >= avoidUntil;

  /** What Redis says; undefined when it says nothing. */
  async function ask<T>(command: () => Promise<T>): Promise<T | undefined> {
    if (!usable()) return undefined;
    try {
      return await command();
    } catch (error) {
      avoidUntil = performance.now() + AVOID_MS;
      log.warn({ reason: error instanceof Error ? error.message : 'unknown' }, 'counting without Redis');
      return undefined;
    }
  }

  function keep(key: string, counted: Counted<unknown>, version: number): void {
    if ((versions.get(key) ?? 0) !== version) return;
    if (local.size >= LOCAL_KEYS) local.delete(local.keys().next().value!);
    local.set(key, { counted, until: performance.now() + lifetime() });
  }

  async function count<T>(key: string, compute: () => Promise<T>): Promise<Counted<T>> {
    const version = versions.get(key) ?? 0;
    const asOf = new Date().toISOString();
    const counted = { value: await compute(), asOf };
    keep(key, counted, version);
    return counted;
  }

  /** This process's own value, while it lives: all there is without Redis. */
  function kept<T>(key: string): Counted<T> | undefined {
    const found = local.get(key);
    return found && found.until > performance.now() ? (found.counted as Counted<T>) : undefined;
  }

  async function shared<T>(key: string, compute: () => Promise<T>): Promise<Counted<T>> {
    const [value, version, lock] = names(key);
    const until = performance.now() + WAIT_MS;
    for (;;) {
      const found = await ask(() => redis!.commands.mget(value, version));
      if (found === undefined) return kept<T>(key) ?? count(key, compute);
      if (found[0]) return JSON.parse(found[0]) as Counted<T>;
      const mine = await ask(() => redis!.commands.set(lock, '1', 'PX', WAIT_MS, 'NX'));
      if (mine === 'OK' || mine === undefined || performance.now() > until) {
        const counted = await count(key, compute);
        await ask(() => redis!.commands.eval(STORE, 3, value, version, lock, found[1] ?? '0', JSON.stringify(counted), String(lifetime())));
        return counted;
      }
      await Bun.sleep(POLL_MS);
    }
  }

  function dropNow(key: string): void {
    versions.set(key, (versions.get(key) ?? 0) + 1);
    local.delete(key);
    counting.delete(key);
    if (usable()) void ask(() => redis!.commands.eval(DROP, 3, ...names(key), String(seconds * 2_000)));
  }

  return {
    /** The counted value and when it was counted; one computation a key at a time, on all nodes. Throws what `compute` throws. */
    get<T>(key: string, compute: () => Promise<T>): Soon<Counted<T>> {
      const running = counting.get(key);
      if (running) return running as Promise<Counted<T>>;
      const found = redis ? undefined : kept<T>(key);
      if (found) return found;
      const started: Promise<Counted<T>> = (redis ? shared(key, compute) : count(key, compute)).finally(() => {
        if (counting.get(key) === started) counting.delete(key);
      });
      counting.set(key, started);
      return started;
    },

    /** To be called after a commit that changes the count. Often called, it drops at once and then every 400 ms. */
    drop(...keys: string[]): void {
      const now = performance.now();
      for (const key of keys) {
        const last = dropping.get(key);
        if (last?.timer) continue;
        if (!last || now - last.at >= DROP_MS) {
          if (dropping.size >= LOCAL_KEYS) dropping.clear();
          dropping.set(key, { at: now, timer: undefined });
          dropNow(key);
          continue;
        }
        last.timer = setTimeout(() => {
          dropping.set(key, { at: performance.now(), timer: undefined });
          dropNow(key);
        }, DROP_MS);
      }
    },
  };
}

/**
 * Rates of rest.md as token buckets: n requests in s seconds, refilled evenly. With Redis all nodes count in the same bucket;
 * without it, or while it is away, each for itself. It never makes a request wait for a Redis that does not answer.
 */
import type { Config, RateName } from '../config.ts';
import { AppError } from '../errors.ts';
import { createRecent } from './recent.ts';
import { type SharedScripts, createShared } from './shared-script.ts';
import { type Soon, after } from './soon.ts';

/**
 * The bucket as one number (GCRA): the time at which it would be full again. A request moves it by seconds/requests and is
 * refused when it would lie more than `seconds` ahead. In milliseconds of Redis' clock, so that nodes needn't agree on time.
 * A bucket that would be full later than a window from now is from before that clock was set back, and begins anew.
 * Returns what is left, or minus the milliseconds to wait.
 */
const TAKE = `
local t = redis.call('TIME')
local now = t[1] * 1000 + t[2] / 1000
local step, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local known = tonumber(redis.call('GET', KEYS[1]) or '0')
if known > now + window + 1 then known = now end
local full = math.max(known, now) + step
if full - now > window + 0.001 then return -math.ceil(full - now - window) end
redis.call('SET', KEYS[1], string.format('%.3f', full), 'PX', math.ceil(full - now))
return math.floor((window - (full - now)) / step + 0.001)
`;

/** Callers remembered per class on this node; who is forgotten has not asked for long, or is one of very many. */
const BUCKETS = 20_000;

export type RateLimiter = {
  /**
   * Counts one request of `key` (a user's id or an address) and adds `ratelimit-policy` and `ratelimit` to `headers`.
   * Throws or rejects with rate_limited and its retryAfterMs. Waits only for Redis: counting in this process is done at once.
   */
  take: (rate: RateName, key: string, headers?: Record<string, string>) => Soon<void>;
};

export type RateLimiterOptions = {
  config: Pick<Config, 'rateLimits' | 'rates'>;
  redis?: SharedScripts;
  /** Milliseconds of a clock that never goes back. */
  clock?: () => number;
};

export function createRateLimiter({ config, redis, clock = () => performance.now() }: RateLimiterOptions): RateLimiter {
  const shared = redis && createShared(redis);
  const bucketOf = (rate: RateName) => {
    const { requests, seconds } = config.rates[rate];
    const window = seconds * 1_000;
    return { policy: `"${rate}";q=${requests};w=${seconds}`, seconds, step: window / requests, window, full: createRecent<string, number>(BUCKETS) };
  };
  type Bucket = ReturnType<typeof bucketOf>;
  const buckets: Record<RateName, Bucket> = {
    auth: bucketOf('auth'),
    open: bucketOf('open'),
    send: bucketOf('send'),
    search: bucketOf('search'),
    read: bucketOf('read'),
    write: bucketOf('write'),
  };

  /** The same sum as TAKE, in this process. */
  function takeHere({ step, window, full: known }: Bucket, key: string): number {
    const now = clock();
    const full = Math.max(known.get(key) ?? 0, now) + step;
    if (full - now > window + 0.001) return -Math.ceil(full - now - window);
    known.set(key, full);
    return Math.floor((window - (full - now)) / step + 0.001);
  }

  return {
    take(rate, key, headers) {
      if (!config.rateLimits) return;
      const bucket = buckets[rate];
      return after(shared?.run(TAKE, `rate:${rate}:${key}`, [bucket.step, bucket.window]), (together) => {
        const left = typeof together === 'number' ? together : takeHere(bucket, key);
        if (headers) {
          headers['ratelimit-policy'] = bucket.policy;
          // `t` is the window: refilled evenly, the bucket is full again within it, whatever was taken.
          headers['ratelimit'] = `"${rate}";r=${Math.max(0, left)};t=${bucket.seconds}`;
        }
        if (left < 0) throw new AppError('rate_limited', `Too many requests of the class ${rate}.`, { retryAfterMs: -left });
      });
    },
  };
}

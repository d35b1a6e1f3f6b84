/**
 * Slows down guessing: five free failures for a login name from an address, then waits of 1, 2, 4 … 300 s, also for the right
 * password. Counted in Redis when there is one, else (or while it is away) in this process. It never locks a name for other addresses.
 */
import { AppError } from '../errors.ts';
import { createRecent } from '../lib/recent.ts';
import { type SharedScripts, createShared } from '../lib/shared-script.ts';

const FREE = 5;
const LONGEST_WAIT_S = 300;
/** Failures are remembered this long after the last one. */
const MEMORY_MS = 3_600_000;
const REMEMBERED = 20_000;
/** Attempts of one name and address that wait for each other; more at once is no person. */
const QUEUE = 100;

/** Milliseconds that are left to wait; more than the longest wait is from before Redis' clock was set back. */
const ASK = `
local t = redis.call('TIME')
local wait = tonumber(redis.call('HGET', KEYS[1], 'until') or '0') - (t[1] * 1000 + math.floor(t[2] / 1000))
if wait > 0 and wait <= tonumber(ARGV[1]) * 1000 then return wait end
return 0
`;
/** One more failure: `n` of them, the next attempt not before `until`. */
const FAIL = `
local t = redis.call('TIME')
local n = redis.call('HINCRBY', KEYS[1], 'n', 1)
if n >= tonumber(ARGV[1]) then
  local wait = math.min(tonumber(ARGV[2]), 2 ^ math.min(n - tonumber(ARGV[1]), 20))
  redis.call('HSET', KEYS[1], 'until', string.format('%.0f', t[1] * 1000 + math.floor(t[2] / 1000) + wait * 1000))
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return n
`;
const CLEAR = `return redis.call('DEL', KEYS[1])`;

type Failures = { n: number; until: number; at: number };

export type Throttle = ReturnType<typeof createThrottle>;

/** `enabled: false` (RATE_LIMITS=false) lets every attempt through uncounted. */
export function createThrottle({ enabled, redis, clock = () => performance.now() }: { enabled: boolean; redis?: SharedScripts; clock?: () => number }) {
  const shared = redis && createShared(redis);
  const here = createRecent<string, Failures>(REMEMBERED);
  const trying = new Map<string, { last: Promise<unknown>; waiting: number }>();

  function failuresHere(key: string): Failures {
    const found = here.get(key);
    return found && clock() - found.at < MEMORY_MS ? found : { n: 0, until: 0, at: 0 };
  }

  async function ask(name: string): Promise<number> {
    const wait = await shared?.run(ASK, name, [LONGEST_WAIT_S]);
    return typeof wait === 'number' ? wait : failuresHere(name).until - clock();
  }

  async function fail(name: string): Promise<void> {
    if (typeof (await shared?.run(FAIL, name, [FREE, LONGEST_WAIT_S, MEMORY_MS])) === 'number') return;
    const n = failuresHere(name).n + 1;
    const now = clock();
    here.set(name, { n, at: now, until: n < FREE ? 0 : now + 1_000 * Math.min(LONGEST_WAIT_S, 2 ** Math.min(n - FREE, 20)) });
  }

  async function clear(name: string): Promise<void> {
    here.delete(name);
    await shared?.run(CLEAR, name, []);
  }

  /** One after the other for each name and address: a hundred guesses at once would all find that nobody has failed yet. */
  async function inTurn<T>(name: string, work: () => Promise<T>): Promise<T> {
    const line = trying.get(name) ?? { last: Promise.resolve(), waiting: 0 };
    if (line.waiting >= QUEUE) throw tooMany(1_000);
    trying.set(name, line);
    line.waiting++;
    const mine = line.last.then(work, work);
    line.last = mine.catch(() => {});
    try {
      return await mine;
    } finally {
      if (--line.waiting === 0) trying.delete(name);
    }
  }

  return {
    /**
     * Runs `attempt`, which tells whether the password was right, unless this name and address have to wait. A failure is
     * counted, a success clears them, an error of the attempt does neither. Throws rate_limited with retryAfterMs.
     */
    async guard(login: string, address: string, attempt: () => Promise<boolean>): Promise<boolean> {
      if (!enabled) return attempt();
      // Hashed: names may be as long as a body, and what people type into the field of a login is now and then their password.
      const name = `login:${new Bun.CryptoHasher('sha256').update(`${login.toLowerCase()}\n${address}`).digest('base64url')}`;
      return inTurn(name, async () => {
        const wait = await ask(name);
        if (wait > 0) throw tooMany(Math.ceil(wait));
        const right = await attempt();
        await (right ? clear(name) : fail(name));
        return right;
      });
    },
  };
}

const tooMany = (retryAfterMs: number): AppError => new AppError('rate_limited', 'Too many failed attempts; wait before the next one.', { retryAfterMs });

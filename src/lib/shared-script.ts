/**
 * Runs small Lua scripts in Redis for counters that nodes share. A Redis that fails or is slow is left alone for a while, and
 * callers count for themselves: counting is never worth an error or a wait.
 */

/** The part of redis.ts that is used here. */
export type SharedScripts = {
  commands: { eval: (script: string, keyCount: number, ...keysAndValues: (string | number)[]) => Promise<unknown> };
  key: (name: string) => string;
  readonly ready: boolean;
};

export type Shared = {
  /** What the script returned, or undefined when Redis did not answer: then the caller's own counter is asked. Never throws. */
  run: (script: string, key: string, values: readonly (string | number)[]) => Promise<unknown>;
};

/** After a failure nobody waits for Redis; one question a second finds out whether it is back. */
const REST_MS = 1_000;

export function createShared(redis: SharedScripts): Shared {
  let away = false;
  let askAgainAt = 0;

  async function ask(script: string, key: string, values: readonly (string | number)[]): Promise<unknown> {
    try {
      const answer = await redis.commands.eval(script, 1, redis.key(key), ...values);
      away = false;
      return answer;
    } catch {
      away = true;
      askAgainAt = performance.now() + REST_MS;
      return undefined;
    }
  }

  return {
    async run(script, key, values) {
      if (!redis.ready) return undefined;
      if (!away) return ask(script, key, values);
      if (performance.now() >= askAgainAt) {
        askAgainAt = performance.now() + REST_MS;
        void ask(script, key, values);
      }
      return undefined;
    },
  };
}

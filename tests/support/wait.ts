/** Waiting for a condition with a limit, so that no test sleeps for luck. */

/** The first truthy value of `condition`, asked every 10 ms; throws with `what` after `limitMs`. */
export async function until<T>(what: string, condition: () => T | Promise<T>, limitMs = 5_000): Promise<NonNullable<T>> {
  const end = Date.now() + limitMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`Waited ${limitMs} ms in vain: ${what}`);
    await Bun.sleep(10);
  }
}

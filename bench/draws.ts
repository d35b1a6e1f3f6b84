/** Numbers and ids drawn from a seed: the same in every run, on every machine. Not for secrets. */

export type Draws = {
  /** From 0 to below 1. */
  next: () => number;
  below: (bound: number) => number;
  of: <T>(list: readonly T[]) => T;
  /** A UUIDv7 of that time (milliseconds since 1970). */
  uuid: (at: number) => string;
};

/** Returns a generator (mulberry32) that begins at `seed`. */
export function drawsFrom(seed: number): Draws {
  let state = seed >>> 0;
  const bits = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const next = () => bits() / 2 ** 32;
  const below = (bound: number) => Math.floor(next() * bound);
  const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0');
  return {
    next,
    below,
    of: <T>(list: readonly T[]): T => list[below(list.length)]!,
    uuid(at) {
      const time = hex(at, 12);
      return `${time.slice(0, 8)}-${time.slice(8)}-7${hex(bits() & 0xfff, 3)}-${hex(0x8000 | (bits() & 0x3fff), 4)}-${hex(bits(), 8)}${hex(bits() & 0xffff, 4)}`;
    },
  };
}

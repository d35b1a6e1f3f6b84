/** A map that forgets what has not been used for long, so that memory is bounded. It never holds the only copy of anything. */

export type Recent<K, V> = {
  get: (key: K) => V | undefined;
  set: (key: K, value: V) => void;
  delete: (key: K) => void;
};

/**
 * Holds between `size` and 2 × `size` of the entries used last. Two generations instead of a list of ages: a hit in the young
 * one, which is nearly every hit, is one lookup and no write.
 */
export function createRecent<K, V>(size: number): Recent<K, V> {
  let young = new Map<K, V>();
  let old = new Map<K, V>();

  const set = (key: K, value: V): void => {
    if (young.size >= size && !young.has(key)) {
      old = young;
      young = new Map();
    }
    young.set(key, value);
  };

  return {
    get(key) {
      const found = young.get(key);
      if (found !== undefined) return found;
      const aged = old.get(key);
      if (aged !== undefined) set(key, aged);
      return aged;
    },
    set,
    delete(key) {
      young.delete(key);
      old.delete(key);
    },
  };
}

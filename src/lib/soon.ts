/**
 * Values that may be there already. An `await` costs a promise and a turn of the queue even when there is nothing to wait for:
 * over all the steps of a request, with headers made anew, that was 1 of 13 µs (docs/performance.md). It never delays what is there.
 */

export type Soon<T> = T | Promise<T>;

/** `next` of the value: at once when it is there, else when it comes. What either throws is thrown, or rejects. */
export const after = <A, B>(value: Soon<A>, next: (value: A) => Soon<B>): Soon<B> => (value instanceof Promise ? value.then(next) : next(value));

/** The same with several values. */
export const afterAll = <A, B>(values: readonly Soon<A>[], next: (values: readonly A[]) => Soon<B>): Soon<B> =>
  values.some((value) => value instanceof Promise) ? Promise.all(values).then(next) : next(values as readonly A[]);

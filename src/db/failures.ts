/**
 * What Postgres and its driver can fail with, as one table from SQLSTATE to the codes of errors.ts. The original error stays
 * behind as `cause`, so that a caller can recognise its own unique index or a deadlock; nothing here retries.
 */
import { AppError, type ErrorCode } from '../errors.ts';

/** postgres.js's and the system's names for "there is no connection". */
const CONNECTION_LOST = new Set([
  'CONNECTION_CLOSED',
  'CONNECTION_DESTROYED',
  'CONNECTION_ENDED',
  'CONNECT_TIMEOUT',
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'ENOENT',
  'EAI_AGAIN',
  'ERR_SOCKET_CLOSED',
]);

/** Whole classes by their first two characters: 08 connection, 53 resources (disk full, too many connections), 57 operator intervention, 58 system. */
const CLASSES: Readonly<Record<string, ErrorCode>> = { '08': 'unavailable', '53': 'unavailable', '57': 'unavailable', '58': 'unavailable' };

const STATES: Readonly<Record<string, ErrorCode>> = {
  '22021': 'invalid', // character not in repertoire: NUL
  '22P02': 'invalid', // invalid text representation
  '22P05': 'invalid', // untranslatable character
  '22003': 'invalid', // numeric value out of range
  '54000': 'invalid', // program limit exceeded: a text too long for its index
  '23505': 'conflict', // unique violation
  '23503': 'not_found', // foreign key violation: what was referred to is gone
  '40001': 'unavailable', // serialization failure; callers retry first
  '40P01': 'unavailable', // deadlock; callers retry first
  '55P03': 'unavailable', // lock_timeout
  '25006': 'unavailable', // read-only transaction: connected to a standby during a failover
};

const DETAILS: Partial<Record<ErrorCode, string>> = {
  unavailable: 'The database did not answer in time. If this was a write, it may or may not have happened.',
  invalid: 'A value can not be stored.',
  conflict: 'This exists already.',
  not_found: 'Something that this refers to does not exist.',
};

/** The five characters of SQLSTATE of a database error, or of the error behind an AppError; undefined when it has none. */
export function sqlState(error: unknown): string | undefined {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    if (at instanceof AppError) continue;
    const code = (at as { code?: unknown }).code;
    // A digit is in all of them, and not in EPIPE.
    if (typeof code === 'string' && /^(?=.*\d)[0-9A-Z]{5}$/.test(code)) return code;
  }
  return undefined;
}

/** The name of the constraint that a 23xxx error is about, also through an AppError. */
export function violatedConstraint(error: unknown): string | undefined {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    const name = (at as { constraint_name?: unknown }).constraint_name;
    if (typeof name === 'string') return name;
  }
  return undefined;
}

/** An AppError of the table above with the original as `cause`; what the table does not know is a bug, and comes back unchanged. */
export function translate(error: unknown): unknown {
  if (error instanceof AppError || !(error instanceof Error)) return error;
  const code = (error as { code?: unknown }).code;
  const known = typeof code === 'string' ? (STATES[code] ?? (/^[0-9A-Z]{5}$/.test(code) ? CLASSES[code.slice(0, 2)] : undefined)) : undefined;
  if (known !== undefined) return new AppError(known, DETAILS[known], { cause: error });
  return typeof code === 'string' && CONNECTION_LOST.has(code) ? new AppError('unavailable', DETAILS.unavailable, { cause: error }) : error;
}

const DATA_REFUSED = new Set(['22021', '22P02', '22P05', '22003', '54000']);

/** Whether Postgres refused what is in the statement, so that parts of a batch may still succeed. */
export const refusedData = (error: unknown): boolean => DATA_REFUSED.has(sqlState(error) ?? '');

/**
 * Whether the same statement may be sent again at once: it was rolled back (deadlock, serialization) or its connection was
 * lost. Not after a deadline: then the server may still be at it.
 */
export function isTransient(error: unknown): boolean {
  const state = sqlState(error);
  return state === '40001' || state === '40P01' || connectionLost(error);
}

/** Whether the connection was lost under the statement, or there was none. */
export function connectionLost(error: unknown): boolean {
  const state = sqlState(error);
  if (state !== undefined) return state.startsWith('08') || state.startsWith('57P');
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    const code = (at as { code?: unknown }).code;
    if (typeof code === 'string' && CONNECTION_LOST.has(code)) return true;
  }
  return false;
}

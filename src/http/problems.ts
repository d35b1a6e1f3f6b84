/** Turns whatever was thrown into a problem document (RFC 9457). Unknown errors are logged whole and answered `internal`. */
import { AppError, problemOf } from '../errors.ts';
import type { Log } from '../lib/log.ts';

/** An AppError is what it says; anything else is ours, and the client learns nothing about it. */
export function asAppError(thrown: unknown, log: Log, requestId: string): AppError {
  if (thrown instanceof AppError) return thrown;
  log.error({ err: thrown, requestId }, 'unexpected error');
  return new AppError('internal', 'Something went wrong on the server. It has been logged under this requestId.');
}

/** `headers` are those of the answer so far; they gain what the error asks for. */
export function problemResponse(error: AppError, requestId: string, headers: Record<string, string>): Response {
  headers['content-type'] = 'application/problem+json';
  if (error.status === 401) headers['www-authenticate'] = 'Bearer';
  if (error.retryAfterMs !== undefined) headers['retry-after'] = String(Math.ceil(error.retryAfterMs / 1_000));
  return new Response(JSON.stringify(problemOf(error, requestId)), { status: error.status, headers });
}

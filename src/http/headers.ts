/** The headers that every answer carries, CORS among them. It never decides whether a request is allowed. */
import type { Config } from '../config.ts';

const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;
/** Random per process, so that ids of several nodes do not meet in one log. */
const PREFIX = crypto.randomUUID().slice(0, 8);
let issued = 0;

/** The client's own id when it is harmless in a log line, else a new one. */
export function requestIdOf(request: Request): string {
  const given = request.headers.get('x-request-id');
  return given !== null && REQUEST_ID.test(given) ? given : newRequestId();
}

export const newRequestId = (): string => `${PREFIX}-${(++issued).toString(36)}`;

export const ALLOWED_METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS';

/** Adds what a page of a listed origin may read; other origins are answered without these headers. Never credentials. */
export function allowOrigin(request: Request, config: Pick<Config, 'origins'>, headers: Record<string, string>): void {
  const origin = request.headers.get('origin');
  if (origin === null || !(config.origins.includes(origin) || (config.origins.includes('*') && origin !== ''))) return;
  headers['access-control-allow-origin'] = origin;
  headers['vary'] = 'Origin';
  headers['access-control-expose-headers'] = 'RateLimit, RateLimit-Policy, Retry-After, X-Request-Id';
}

/** What a preflight may learn, for ten minutes. */
export function allowPreflight(request: Request, headers: Record<string, string>): void {
  if (!headers['access-control-allow-origin'] || !request.headers.has('access-control-request-method')) return;
  headers['access-control-allow-methods'] = ALLOWED_METHODS;
  headers['access-control-allow-headers'] = 'Authorization, Content-Type, X-Request-Id';
  headers['access-control-max-age'] = '600';
}

/** The headers of an answer outside the door: its id is in `x-request-id`. */
export function answerHeaders(request: Request, config: Pick<Config, 'origins'>): Record<string, string> & { 'x-request-id': string } {
  const headers = { ...baseHeaders(requestIdOf(request)) } as Record<string, string> & { 'x-request-id': string };
  allowOrigin(request, config, headers);
  return headers;
}

/** What every answer says, whoever asks. */
export const PLAIN_HEADERS = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' } as const;

export function baseHeaders(requestId: string): Record<string, string> {
  return { ...PLAIN_HEADERS, 'x-request-id': requestId };
}

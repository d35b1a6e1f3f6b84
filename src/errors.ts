/**
 * Everything that can go wrong, as one closed table: code, HTTP status, title, whether repeating helps,
 * and the close code a socket gets when the error ends it. Services throw AppError; `http/problems.ts`
 * and `realtime/frames.ts` translate it. Nothing here knows HTTP headers or sockets.
 */

/** RFC 9457 titles are constant per code; `temporary` tells a client whether the same request may succeed later. */
export const ERRORS = {
  malformed: { status: 400, title: 'The request could not be read', temporary: false, closes: 4400 },
  unauthenticated: { status: 401, title: 'Authentication is required', temporary: false, closes: 4500 },
  token_expired: { status: 401, title: 'The token has expired', temporary: false, closes: 4001 },
  session_revoked: { status: 401, title: 'The session has ended', temporary: false, closes: 4501 },
  invalid_credentials: { status: 401, title: 'Wrong login or password', temporary: false, closes: 4500 },
  forbidden: { status: 403, title: 'Not allowed', temporary: false, closes: 4506 },
  account_disabled: { status: 403, title: 'The account is disabled', temporary: false, closes: 4503 },
  not_found: { status: 404, title: 'Not found', temporary: false, closes: 4506 },
  method_not_allowed: { status: 405, title: 'Method not allowed', temporary: false, closes: 4500 },
  conflict: { status: 409, title: 'Conflict with the current state', temporary: false, closes: 4500 },
  idempotency_conflict: { status: 409, title: 'The same id was used for something else', temporary: false, closes: 4500 },
  limit_reached: { status: 409, title: 'A limit has been reached', temporary: false, closes: 4500 },
  too_large: { status: 413, title: 'The request is too large', temporary: false, closes: 1009 },
  unsupported_media_type: { status: 415, title: 'Unsupported media type', temporary: false, closes: 4500 },
  misdirected: { status: 421, title: 'This host is not served here', temporary: false, closes: 4500 },
  invalid: { status: 422, title: 'Some fields are not valid', temporary: false, closes: 4506 },
  upgrade_required: { status: 426, title: 'A WebSocket upgrade is required', temporary: false, closes: 4500 },
  rate_limited: { status: 429, title: 'Too many requests', temporary: true, closes: 4013 },
  internal: { status: 500, title: 'Something went wrong on the server', temporary: true, closes: 4000 },
  unavailable: { status: 503, title: 'The service is unavailable; the outcome of a write is open', temporary: true, closes: 4000 },
  overloaded: { status: 503, title: 'The server is overloaded; nothing was done', temporary: true, closes: 4000 },
} as const;

export type ErrorCode = keyof typeof ERRORS;

export const ISSUE_CODES = [
  'required',
  'type',
  'format',
  'too_short',
  'too_long',
  'too_small',
  'too_large',
  'enum',
  'blank',
  'mismatch',
  'unknown',
  'incorrect',
  'weak',
  'taken',
] as const;

export type IssueCode = (typeof ISSUE_CODES)[number];

/** One field to blame. `pointer` is an RFC 6901 pointer into the body, or into the query on routes without one. */
export type Issue = { pointer: string; code: IssueCode; message: string };

/** The one error that services throw. `detail` is prose for people: never a stack, SQL or the rejected value. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly detail: string;
  readonly issues?: readonly Issue[];
  readonly retryAfterMs?: number;

  constructor(code: ErrorCode, detail: string = ERRORS[code].title, more: { issues?: readonly Issue[]; retryAfterMs?: number; cause?: unknown } = {}) {
    super(detail, more.cause === undefined ? undefined : { cause: more.cause });
    this.code = code;
    this.detail = detail;
    if (more.issues) this.issues = more.issues;
    const temporary = code === 'unavailable' || code === 'overloaded' || code === 'rate_limited';
    if (more.retryAfterMs !== undefined || temporary) this.retryAfterMs = more.retryAfterMs ?? 1_000;
  }

  get status(): number {
    return ERRORS[this.code].status;
  }
}

/** 422 with one or more fields to blame. */
export const invalid = (...issues: Issue[]): AppError =>
  new AppError('invalid', issues.map((issue) => `${issue.pointer || 'The request'}: ${issue.message}`).join(' '), { issues });

/** An issue by value, so that call sites read as one line. */
export const issue = (pointer: string, code: IssueCode, message: string): Issue => ({ pointer, code, message });

export const notFound = (what = 'There is nothing here, or nothing that you may see.'): AppError => new AppError('not_found', what);

export const forbidden = (why = 'You may see this, but not do that.'): AppError => new AppError('forbidden', why);

export const conflict = (why: string, ...issues: Issue[]): AppError => new AppError('conflict', why, issues.length > 0 ? { issues } : {});

/** The problem document of RFC 9457, the same over REST and inside a socket's `error` frame (there with `temporary`). */
export type Problem = {
  type: string;
  title: string;
  status: number;
  code: ErrorCode;
  detail: string;
  requestId: string;
  errors?: readonly Issue[];
  retryAfterMs?: number;
};

export function problemOf(error: AppError, requestId: string): Problem {
  const { status, title } = ERRORS[error.code];
  return {
    type: `/errors/${error.code}`,
    title,
    status,
    code: error.code,
    detail: error.detail,
    requestId,
    ...(error.issues ? { errors: error.issues } : {}),
    ...(error.retryAfterMs !== undefined ? { retryAfterMs: error.retryAfterMs } : {}),
  };
}

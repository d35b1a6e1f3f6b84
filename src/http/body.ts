/** Reads a request's JSON body and query as rest.md says, before anybody looks at a field. Throws malformed, too_large, unsupported_media_type. */
import { AppError } from '../errors.ts';
import { BODY_BYTES } from '../limits.ts';

const JSON_TYPE = /^application\/json[ \t]*(?:;[ \t]*charset=(?:utf-8|"utf-8")[ \t]*)?;?[ \t]*$/i;
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const malformed = (why: string) => new AppError('malformed', why);
const tooLarge = () => new AppError('too_large', `A body has at most ${BODY_BYTES} bytes.`);

/** The value in the body; `{}` when there is none. The type is asked for only when there is something to read. */
export async function readJson(request: Request): Promise<unknown> {
  const { headers } = request;
  if (Number(headers.get('content-length') ?? 0) > BODY_BYTES) throw tooLarge();
  if (headers.get('content-encoding')) throw new AppError('unsupported_media_type', 'Bodies are not compressed here.');
  const bytes = request.body === null ? undefined : await request.bytes();
  if (bytes === undefined || bytes.length === 0) return {};
  if (bytes.length > BODY_BYTES) throw tooLarge();
  const type = headers.get('content-type');
  if (type !== 'application/json' && (type === null || !JSON_TYPE.test(type))) {
    throw new AppError('unsupported_media_type', 'Send application/json in UTF-8.');
  }
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch {
    // Also a RangeError out of very deep nesting.
    throw malformed('The body is not JSON in UTF-8.');
  }
}

/** The parameters of a URL; the last of repeated ones counts. `+` is a blank. */
export function readQuery(url: string): Map<string, string> {
  const query = new Map<string, string>();
  const start = url.indexOf('?');
  if (start < 0) return query;
  const end = url.indexOf('#', start);
  for (const pair of url.slice(start + 1, end < 0 ? undefined : end).split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    query.set(unescaped(equals < 0 ? pair : pair.slice(0, equals)), equals < 0 ? '' : unescaped(pair.slice(equals + 1)));
  }
  return query;
}

function unescaped(text: string): string {
  if (!text.includes('%') && !text.includes('+')) return text;
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw malformed('A percent-escape in the query is not UTF-8.');
  }
}

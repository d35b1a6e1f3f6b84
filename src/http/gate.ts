/** What every request must pass before anything else: a host that is answered for, and a path that can be read. */
import type { Config } from '../config.ts';
import { AppError } from '../errors.ts';

/** Shorter hosts make Elysia cut the path out of the URL at the wrong place (field notes): a guarded path could be reached. */
const SHORTEST_HOST = 4;

export type Gate = ReturnType<typeof createGate>;

/**
 * Asked by every handler instead of by a hook of Elysia's in front of them all: such a hook costs 2 µs a request, a fifth of
 * what Bun itself takes for one (measured).
 */
export function createGate({ hosts }: Pick<Config, 'hosts'>) {
  function check(request: Request): AppError | undefined {
    const host = request.headers.get('host') ?? '';
    const answered = host.length >= SHORTEST_HOST && (hosts.length === 0 || hosts.includes(host.replace(/:\d+$/, '').toLowerCase()));
    if (!answered) return new AppError('misdirected', 'This server does not answer for that host.');
    const { url } = request;
    if (url.includes('%') && !decodable(pathOf(url))) return new AppError('malformed', 'A percent-escape in the path is not UTF-8.');
    return undefined;
  }

  return {
    check,
    /** For routes that the door does not compose: the hook that Elysia runs before their handler. */
    hook: {
      beforeHandle({ request }: { request: Request }) {
        const refused = check(request);
        if (refused) throw refused;
      },
    },
  };
}

/** The path of an absolute URL, as it was sent. */
export function pathOf(url: string): string {
  const start = url.indexOf('/', url.indexOf('://') + 3);
  if (start < 0) return '/';
  const end = url.slice(start).search(/[?#]/);
  return end < 0 ? url.slice(start) : url.slice(start, start + end);
}

function decodable(path: string): boolean {
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false;
  }
}

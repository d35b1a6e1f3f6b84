/**
 * What every request meets before a route: the host, the form of the path, HEAD and OPTIONS; and what it meets when there is
 * no route: 404, or 405 with Allow. It never looks at who asks.
 */
import { Elysia } from 'elysia';
import type { Config } from '../config.ts';
import { AppError } from '../errors.ts';
import { allowOrigin, allowPreflight, baseHeaders, requestIdOf } from './headers.ts';
import type { Observe } from './observe.ts';
import { asAppError, problemResponse } from './problems.ts';

type Route = { method: string; path: string };

/** Shorter hosts make Elysia cut the path out of the URL at the wrong place (field notes): a guarded path could be reached. */
const SHORTEST_HOST = 4;

export function front(config: Config, observe: Observe, routes: () => readonly Route[], handle: (request: Request) => Promise<Response>) {
  let known: { pattern: RegExp; methods: Set<string> }[] | undefined;

  /** The methods of the route that a path belongs to; empty when it belongs to none. */
  function methodsOf(path: string): string[] {
    known ??= patternsOf(routes());
    const methods = new Set<string>();
    for (const { pattern, methods: those } of known) if (pattern.test(path)) for (const method of those) methods.add(method);
    if (methods.has('GET')) methods.add('HEAD');
    if (methods.size > 0) methods.add('OPTIONS');
    return [...methods].sort();
  }

  function misdirected(request: Request): boolean {
    const host = request.headers.get('host') ?? '';
    if (host.length < SHORTEST_HOST) return true;
    return config.hosts.length > 0 && !config.hosts.includes(host.replace(/:\d+$/, '').toLowerCase());
  }

  function answer(request: Request, make: (headers: Record<string, string>, requestId: string) => Response): Response {
    const started = performance.now();
    const requestId = requestIdOf(request);
    const headers = baseHeaders(requestId);
    allowOrigin(request, config, headers);
    const response = make(headers, requestId);
    observe.answered(request, 'none', response.status, started, requestId);
    return response;
  }

  const refuse = (request: Request, error: AppError, more: Record<string, string> = {}) =>
    answer(request, (headers, requestId) => problemResponse(error, requestId, Object.assign(headers, more)));

  function options(request: Request, path: string): Response {
    const methods = methodsOf(path);
    if (methods.length === 0) return refuse(request, new AppError('not_found', 'There is no such path.'));
    return answer(request, (headers) => {
      headers['allow'] = methods.join(', ');
      allowPreflight(request, headers);
      return new Response(null, { status: 204, headers });
    });
  }

  function head(request: Request): Promise<Response> {
    // Bun leaves the body of an answer to HEAD unsent, and still tells its length.
    return handle(new Request(request.url, { method: 'GET', headers: request.headers }));
  }

  return new Elysia({ name: 'front' })
    .onRequest(({ request }) => {
      if (misdirected(request)) return refuse(request, new AppError('misdirected', 'This server does not answer for that host.'));
      const { method } = request;
      if (request.url.includes('%') && !decodable(pathOf(request.url))) {
        return refuse(request, new AppError('malformed', 'A percent-escape in the path is not UTF-8.'));
      }
      if (method === 'HEAD') return head(request);
      if (method === 'OPTIONS') return options(request, pathOf(request.url));
    })
    .onError({ as: 'global' }, ({ code, error, request }) => {
      if (code !== 'NOT_FOUND') {
        const requestId = requestIdOf(request);
        return refuse(request, asAppError(error, observe.log, requestId));
      }
      const methods = methodsOf(pathOf(request.url));
      if (methods.length === 0) return refuse(request, new AppError('not_found', 'There is no such path.'));
      return refuse(request, new AppError('method_not_allowed', `Here ${methods.join(', ')} are understood.`), { allow: methods.join(', ') });
    });
}

function patternsOf(routes: readonly Route[]) {
  const byPath = new Map<string, Set<string>>();
  for (const { method, path } of routes) {
    const methods = byPath.get(path) ?? new Set();
    byPath.set(path, methods.add(method.toUpperCase()));
  }
  return [...byPath].map(([path, methods]) => ({ pattern: new RegExp(`^${path.replaceAll('.', '\\.').replace(/:[A-Za-z]+/g, '[^/]+')}$`), methods }));
}

/** The path of an absolute URL, as it was sent. */
function pathOf(url: string): string {
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

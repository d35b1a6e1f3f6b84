/**
 * What a request meets when no route was found for it: HEAD of a GET route, OPTIONS, 405 with Allow, 404; and what becomes of
 * an error that no handler caught. It never looks at who asks.
 */
import { Elysia } from 'elysia';
import type { Config } from '../config.ts';
import { AppError } from '../errors.ts';
import { type Gate, pathOf } from './gate.ts';
import { allowOrigin, allowPreflight, baseHeaders, requestIdOf } from './headers.ts';
import type { Observe } from './observe.ts';
import { asAppError, problemResponse } from './problems.ts';

type Route = { method: string; path: string };

export function front(config: Config, gate: Gate, observe: Observe, routes: () => readonly Route[], handle: (request: Request) => Promise<Response>) {
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

  /** No route has this method and path. */
  function unrouted(request: Request): Response | Promise<Response> {
    const refused = gate.check(request);
    if (refused) return refuse(request, refused);
    const { method } = request;
    const path = pathOf(request.url);
    if (method === 'OPTIONS') return options(request, path);
    const methods = methodsOf(path);
    if (methods.length === 0) return refuse(request, new AppError('not_found', 'There is no such path.'));
    if (method === 'HEAD' && methods.includes('HEAD')) return head(request);
    return refuse(request, new AppError('method_not_allowed', `Here ${methods.join(', ')} are understood.`), { allow: methods.join(', ') });
  }

  return new Elysia({ name: 'front' }).onError({ as: 'global' }, ({ code, error, request }) =>
    code === 'NOT_FOUND' ? unrouted(request) : refuse(request, asAppError(error, observe.log, requestIdOf(request))),
  );
}

function patternsOf(routes: readonly Route[]) {
  const byPath = new Map<string, Set<string>>();
  for (const { method, path } of routes) {
    const methods = byPath.get(path) ?? new Set();
    byPath.set(path, methods.add(method.toUpperCase()));
  }
  return [...byPath].map(([path, methods]) => ({ pattern: new RegExp(`^${path.replaceAll('.', '\\.').replace(/:[A-Za-z]+/g, '[^/]+')}$`), methods }));
}

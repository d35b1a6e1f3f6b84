/**
 * The way into every route under /api/v1, in the contract's order of checks, readable from top to bottom: identity,
 * syntax of the body, rate, fields, then the one verb. Elysia's own hooks validate before they know who asks, would teach
 * strangers about fields and convert values; so a route is one handler that this page composes (docs/decisions).
 */
import type { Static, TSchema } from 'elysia';
import type { Config, RateName } from '../config.ts';
import { type ErrorCode, notFound } from '../errors.ts';
import { type Shape, check, checkQuery, isUuid } from '../lib/check.ts';
import type { RateLimiter } from '../lib/rate-limit.ts';
import { type Soon, after } from '../lib/soon.ts';
import type { Caller } from '../users/model.ts';
import { readJson, readQuery } from './body.ts';
import type { Gate } from './gate.ts';
import { allowOrigin, baseHeaders, PLAIN_HEADERS, requestIdOf } from './headers.ts';
import { lateJson } from './late-json.ts';
import type { Observe } from './observe.ts';
import { asAppError, problemResponse } from './problems.ts';

/** What documents a route and what it checks. `answers` maps statuses to shapes; the highest one is the usual answer (201 before 200). */
export type RouteSpec<B extends TSchema | undefined = undefined, Q extends TSchema | undefined = undefined> = {
  summary: string;
  description?: string;
  tag: string;
  rate?: RateName;
  /** Raises the class for requests that cost more, e.g. lists with a search term. */
  rateOf?: (query: ReadonlyMap<string, string>) => RateName;
  body?: B;
  query?: Q;
  answers: Record<number, unknown>;
  /** Asked together with the identity, for open routes that are not open to everybody: throws what the request gets. */
  admit?: (authorization: string | null) => Promise<void>;
  /** Codes besides those that the door itself answers. */
  fails?: readonly ErrorCode[];
};

type Inputs<B, Q> = {
  body: B extends TSchema ? Static<B> : undefined;
  query: Q extends TSchema ? Static<Q> : undefined;
  /** Lower-case UUIDs for names that end in `Id` (`me` resolved), plain text for all others. */
  params: Record<string, string>;
  /** Where the request comes from, proxies believed as configured. */
  address: string;
  request: Request;
};

type ElysiaContext = {
  request: Request;
  route: string;
  params: Record<string, string>;
  server: { requestIP(request: Request): { address: string } | null } | null;
};
type Handler = (context: ElysiaContext) => Soon<Response>;
/** What the documentation is made of; it travels in Elysia's `detail` under this key, where `http/docs.ts` finds it. */
export const DOC = 'x-parlour';
export type RouteDoc = { operationId: string; signedIn: boolean; spec: RouteSpec<TSchema | undefined, TSchema | undefined> };
type Route = [handler: Handler, hook: { detail: { operationId: string } }];

/** An answer with another status than the usual one. */
export class Reply {
  constructor(
    readonly status: number,
    readonly value: unknown,
  ) {}
}
export const reply = (status: number, value: unknown): Reply => new Reply(status, value);

export type DoorServices = {
  config: Config;
  gate: Gate;
  observe: Observe;
  limiter: RateLimiter;
  /** The caller behind an Authorization header. Throws unauthenticated, token_expired, session_revoked, account_disabled. */
  identify: (authorization: string | null) => Soon<Caller>;
};

export type Door = ReturnType<typeof createDoor>;

export function createDoor({ config, gate, observe, limiter, identify }: DoorServices) {
  /** The address that limits and sessions go by: the n-th from the right of X-Forwarded-For when n proxies are believed. */
  function addressOf({ request, server }: Pick<ElysiaContext, 'request' | 'server'>): string {
    const direct = server?.requestIP(request)?.address ?? '';
    if (config.trustProxy === 0) return direct;
    const hops = (request.headers.get('x-forwarded-for') ?? '')
      .split(',')
      .map((hop) => hop.trim())
      .filter(Boolean);
    return hops.at(-config.trustProxy) ?? hops[0] ?? direct;
  }

  function route<B extends TSchema | undefined, Q extends TSchema | undefined>(
    operationId: string,
    signedIn: boolean,
    spec: RouteSpec<B, Q>,
    handle: (inputs: Inputs<B, Q> & { caller: Caller }) => unknown,
  ): Route {
    // Not the first: an object's numeric keys come in ascending order, however they were written.
    const usual = Math.max(...Object.keys(spec.answers).map(Number));
    const bodyShape = spec.body as Shape | undefined;
    const queryShape = spec.query as Shape | undefined;

    const isLimited = config.rateLimits && (spec.rate !== undefined || spec.rateOf !== undefined);
    const plain = { status: usual, headers: PLAIN_HEADERS };
    const json = { status: usual, headers: new Headers({ ...PLAIN_HEADERS, 'content-type': 'application/json' }) };

    /** Everybody for an open route; for the others only who is somebody. */
    function identified({ request }: ElysiaContext): Soon<Caller> {
      const refused = gate.check(request);
      if (refused) throw refused;
      const authorization = signedIn || spec.admit ? request.headers.get('authorization') : null;
      const caller = signedIn ? identify(authorization) : (undefined as unknown as Caller);
      return spec.admit ? after(spec.admit(authorization), () => caller) : caller;
    }

    /** What the verb takes; everything that can be refused before the verb is refused here, in the contract's order. */
    function inputsOf(context: ElysiaContext, caller: Caller, headers: Record<string, string>): Soon<Inputs<B, Q> & { caller: Caller }> {
      const { request, params } = context;
      const text = queryShape && readQuery(request.url);
      return after(bodyShape && readJson(request), (value) =>
        after(rated(context, caller, text, headers), () => {
          // Asking the socket for its address costs as much as the rest of the door: only who needs it asks.
          const inputs = {
            caller,
            request,
            get address() {
              return addressOf(context);
            },
          } as Inputs<B, Q> & { caller: Caller };
          if (bodyShape) inputs.body = check(bodyShape, value);
          if (queryShape) inputs.query = checkQuery(queryShape, text!);
          inputs.params = namedThings(params, caller);
          return inputs;
        }),
      );
    }

    function rated(context: ElysiaContext, caller: Caller, query: ReadonlyMap<string, string> | undefined, headers: Record<string, string>): Soon<void> {
      if (!isLimited) return;
      const rate = spec.rateOf && query ? spec.rateOf(query) : spec.rate!;
      return limiter.take(rate, signedIn ? caller.userId : addressOf(context), headers);
    }

    /** `late`: not made in the tick in which its request came. */
    function responseOf(result: unknown, late: boolean): Response {
      const other = result instanceof Reply && result.status !== usual ? result.status : undefined;
      const value = result instanceof Reply ? result.value : result;
      if ((other ?? usual) === 204) return new Response(null, other === undefined ? plain : { ...plain, status: other });
      const init = other === undefined ? json : { ...json, status: other };
      return late ? lateJson(value, init) : Response.json(value, init);
    }

    // Only what is named here is prepared: handed the whole context, Elysia would parse cookies and queries for every request.
    // Nothing here waits for what is there already; most reads of a known caller wait for their one query only.
    const handler: Handler = ({ request, route, params, server }) => {
      const started = performance.now();
      const requestId = requestIdOf(request);
      /** What this answer says besides what all answers of this route say. */
      const headers: Record<string, string> = {};
      if (config.origins.length > 0) allowOrigin(request, config, headers);

      const answered = (response: Response): Response => {
        observe.answered(request, route, response.status, started, requestId);
        return response;
      };
      const succeeded = (result: unknown, late: boolean): Response => {
        const response = responseOf(result, late);
        // Cheaper than an object of headers for each answer: 1 µs (docs/performance.md).
        response.headers.set('x-request-id', requestId);
        for (const name in headers) response.headers.set(name, headers[name]!);
        return answered(response);
      };
      const failed = (thrown: unknown): Response =>
        answered(problemResponse(asAppError(thrown, observe.log, requestId), requestId, Object.assign(baseHeaders(requestId), headers)));

      const context = { request, route, params, server };
      try {
        const made = after(identified(context), (caller) => after(inputsOf(context, caller, headers), handle));
        return made instanceof Promise ? made.then((result) => succeeded(result, request.method !== 'HEAD')).catch(failed) : succeeded(made, false);
      } catch (thrown) {
        return failed(thrown);
      }
    };
    const doc: RouteDoc = { operationId, signedIn, spec: spec as never };
    return [handler, { detail: Object.assign({ operationId }, { [DOC]: doc }) }];
  }

  return {
    /** Anybody may ask; an Authorization header is not looked at. */
    open: <B extends TSchema | undefined = undefined, Q extends TSchema | undefined = undefined>(
      operationId: string,
      spec: RouteSpec<B, Q>,
      handle: (inputs: Inputs<B, Q>) => unknown,
    ) => route(operationId, false, spec, handle),
    /** Only a proven, living session may ask. */
    signedIn: <B extends TSchema | undefined = undefined, Q extends TSchema | undefined = undefined>(
      operationId: string,
      spec: RouteSpec<B, Q>,
      handle: (inputs: Inputs<B, Q> & { caller: Caller }) => unknown,
    ) => route(operationId, true, spec, handle),
    addressOf,
  };
}

/** In a path, what is not a UUID names nothing; `me` stands for the caller where a user id is expected. */
function namedThings(params: Record<string, string> | undefined, caller: Caller | undefined): Record<string, string> {
  const named: Record<string, string> = {};
  for (const name in params) {
    const value = params[name]!;
    if (name === 'userId' && value === 'me' && caller) named[name] = caller.userId;
    else if (!name.endsWith('Id')) named[name] = value;
    else if (isUuid(value)) named[name] = value.toLowerCase();
    else throw notFound();
  }
  return named;
}

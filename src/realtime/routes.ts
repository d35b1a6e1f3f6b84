/**
 * The two doors for sockets. What HTTP can answer is answered here (a foreign origin, no upgrade); everything else is accepted
 * first and said on the socket, because a browser learns nothing from a refused handshake.
 */
import type { Server } from 'bun';
import { Elysia } from 'elysia';
import { AppError } from '../errors.ts';
import { readQuery } from '../http/body.ts';
import type { Gate } from '../http/gate.ts';
import { answerHeaders } from '../http/headers.ts';
import { problemResponse } from '../http/problems.ts';
import type { Opening } from './busy.ts';
import { Connection } from './connection.ts';
import type { Gateway } from './gateway.ts';
import { PROTOCOL } from './model.ts';

type Context = { request: Request; server: Server<Connection> | null; params?: { roomId?: string } };
/** The address that rates go by (door.ts). */
type AddressOf = (context: { request: Request; server: Server<Connection> | null }) => string;

/**
 * A page on another site can open a socket here, and a browser adds no CORS to that: without this check such a page could use
 * whatever proof it finds (cross-site WebSocket hijacking). Programs send no Origin.
 */
function isAllowedOrigin(origin: string, request: Request, { origins, trustProxy }: Gateway['config']): boolean {
  if (origins.includes('*')) return true;
  if (origins.includes(origin)) return true;
  return URL.canParse(origin) && origin !== 'null' && new URL(origin).origin === ownOrigin(request, trustProxy);
}

function ownOrigin({ headers }: Request, trustProxy: number): string | undefined {
  const forwarded = (name: string): string | undefined => {
    if (trustProxy === 0) return undefined;
    const hops = (headers.get(name) ?? '').split(',').map((hop) => hop.trim());
    return hops.at(-trustProxy) || hops[0] || undefined;
  };
  const own = `${forwarded('x-forwarded-proto') ?? 'http'}://${forwarded('x-forwarded-host') ?? headers.get('host')}`;
  return URL.canParse(own) ? new URL(own).origin : undefined;
}

/** The parameters of the URL; an escape that is no UTF-8 makes them none, since what is wrong with a proof is said on the socket. */
function parametersOf(url: string): Map<string, string> {
  try {
    return readQuery(url);
  } catch {
    return new Map();
  }
}

export function socketRoutes(gateway: Gateway, addressOf: AddressOf, gate: Gate) {
  const { config, limiter } = gateway;

  function openingOf(request: Request, protocols: readonly string[], roomId: string | undefined): Opening {
    const query = parametersOf(request.url);
    const given = (name: string) => query.get(name) || undefined;
    const bearer = /^bearer +(\S+) *$/i.exec(request.headers.get('authorization') ?? '')?.[1];
    return {
      bearer: bearer ?? (/^bearer( |$)/i.test(request.headers.get('authorization') ?? '') ? '' : undefined),
      ticket: given('ticket'),
      token: config.wsQueryToken ? given('token') : undefined,
      foreignProtocol: protocols.length > 0 && !protocols.includes(PROTOCOL),
      refusal: undefined,
      only: roomId === undefined ? undefined : { roomId, after: given('after'), epoch: given('epoch') },
    };
  }

  function refuse(request: Request, error: AppError, more: Record<string, string> = {}): Response {
    const headers = answerHeaders(request, config);
    return problemResponse(error, headers['x-request-id'], Object.assign(headers, more));
  }

  async function upgrade({ request, server, params }: Context): Promise<Response | undefined> {
    const { headers } = request;
    const origin = headers.get('origin');
    if (origin !== null && !isAllowedOrigin(origin, request, config))
      return refuse(request, new AppError('forbidden', 'Sockets from this origin are not allowed.'));
    const needed = new AppError('upgrade_required', 'This path speaks WebSocket only.');
    const asksFor = { upgrade: 'websocket', connection: 'Upgrade' };
    if (headers.get('upgrade')?.toLowerCase() !== 'websocket' || !server) return refuse(request, needed, asksFor);
    const protocols = (headers.get('sec-websocket-protocol') ?? '')
      .split(',')
      .map((name) => name.trim())
      .filter(Boolean);
    const opening = openingOf(request, protocols, params?.roomId);
    gateway.attach(server);
    try {
      if (config.rateLimits) await limiter.take('open', addressOf({ request, server }));
    } catch (thrown) {
      opening.refusal = thrown instanceof AppError ? thrown : new AppError('internal');
    }
    const answer = protocols.length > 0 ? { 'Sec-WebSocket-Protocol': opening.foreignProtocol ? protocols[0]! : PROTOCOL } : undefined;
    if (server.upgrade(request, { data: new Connection(opening), ...(answer ? { headers: answer } : {}) })) return undefined;
    return refuse(request, needed, asksFor);
  }

  return new Elysia({ name: 'sockets' })
    .get('/ws', (context) => upgrade(context as unknown as Context), gate.hook)
    .get('/ws/chat/:roomId', (context) => upgrade(context as unknown as Context), gate.hook);
}

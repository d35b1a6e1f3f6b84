/**
 * The OpenAPI 3.1 document, made from the very specs that the door checks by, so that it can't drift from them. What Elysia's
 * swagger plugin collects (paths and methods) is its skeleton; what that plugin gets wrong (integers as `anyOf`, bodies in three
 * media types, no problem documents) is replaced here.
 */
import type { TSchema } from 'elysia';
import { ERRORS, ISSUE_CODES, type ErrorCode } from '../errors.ts';
import type { RouteDoc } from './door.ts';
import { EXAMPLES, OUTSIDE, type Operation } from './openapi-words.ts';

type Json = Record<string, unknown>;
export type Skeleton = { paths?: Record<string, Record<string, unknown>> };

/** The patterns that the checker's formats stand for: what a generator of requests may draw from. */
const HIDDEN = '\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029\\u200e\\u200f\\u061c\\u202a-\\u202e\\u2066-\\u2069';
const PATTERNS: Record<string, string> = {
  username: '^[A-Za-z0-9_.+-]+$',
  email: '^[^\\s@]+@[^\\s@]+\\.[^\\s@]+$',
  name: `^[^${HIDDEN}]*$`,
  token: '^[\\x21-\\x7e]+$',
};

/** A TypeBox schema as JSON Schema 2020-12: named shapes become references, `nullable` a second type, our formats patterns. */
export function schemaOf(schema: TSchema | Json, inline = false): Json {
  const { $id, nullable, blank, format, ...rest } = schema as Json & { $id?: string; nullable?: boolean; blank?: boolean; format?: string };
  if ($id && !inline) {
    const reference = { $ref: `#/components/schemas/${$id}` };
    return nullable ? { anyOf: [reference, { type: 'null' }] } : reference;
  }
  const made: Json = {};
  for (const key of Object.keys(rest)) {
    const value = (rest as Json)[key];
    if (key === 'properties') made[key] = Object.fromEntries(Object.entries(value as Json).map(([name, inner]) => [name, schemaOf(inner as Json)]));
    else if (key === 'items') made[key] = schemaOf(value as Json);
    else if (key === 'anyOf' || key === 'oneOf') made[key] = (value as Json[]).map((inner) => schemaOf(inner));
    else made[key] = value;
  }
  if (format && PATTERNS[format]) made['pattern'] = PATTERNS[format];
  else if (format) made['format'] = format;
  if (blank === false) made['pattern'] = format === 'name' ? `^(?=[^]*\\S)[^${HIDDEN}]*$` : '\\S';
  if (nullable && typeof made['type'] === 'string') {
    made['type'] = [made['type'], 'null'];
    if (Array.isArray(made['enum'])) made['enum'] = [...made['enum'], null];
  }
  return made;
}

/** An example of a shape, by the names of its fields. */
function exampleOf(schema: Json, name = ''): unknown {
  if (name in EXAMPLES && (EXAMPLES[name] !== null || schema['nullable'])) return EXAMPLES[name];
  if (schema['format'] === 'uuid') return EXAMPLES['id'];
  if (Array.isArray(schema['anyOf'])) return exampleOf(schema['anyOf'][0] as Json, name);
  if (schema['type'] === 'object') {
    return Object.fromEntries(Object.entries((schema['properties'] ?? {}) as Record<string, Json>).map(([key, inner]) => [key, exampleOf(inner, key)]));
  }
  if (schema['type'] === 'array') return [exampleOf(schema['items'] as Json)];
  if (Array.isArray(schema['enum'])) return schema['enum'][0];
  return { string: 'text', integer: 1, boolean: true }[String(schema['type'])] ?? null;
}

/** The named shapes that a schema holds, itself included, by name. */
function named(schema: unknown, into: Map<string, Json>): void {
  if (schema === null || typeof schema !== 'object') return;
  const { $id } = schema as { $id?: string };
  if ($id && !into.has($id)) into.set($id, schema as Json);
  for (const inner of Object.values(schema)) named(inner, into);
}

const problem = (status: number, codes: readonly ErrorCode[]): Json => ({
  description: codes.map((code) => `\`${code}\`: ${ERRORS[code].title}`).join(' · '),
  ...(status === 401 ? { headers: { 'WWW-Authenticate': { schema: { type: 'string' }, description: 'Bearer' } } } : {}),
  ...(status === 429 || status === 503 ? { headers: { 'Retry-After': { schema: { type: 'integer' }, description: 'Seconds.' } } } : {}),
  content: {
    'application/problem+json': {
      schema: { $ref: '#/components/schemas/Problem' },
      example: {
        type: `/errors/${codes[0]}`,
        title: ERRORS[codes[0]!].title,
        status,
        code: codes[0],
        detail: ERRORS[codes[0]!].title,
        requestId: 'c0ffee00-1',
        ...(status === 422 ? { errors: [{ pointer: '/content', code: 'required', message: 'is required' }] } : {}),
      },
    },
  },
});

/** Every code that a route can answer with, by the order of checks: what the door checks, and what its service throws. */
function codesOf({ signedIn, spec }: RouteDoc, path: string): ErrorCode[] {
  const codes: ErrorCode[] = ['malformed', 'misdirected', 'internal', 'unavailable', 'overloaded'];
  if (signedIn) codes.push('unauthenticated', 'token_expired', 'session_revoked', 'account_disabled');
  if (spec.body) codes.push('unsupported_media_type', 'too_large', 'invalid');
  if (spec.query) codes.push('invalid');
  if (path.includes('{')) codes.push('not_found');
  if (spec.rate || spec.rateOf) codes.push('rate_limited');
  return [...new Set([...codes, ...(spec.fails ?? [])])];
}

function problems(codes: readonly ErrorCode[]): Json {
  const byStatus = Map.groupBy(codes, (code) => ERRORS[code].status);
  return Object.fromEntries([...byStatus].sort(([a], [b]) => a - b).map(([status, these]) => [status, problem(status, these)]));
}

const limitHeaders = {
  'RateLimit-Policy': { schema: { type: 'string' }, description: 'The limit of the class: `"send";q=100;w=10`.', example: '"send";q=100;w=10' },
  RateLimit: { schema: { type: 'string' }, description: 'What is left of it: `"send";r=99;t=10`.', example: '"send";r=99;t=10' },
};

function operationOf(doc: RouteDoc, path: string): Json {
  const { operationId, signedIn, spec } = doc;
  const { body, query } = spec;
  const pathParameters = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
    description: name === 'userId' ? 'A user id, or `me`.' : name === 'code' ? 'The code of an invite.' : 'A UUID.',
    example: EXAMPLES[name!] ?? 'text',
  }));
  const queryParameters = Object.entries((query?.['properties'] ?? {}) as Record<string, Json>).map(([name, schema]) => ({
    name,
    in: 'query',
    required: false,
    schema: schemaOf(schema),
    ...(schema['type'] === 'array' ? { style: 'form', explode: false } : {}),
  }));
  const answers = Object.entries(spec.answers).map(([status, shape]) => [
    status,
    shape === null
      ? { description: 'Done.' }
      : {
          description: Number(status) === 201 ? 'Made.' : 'The answer.',
          ...(spec.rate ? { headers: limitHeaders } : {}),
          content: { 'application/json': { schema: schemaOf(shape as Json), example: exampleOf(shape as Json) } },
        },
  ]);
  const required = ((body?.['required'] ?? []) as string[]).length > 0;
  return {
    operationId,
    summary: spec.summary,
    description: spec.description ?? `${spec.summary}.`,
    tags: [spec.tag],
    security: signedIn ? [{ bearer: [] }] : [],
    ...(pathParameters.length + queryParameters.length > 0 ? { parameters: [...pathParameters, ...queryParameters] } : {}),
    ...(body ? { requestBody: { required, content: { 'application/json': { schema: schemaOf(body), example: exampleOf(body as Json) } } } } : {}),
    responses: { ...Object.fromEntries(answers), ...problems(codesOf(doc, path)) },
  };
}

/** An operation outside /api/v1, or the opening of a socket. */
const outside = ({ fails, ...operation }: Operation): Json => ({
  description: `${operation.summary}.`,
  security: [],
  ...operation,
  responses: { ...operation.responses, ...problems([...fails, 'misdirected', 'internal']) },
});

/** The whole document. Throws when a route has no words: an undocumented one must not be served unnoticed. */
export function openApiOf(skeleton: Skeleton, docs: ReadonlyMap<string, RouteDoc>, version: string): Json {
  const shapes = new Map<string, Json>();
  const paths: Record<string, Json> = {};
  for (const [path, methods] of Object.entries(skeleton.paths ?? {})) {
    for (const [method, found] of Object.entries(methods)) {
      const doc = docs.get((found as { operationId: string }).operationId);
      const words = OUTSIDE[`${method} ${path}`];
      if (!doc && !words) throw new Error(`${method} ${path} has no documentation`);
      if (doc) for (const shape of Object.values(doc.spec.answers)) named(shape, shapes);
      paths[path] = { ...paths[path], [method]: doc ? operationOf(doc, path) : outside(words!) };
    }
  }
  const components = [...shapes]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([name, shape]) => [name, { ...schemaOf(shape, true), examples: [exampleOf(shape)] }]);
  return {
    openapi: '3.1.0',
    info: {
      title: 'Parlour',
      version,
      description: 'A self-hosted chat server: accounts, rooms, messages, search and live delivery. The socket protocol is described at `/docs/socket`.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths: Object.fromEntries(Object.entries(paths).sort(([a], [b]) => a.localeCompare(b))),
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'An access token of register, login or refresh.' } },
      schemas: {
        ...Object.fromEntries(components),
        Event: EVENT,
        Problem: PROBLEM,
      },
    },
  };
}

const TAGS: Record<string, string> = {
  Sessions: 'Signing up, in and out; sessions.',
  Users: 'People and their accounts.',
  Rooms: 'Rooms, conversations and their members.',
  Invites: 'Links that let people in.',
  Messages: 'Sending, reading and finding.',
  Live: 'Opening a socket.',
  Operations: 'Health, metrics and documentation.',
};

const PROBLEM: Json = {
  type: 'object',
  description: 'RFC 9457.',
  required: ['type', 'title', 'status', 'code', 'detail', 'requestId'],
  properties: {
    type: { type: 'string', format: 'uri-reference' },
    title: { type: 'string' },
    status: { type: 'integer' },
    code: { type: 'string', enum: Object.keys(ERRORS) },
    detail: { type: 'string' },
    requestId: { type: 'string' },
    retryAfterMs: { type: 'integer' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['pointer', 'code', 'message'],
        properties: { pointer: { type: 'string' }, code: { type: 'string', enum: [...ISSUE_CODES] }, message: { type: 'string' } },
      },
    },
  },
};

const EVENT: Json = {
  type: 'object',
  description: 'A durable event of a room, the same text as on the socket. `message` is the message as it is now.',
  required: ['type', 'roomId', 'seq', 'at', 'actorId'],
  properties: {
    type: {
      type: 'string',
      enum: ['message.created', 'message.edited', 'message.deleted', 'member.joined', 'member.updated', 'member.left', 'room.updated'],
    },
    roomId: { type: 'string', format: 'uuid' },
    seq: { type: 'integer' },
    at: { type: 'string', format: 'date-time' },
    actorId: { type: ['string', 'null'], format: 'uuid' },
    message: { $ref: '#/components/schemas/Message' },
    member: { $ref: '#/components/schemas/Member' },
    reason: { type: 'string', enum: ['left', 'removed', 'deleted'] },
    changes: { type: 'object' },
  },
};

/** The words of the documentation that no route carries: examples by field name, and the operations outside the door. */
import type { ErrorCode } from '../errors.ts';

export type Operation = {
  operationId: string;
  summary: string;
  tags: string[];
  responses: Record<number, unknown>;
  fails: readonly ErrorCode[];
  parameters?: unknown[];
};

const ID = '0199b3c4-7a10-7cc3-9d51-5f0b2f5c8a01';
const TIME = '2026-11-20T10:17:28.830Z';

export const EXAMPLES: Record<string, unknown> = {
  id: ID,
  userId: ID,
  roomId: ID,
  messageId: ID,
  sessionId: ID,
  ownerId: ID,
  creatorId: ID,
  actorId: ID,
  memberIds: [ID],
  memberUsernames: ['bob'],
  username: 'ann',
  login: 'ann',
  password: 'correct horse battery',
  passwordConfirm: 'correct horse battery',
  currentPassword: 'correct horse battery',
  newPassword: 'staple the correct horse',
  email: 'ann@example.org',
  firstName: 'Ann',
  lastName: 'Lee',
  deleted: false,
  disabledAt: null,
  name: 'Hall',
  description: 'Where everybody meets.',
  peer: null,
  content: 'hello',
  clientMessageId: 'a-1',
  replyTo: null,
  editedAt: null,
  deletedAt: null,
  createdAt: TIME,
  updatedAt: TIME,
  lastActivityAt: TIME,
  lastSeenAt: TIME,
  joinedAt: TIME,
  expiresAt: TIME,
  asOf: TIME,
  since: TIME,
  until: TIME,
  epoch: '5f0b2f5c-8a01-4c1e-9d51-0199b3c47a10',
  lastMessage: null,
  nextCursor: null,
  accessToken: 'eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.e30.c2lnbmF0dXJl',
  token: 'eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.e30.c2lnbmF0dXJl',
  refreshToken: 'mN0b3Jl-cmVmcmVzaA',
  ticket: 'c2luZ2xlIHVzZQ',
  expiresIn: 900,
  code: 'k7Qz_u2mXw4b',
  userAgent: 'curl/8.5.0',
  address: '203.0.113.7',
  highlights: [[0, 5]],
  items: [],
};

const text = (mediaType: string, description: string) => ({ 200: { description, content: { [mediaType]: { schema: { type: 'string' } } } } });
const status = (properties: Record<string, unknown>, example: unknown) => ({
  200: { description: 'The answer.', content: { 'application/json': { schema: { type: 'object', required: Object.keys(properties), properties }, example } } },
});
const query = (name: string, description: string, schema: unknown = { type: 'string' }) => ({ name, in: 'query', required: false, description, schema });
const upgrade = { 101: { description: 'The socket is open; `hello` comes first.' } };

export const OUTSIDE: Record<string, Operation> = {
  'get /livez': {
    operationId: 'readLiveness',
    summary: 'Whether the process answers',
    tags: ['Operations'],
    responses: status({ status: { type: 'string', enum: ['ok'] } }, { status: 'ok' }),
    fails: [],
  },
  'get /readyz': {
    operationId: 'readReadiness',
    summary: 'Whether the node can serve',
    tags: ['Operations'],
    responses: status(
      {
        status: { type: 'string', enum: ['ok', 'degraded'] },
        postgres: { type: 'string', enum: ['ok'] },
        redis: { type: 'string', enum: ['ok', 'down', 'none'] },
      },
      { status: 'ok', postgres: 'ok', redis: 'none' },
    ),
    fails: ['unavailable'],
  },
  'get /metrics': {
    operationId: 'readMetrics',
    summary: 'Metrics in Prometheus’ text format',
    tags: ['Operations'],
    responses: text('text/plain', 'The metrics.'),
    fails: [],
  },
  'get /docs': { operationId: 'readDocs', summary: 'The reference page', tags: ['Operations'], responses: text('text/html', 'A page.'), fails: [] },
  'get /docs/socket': {
    operationId: 'readSocketDocs',
    summary: 'The reference of the socket protocol',
    tags: ['Operations'],
    responses: text('text/html', 'A page.'),
    fails: [],
  },
  'get /docs/{asset}': {
    operationId: 'readDocsAsset',
    summary: 'Scripts and styles of the reference page',
    tags: ['Operations'],
    parameters: [{ name: 'asset', in: 'path', required: true, schema: { type: 'string' }, example: 'swagger-ui.css' }],
    responses: text('*/*', 'The file.'),
    fails: ['not_found', 'malformed'],
  },
  'get /openapi.json': {
    operationId: 'readOpenApi',
    summary: 'This document',
    tags: ['Operations'],
    responses: { 200: { description: 'OpenAPI 3.1.', content: { 'application/json': { schema: { type: 'object' } } } } },
    fails: [],
  },
  'get /errors/{code}': {
    operationId: 'readErrorPage',
    summary: 'What an error code means',
    tags: ['Operations'],
    parameters: [{ name: 'code', in: 'path', required: true, schema: { type: 'string' }, example: 'invalid' }],
    responses: text('text/html', 'A page.'),
    fails: ['not_found', 'malformed'],
  },
  'get /ws': {
    operationId: 'openSocket',
    summary: 'Open a socket for all rooms',
    tags: ['Live'],
    parameters: [query('ticket', 'A ticket of POST /api/v1/auth/tickets.')],
    responses: upgrade,
    fails: ['forbidden', 'upgrade_required'],
  },
  'get /ws/chat/{roomId}': {
    operationId: 'openRoomSocket',
    summary: 'Open a socket for one room',
    tags: ['Live'],
    parameters: [
      { name: 'roomId', in: 'path', required: true, schema: { type: 'string' }, example: ID },
      query('ticket', 'A ticket of POST /api/v1/auth/tickets.'),
      query('after', 'The last seq that was seen.', { type: 'integer', minimum: 0 }),
      query('epoch', 'The epoch that `after` belongs to.'),
    ],
    responses: upgrade,
    fails: ['forbidden', 'upgrade_required', 'malformed'],
  },
};

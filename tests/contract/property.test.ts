/**
 * Draws 2,000 requests from the served OpenAPI, sound and broken, signed in and not: whatever is sent gets a documented answer that
 * matches its schema, never a 5xx, within 2 s. PROPERTY_SEED repeats a run that failed.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import fc from 'fast-check';
import type { Json } from './client.ts';
import { type Document, type Operation, readDocument } from './document.ts';
import { type Person, person } from './people.ts';
import { type Server, startServer } from './server.ts';

const RUNS = 2_000;
const LIMIT_MS = 2_000;

let server: Server;
let document: Document;
let actors: Person[];
/** Ids and codes that name something now; what answers bring is added, so that later requests meet it. */
const known: Record<'roomId' | 'messageId' | 'userId' | 'sessionId' | 'code' | 'cursor' | 'username', string[]> = {
  ...{ roomId: [], messageId: [], userId: [], sessionId: [], code: [], cursor: [], username: [] },
};
const KEPT = 40;
function learn(kind: keyof typeof known, value: unknown): void {
  if (typeof value !== 'string') return;
  known[kind].push(value);
  if (known[kind].length > KEPT) known[kind].splice(Math.floor(known[kind].length / 2), 1);
}

beforeAll(async () => {
  server = await startServer();
  document = await readDocument(server);
  actors = [await person(server, 'ann'), await person(server, 'bob'), await server.admin()];
  const [ann, bob] = actors as [Person, Person, Person];
  for (const { id, username } of actors) {
    learn('userId', id);
    learn('username', username);
  }
  for (const visibility of ['public', 'private']) {
    const room = await ann.does(201, 'POST', 'rooms', { name: 'Hall', visibility, memberIds: [bob.id] });
    learn('roomId', room.id);
    for (let n = 0; n < 5; n++) learn('messageId', (await bob.does(201, 'POST', `rooms/${room.id}/messages`, { content: `hello ${n}` })).id);
    learn('code', (await ann.does(201, 'POST', `rooms/${room.id}/invites`, {})).code);
  }
  learn('roomId', (await ann.does(201, 'PUT', `users/${bob.id}/conversation`)).id);
  learn('sessionId', (await ann.does(200, 'GET', 'auth/sessions')).items[0].id);
  learn('cursor', (await ann.does(200, 'GET', 'rooms?limit=1')).nextCursor);
});
afterAll(() => server.stop());

const NASTY = ['', ' ', '\0', '\ud800', 'a\udfff', '\u202e', '\u200b', 'é'.repeat(300), '\u0301'.repeat(900), "'; drop table users; --", '%', '_', '\\', '&|!():*<->', '"', "''", '$1', '{}', '../..', '天気', '😀'.repeat(64), '-0', 'null', 'me', '__proto__', 'constructor', '0000-01-01T00:00:00Z', '9999-12-31T23:59:59.999999999-23:59', '2026-02-30T00:00:00Z', 'x'.repeat(5_000)]; // biome-ignore format: one line of nasty things
const NUMBERS = [0, -0, 1, -1, 1.5, 1e-7, 500, 501, 2 ** 31, 2 ** 53 - 1, 2 ** 53, -(2 ** 53), 1e21, 1e308];

/** A drawn value that is chosen only when the request is made, because what exists changes from request to request. */
type Draw = { pick: number; of: keyof typeof known };
const existing = (of: keyof typeof known) => fc.nat().map((pick): Draw => ({ pick, of }));
const kindOf = (name: string): keyof typeof known | undefined =>
  (
    ({
      ownerId: 'userId',
      user: 'userId',
      exclude: 'userId',
      memberIds: 'userId',
      room: 'roomId',
      replyTo: 'messageId',
      login: 'username',
      memberUsernames: 'username',
    }) as const
  )[name as 'room'] ?? (name in known ? (name as keyof typeof known) : undefined);

const text = (max: number) =>
  fc.oneof(fc.string({ maxLength: Math.min(max, 40) }), fc.string({ unit: 'grapheme', maxLength: Math.min(max, 40) }), fc.lorem({ maxCount: 4 }));

/** What the schema asks for, or nearly. */
function sound(schema: Json, name: string): fc.Arbitrary<unknown> {
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (schema.enum) return fc.constantFrom(...schema.enum);
  const kind = kindOf(name);
  if (type === 'array') return fc.array(sound(schema.items, name), { maxLength: 3 });
  if (kind) return fc.oneof({ weight: 8, arbitrary: existing(kind) }, { weight: 1, arbitrary: fc.uuid({ version: 7 }) });
  if (type === 'integer') return fc.integer({ min: schema.minimum ?? 0, max: Math.min(schema.maximum ?? 50, 50) });
  if (type === 'boolean') return fc.boolean();
  if (schema.format === 'date-time')
    return fc.oneof(
      fc.constant('2099-01-01T00:00:00Z'),
      fc.date({ min: new Date(0), max: new Date('2100-01-01'), noInvalidDate: true }).map((date) => date.toISOString()),
    );
  if (schema.format === 'uuid') return fc.uuid();
  if (/password/i.test(name)) return fc.constantFrom('correct horse battery', 'another good one', 'wrong');
  if (name === 'username') return fc.stringMatching(/^[a-z0-9_.+-]{3,12}$/);
  if (name === 'email') return fc.emailAddress();
  if (name === 'search') return fc.oneof(fc.constantFrom('hello', '"hello 1"', 'hel -no', 'a or b', 'C++ 天気'), text(100));
  return text(schema.maxLength ?? 60);
}

const broken: fc.Arbitrary<unknown> = fc.oneof(fc.constantFrom<unknown>(...NASTY, ...NUMBERS, null, true, [], {}, [null]), fc.jsonValue({ maxDepth: 3 }));
const orBroken = (value: fc.Arbitrary<unknown>) => fc.oneof({ weight: 7, arbitrary: value }, { weight: 1, arbitrary: broken });

type Drawn = { id: string; who: number; path: Record<string, unknown>; query: Record<string, unknown>; body: unknown; spoil: string };

function request(operation: Operation): fc.Arbitrary<Drawn> {
  const fields = (kind: 'path' | 'query') => operation.parameters.filter((one) => one.in === kind);
  const path = Object.fromEntries(
    fields('path').map(({ name }) => {
      const kind = kindOf(name);
      return [
        name,
        fc.oneof(
          { weight: 8, arbitrary: kind ? existing(kind) : fc.constant('invalid') },
          { weight: 1, arbitrary: fc.constantFrom('me', 'x', Bun.randomUUIDv7(), '😀', '...', '%00') },
        ),
      ];
    }),
  );
  const query = Object.fromEntries(fields('query').map(({ name, schema }) => [name, orBroken(sound(schema, name))]));
  const body = operation.body
    ? orBroken(
        fc.record(
          Object.fromEntries(Object.entries(operation.body.properties as Record<string, Json>).map(([name, schema]) => [name, orBroken(sound(schema, name))])),
          {
            requiredKeys: [],
          },
        ),
      )
    : fc.constant(undefined);
  return fc.record({
    id: fc.constant(operation.id),
    who: fc.constantFrom(0, 0, 1, 1, 2, -1),
    path: fc.record(path) as fc.Arbitrary<Record<string, unknown>>,
    query: fc.record(query, { requiredKeys: [] }) as fc.Arbitrary<Record<string, unknown>>,
    body,
    spoil: fc.constantFrom(...Array(24).fill(''), 'cut', 'type', 'bom', 'escape', 'token', 'encoding'),
  });
}

/** Draws become what exists now; everything else stays. */
function settle(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(settle);
  if (value === null || typeof value !== 'object') return value;
  const { pick, of } = value as Partial<Draw>;
  if (typeof pick === 'number' && typeof of === 'string' && of in known) return known[of][pick % known[of].length] ?? 'x';
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, settle(inner)]));
}

const inUrl = (value: unknown): string =>
  encodeURIComponent((typeof value === 'string' ? value : Array.isArray(value) ? value.join(',') : (JSON.stringify(value) ?? '')).toWellFormed());

async function make(operation: Operation, { who, path, query, body, spoil }: Drawn) {
  const target = operation.path.replace(/\{(\w+)\}/g, (_, name) => inUrl(settle(path[name])) || 'x');
  const pairs = Object.entries(query).map(([name, value]) => `${name}=${inUrl(settle(value))}`);
  if (spoil === 'escape') pairs.push('x=%E0%A4%A');
  const headers: Record<string, string> = spoil === 'encoding' ? { 'content-encoding': 'gzip' } : {};
  const json = body === undefined ? undefined : JSON.stringify(settle(body));
  const raw = json && (spoil === 'cut' ? json.slice(0, -1) : spoil === 'bom' ? `\ufeff${json}` : json);
  const type = raw === undefined ? undefined : spoil === 'type' ? 'text/plain' : 'application/json';
  const token = who < 0 ? undefined : spoil === 'token' ? `${actors[who]!.token}x` : actors[who]!.token;
  const url = target + (pairs.length > 0 ? `?${pairs.join('&')}` : '');
  const from = performance.now();
  const answer = await server.ask(operation.method, url, { token, raw, type, headers });
  return { url, answer, ms: performance.now() - from };
}

/** Who signed out, was disabled or deleted is followed by somebody new, so that the walk goes on. */
async function succeed(who: number): Promise<void> {
  if ((await actors[who]!.ask('GET', 'users/me')).status === 200) return;
  actors[who] = who === 2 ? await server.admin() : await person(server, 'next');
  learn('userId', actors[who].id);
}

function learnFrom(id: string, json: Json): void {
  for (const thing of [json, ...(Array.isArray(json?.items) ? json.items.slice(0, 3) : [])]) {
    if (thing?.kind) learn('roomId', thing.id);
    if (thing?.sender) learn('messageId', thing.id);
    if (thing?.uses !== undefined) learn('code', thing.code);
  }
  if (id === 'listSessions') learn('sessionId', json?.items?.[0]?.id);
  learn('cursor', json?.nextCursor);
}

test(`${RUNS} drawn requests get documented answers`, async () => {
  const tally = new Map<number, number>();
  const succeeded = new Set<string>();
  const seed = Number(process.env['PROPERTY_SEED']) || Date.now() & 0x7fffffff;
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...document.operations).chain(request), async (drawn) => {
      const operation = document.operations.find(({ id }) => id === drawn.id)!;
      const { url, answer, ms } = await make(operation, drawn);
      tally.set(answer.status, (tally.get(answer.status) ?? 0) + 1);
      const fault = document.fault(operation, answer);
      if (fault) throw new Error(`${operation.method} ${url}: ${fault}`);
      if (answer.status >= 500) throw new Error(`${operation.method} ${url}: ${answer.status} ${answer.text}`);
      if (ms > LIMIT_MS) throw new Error(`${operation.method} ${url}: took ${ms} ms`);
      if (answer.status < 300) {
        succeeded.add(operation.id);
        learnFrom(operation.id, answer.json);
      }
      if (drawn.who >= 0 && (answer.status === 401 || answer.json?.code === 'account_disabled' || ['logout', 'deleteMe'].includes(operation.id)))
        await succeed(drawn.who);
    }),
    { numRuns: RUNS, seed, endOnFailure: true },
  );
  if (process.env['PROPERTY_SHOW'])
    console.log(
      document.operations.map(({ id }) => id).filter((id) => !succeeded.has(id)),
      tally,
    );
  // That the draw reached something: most operations succeeded, and every kind of refusal was met.
  expect(succeeded.size).toBeGreaterThan(document.operations.length * 0.75);
  for (const status of [200, 201, 204, 400, 401, 403, 404, 409, 415, 422]) expect([status, (tally.get(status) ?? 0) > 0]).toEqual([status, true]);
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
}, 120_000);

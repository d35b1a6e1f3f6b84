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
const KINDS = ['roomId', 'messageId', 'userId', 'sessionId', 'code', 'cursor', 'username', 'token', 'refreshToken'] as const;
type Kind = (typeof KINDS)[number];
const known = Object.fromEntries(KINDS.map((kind) => [kind, [] as string[]])) as Record<Kind, string[]>;
const KEPT = 40;
function learn(kind: Kind, value: unknown): void {
  if (typeof value !== 'string') return;
  known[kind].push(value);
  if (known[kind].length > KEPT) known[kind].splice(Math.floor(known[kind].length / 2), 1);
}

function meet({ id, username, token, refreshToken }: Person): void {
  for (const [kind, value] of Object.entries({ userId: id, username, token, refreshToken })) learn(kind as Kind, value);
}

/** Rooms of all actors with messages and invites: what is drawn deletes, leaves and removes all the time. */
async function furnish(): Promise<void> {
  for (const who of actors.keys()) await succeed(who);
  const [ann, ...others] = actors as [Person, Person, Person];
  for (const visibility of ['public', 'private']) {
    const room = await ann.does(201, 'POST', 'rooms', { name: 'Hall', visibility, memberIds: others.map(({ id }) => id) });
    learn('roomId', room.id);
    for (const actor of actors) learn('messageId', (await actor.does(201, 'POST', `rooms/${room.id}/messages`, { content: 'hello 1' })).id);
    learn('code', (await ann.does(201, 'POST', `rooms/${room.id}/invites`, {})).code);
  }
  learn('roomId', (await ann.ask('PUT', `users/${others[0]!.id}/conversation`)).json.id);
}

beforeAll(async () => {
  server = await startServer();
  document = await readDocument(server);
  actors = [await person(server, 'ann'), await person(server, 'bob'), await server.admin()];
  const [ann] = actors as [Person, Person, Person];
  await furnish();
  learn('sessionId', (await ann.does(200, 'GET', 'auth/sessions')).items[0].id);
  learn('cursor', (await ann.does(200, 'GET', 'rooms?limit=1')).nextCursor);
});
afterAll(() => server.stop());

const NASTY = ['', ' ', '\0', '\ud800', 'a\udfff', '\u202e', '\u200b', 'é'.repeat(300), '\u0301'.repeat(900), "'; drop table users; --", '%', '_', '\\', '&|!():*<->', '"', "''", '$1', '{}', '../..', '天気', '😀'.repeat(64), '-0', 'null', 'me', '__proto__', 'constructor', '0000-01-01T00:00:00Z', '9999-12-31T23:59:59.999999999-23:59', '2026-02-30T00:00:00Z', 'x'.repeat(5_000)]; // biome-ignore format: one line of nasty things
const NUMBERS = [0, -0, 1, -1, 1.5, 1e-7, 500, 501, 2 ** 31, 2 ** 53 - 1, 2 ** 53, -(2 ** 53), 1e21, 1e308];

/** A drawn value that is chosen only when the request is made, because what exists changes from request to request. */
type Draw = { pick: number; of: Kind };
const existing = (of: Kind) => fc.nat().map((pick): Draw => ({ pick, of }));
const kindOf = (name: string): Kind | undefined =>
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
  )[name as 'room'] ?? (name in known ? (name as Kind) : undefined);

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
  if (name === 'clientMessageId') return fc.stringMatching(/^[!-~]{1,8}$/);
  if (name === 'email') return fc.emailAddress();
  if (name === 'search') return fc.oneof(fc.constantFrom('hello', '"hello 1"', 'hel -no', 'a or b', 'C++ 天気'), text(100));
  return text(schema.maxLength ?? 60);
}

const broken: fc.Arbitrary<unknown> = fc.oneof(fc.constantFrom<unknown>(...NASTY, ...NUMBERS, null, true, [], {}, [null]), fc.jsonValue({ maxDepth: 3 }));
const orBroken = (value: fc.Arbitrary<unknown>) => fc.oneof({ weight: 7, arbitrary: value }, { weight: 1, arbitrary: broken });

type Drawn = { id: string; who: number; path: Record<string, unknown>; query: Record<string, unknown>; body: unknown; spoil: string };

/** Left out, but for once in a few times. */
const sometimes = (value: fc.Arbitrary<unknown>, rarity: number) =>
  fc.oneof({ weight: rarity, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: value });

/** `orBroken` spoils a value now and then, or never: a request with eight fields would hardly ever be sound otherwise. */
function requestWith(operation: Operation, orBroken: (value: fc.Arbitrary<unknown>) => fc.Arbitrary<unknown>): fc.Arbitrary<Drawn> {
  const fields = (kind: 'path' | 'query') => operation.parameters.filter((one) => one.in === kind);
  const path = fields('path').map(({ name, example }) => [name, kindOf(name) && !operation.open ? existing(kindOf(name)!) : fc.constant(example)] as const);
  const query = fields('query').map(({ name, schema }) => [name, sometimes(orBroken(sound(schema, name)), name === 'cursor' ? 12 : 2)] as const);
  const required = (operation.body?.required ?? []) as string[];
  const body = Object.entries((operation.body?.properties ?? {}) as Record<string, Json>).map(
    ([name, schema]) => [name, required.includes(name) ? orBroken(sound(schema, name)) : sometimes(orBroken(sound(schema, name)), 2)] as const,
  );
  return fc.record({
    id: fc.constant(operation.id),
    who: fc.constantFrom(0, 0, 1, 1, 2, -1),
    path: fc.record(Object.fromEntries(path.map(([name, value]) => [name, orBroken(value)]))),
    query: fc.record(Object.fromEntries(query)),
    body: operation.body ? orBroken(fc.record(Object.fromEntries(body))) : fc.constant(undefined),
    spoil: fc.constantFrom(...Array(24).fill(''), 'cut', 'type', 'bom', 'escape', 'token', 'encoding'),
  }) as fc.Arbitrary<Drawn>;
}
const request = (operation: Operation) =>
  fc.oneof(
    requestWith(operation, (value) => value),
    requestWith(operation, orBroken),
  );

/** Draws become what exists now; everything else stays. */
function settle(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(settle);
  if (value === null || typeof value !== 'object') return value;
  const { pick, of } = value as Partial<Draw>;
  if (typeof pick === 'number' && typeof of === 'string' && of in known)
    return known[of].at(-1 - (pick % Math.min(known[of].length, pick % 2 ? KEPT : 6))) ?? 'x';
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, settle(inner)]));
}

const inUrl = (value: unknown): string =>
  encodeURIComponent((typeof value === 'string' ? value : Array.isArray(value) ? value.join(',') : (JSON.stringify(value) ?? '')).toWellFormed());

async function make(operation: Operation, { who, path, query, body, spoil }: Drawn) {
  const named = settle(path) as Record<string, unknown>;
  const target = operation.path.replace(/\{(\w+)\}/g, (_, name) => inUrl(named[name]) || 'x');
  const pairs = Object.entries(query)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${inUrl(settle(value))}`);
  if (spoil === 'escape') pairs.push('x=%E0%A4%A');
  const headers: Record<string, string> = spoil === 'encoding' ? { 'content-encoding': 'gzip' } : {};
  const json = body === undefined ? undefined : JSON.stringify(settle(body));
  const raw = json && (spoil === 'cut' ? json.slice(0, -1) : spoil === 'bom' ? `\ufeff${json}` : json);
  const type = raw === undefined ? undefined : spoil === 'type' ? 'text/plain' : 'application/json';
  const token = who < 0 ? undefined : spoil === 'token' ? `${actors[who]!.token}x` : actors[who]!.token;
  const url = target + (pairs.length > 0 ? `?${pairs.join('&')}` : '');
  const from = performance.now();
  const answer = await server.ask(operation.method, url, { token, raw, type, headers });
  // What names nothing any more makes room for what does.
  if (answer.status === 404)
    for (const kind of KINDS) if (known[kind].length > 4) known[kind] = known[kind].filter((value) => !Object.values(named).includes(value));
  return { url, answer, ms: performance.now() - from };
}

/** Who signed out, was disabled or deleted is followed by somebody new, so that the walk goes on. */
async function succeed(who: number): Promise<void> {
  if ((await actors[who]!.ask('GET', 'users/me')).status === 200) return;
  actors[who] = who === 2 ? await server.admin() : await person(server, 'next');
  meet(actors[who]);
}

/** From what was made or met alone; lists would crowd out the rooms that the actors share. */
function learnFrom(id: string, json: Json): void {
  if (id === 'createInvite') learn('code', json.code);
  if (id === 'sendMessage') learn('messageId', json.id);
  if (id === 'listSessions') learn('sessionId', json.items.at(-1)?.id);
  learn('cursor', json?.nextCursor);
}

test(`${RUNS} drawn requests get documented answers`, async () => {
  let runs = 0;
  const tally = new Map<number, number>();
  const succeeded = new Set<string>();
  const seed = Number(process.env['PROPERTY_SEED']) || Date.now() & 0x7fffffff;
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...document.operations).chain(request), async (drawn) => {
      if (++runs % 25 === 0) await furnish();
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
  // That the draw reached something: most operations succeeded, and every kind of refusal was met.
  expect(succeeded.size).toBeGreaterThan(document.operations.length * 0.8);
  for (const status of [200, 201, 204, 400, 401, 403, 404, 409, 415, 422]) expect([status, (tally.get(status) ?? 0) > 0]).toEqual([status, true]);
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
}, 120_000);

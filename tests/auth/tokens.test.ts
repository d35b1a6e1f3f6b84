/** Access and refresh tokens: what is forged, what is old, what was used before, and what ends with a session. */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { SignJWT } from 'jose';
import { type Answer, type Server, PASSWORD, done, start } from '../support/people.ts';
import { SECRET } from '../support/server.ts';
import { until } from '../support/wait.ts';

let server: Server;
beforeAll(async () => {
  server = await start();
});
afterAll(() => server[Symbol.asyncDispose]());

const bytes = (text: string) => new TextEncoder().encode(text);
const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString());
const headerOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString());
const nameless = (answer: Answer) => ({ ...answer.body, requestId: '' });
const now = () => Math.floor(Date.now() / 1_000);

/** A token signed by hand; `undefined` takes a claim out. */
function sign(claims: Record<string, unknown>, header: Record<string, unknown> = {}, secret = SECRET): Promise<string> {
  const present = Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined));
  return new SignJWT(present).setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', ...header }).sign(bytes(secret));
}

test('a token carries what it should, and another one signed like it is accepted', async () => {
  const ann = await server.person('ann');
  const claims = claimsOf(ann.accessToken);
  expect(Object.keys(claims).sort()).toEqual(['aud', 'exp', 'iat', 'iss', 'jti', 'sid', 'sub']);
  expect(claims).toMatchObject({ sub: ann.id, exp: claims.iat + 900 });
  expect(headerOf(ann.accessToken)).toEqual({ alg: 'HS256', typ: 'at+jwt', kid: expect.any(String) });
  expect((await server.holder(await sign(claims)).get('/users/me')).status).toBe(200);
});

test('forgeries are all refused with one and the same answer, wherever they are shown', async () => {
  const bob = await server.person('bob');
  const genuine = bob.accessToken;
  const claims = claimsOf(genuine);
  const [head, payload, signature] = genuine.split('.') as [string, string, string];
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const forged: Record<string, string> = {
    'no algorithm': `${part({ alg: 'none', typ: 'at+jwt' })}.${payload}.`,
    HS384: await sign(claims, { alg: 'HS384' }),
    'another type': await sign(claims, { typ: 'JWT' }),
    'no type': await sign(claims, { typ: undefined }),
    'another audience': await sign({ ...claims, aud: 'elsewhere' }),
    'another issuer': await sign({ ...claims, iss: 'somebody' }),
    'no expiry': await sign({ ...claims, exp: undefined }),
    'an expiry before 1970': await sign({ ...claims, exp: -5 }),
    'an expiry in text': await sign({ ...claims, exp: String(claims.exp) }),
    'half a second': await sign({ ...claims, exp: claims.exp + 0.5 }),
    'no session': await sign({ ...claims, sid: undefined }),
    'no person': await sign({ ...claims, sub: undefined }),
    'no id': await sign({ ...claims, jti: undefined }),
    'a session that is a number': await sign({ ...claims, sid: 7 }),
    'a person who is no id': await sign({ ...claims, sub: "x' or 1=1" }),
    'another key': await sign(claims, {}, 'another secret, of at least 32 bytes'),
    truncated: genuine.slice(0, -4),
    'another payload': `${head}.${part({ ...claims, exp: claims.exp + 9_999 })}.${signature}`,
    'spare bits of the signature': genuine.slice(0, -1) + String.fromCharCode(genuine.charCodeAt(genuine.length - 1) + 1),
    'an extra dot': `${genuine}.`,
    'five parts': `${genuine}.a.b`,
    'nine kilobytes': await sign({ ...claims, more: 'x'.repeat(9_000) }),
    'a refresh token': bob.refreshToken,
    nothing: '',
    blanks: '   ',
    words: 'a token',
  };
  const wanted = await server.anyone.get('/users/me');
  expect(wanted.status).toBe(401);
  expect(wanted.body.code).toBe('unauthenticated');
  for (const [name, token] of Object.entries(forged)) {
    const answers = [await server.anyone.get('/users/me', { authorization: `Bearer ${token}` }), await server.anyone.post('/auth/verify', { token })];
    for (const answer of answers) {
      expect([name, answer.status, answer.headers.get('www-authenticate')]).toEqual([name, 401, 'Bearer']);
      expect([name, nameless(answer)]).toEqual([name, nameless(wanted)]);
    }
  }
  for (const authorization of [`Basic ${genuine}`, genuine, `Bearer${genuine}`, `Token ${genuine}`]) {
    expect(nameless(await server.anyone.get('/users/me', { authorization }))).toEqual(nameless(wanted));
  }
  expect(nameless(await server.anyone.post('/auth/refresh', { refreshToken: genuine }))).toEqual(nameless(wanted));
  expect(nameless(await server.anyone.post('/auth/refresh', { refreshToken: 'unknown' }))).toEqual(nameless(wanted));
  expect((await server.anyone.get('/users/me', { authorization: `bearer  ${genuine}` })).status).toBe(200);
});

test('a genuine token past its time is told so, also when its session is gone', async () => {
  const carl = await server.person('carl');
  const old = await sign({ ...claimsOf(carl.accessToken), iat: now() - 1_000, exp: now() - 100 });
  expect((await server.holder(old).get('/users/me')).body.code).toBe('token_expired');
  expect((await server.anyone.post('/auth/verify', { token: old })).body.code).toBe('token_expired');
  await using brief = await start({ databaseUrl: server.databaseUrl, env: { ACCESS_TOKEN_SECONDS: '1' } });
  const { accessToken, expiresIn } = done(await brief.anyone.post('/auth/login', { login: 'carl', password: PASSWORD }), 200);
  expect(expiresIn).toBe(1);
  expect((await brief.holder(accessToken).get('/users/me')).status).toBe(200);
  await until('the token expires while it is remembered', async () => (await brief.holder(accessToken).get('/users/me')).body.code === 'token_expired');
});

test('verify says whose token it is', async () => {
  const dora = await server.person('dora');
  const { sid, exp } = claimsOf(dora.accessToken);
  const answer = await server.anyone.post('/auth/verify', { token: dora.accessToken });
  expect(answer.status).toBe(200);
  expect(answer.body).toEqual({ userId: dora.id, sessionId: sid, expiresAt: new Date(exp * 1_000).toISOString() });
});

test('a rotated secret signs, the one before is still accepted, an older one is not', async () => {
  const ella = await server.person('ella');
  await using rotated = await start({
    databaseUrl: server.databaseUrl,
    env: { JWT_SECRET: 'the new secret, of at least 32 bytes', JWT_SECRET_PREVIOUS: SECRET },
  });
  await using later = await start({ databaseUrl: server.databaseUrl, env: { JWT_SECRET: 'the new secret, of at least 32 bytes' } });
  expect((await ella.at(rotated).get('/users/me')).status).toBe(200);
  expect((await ella.at(later).get('/users/me')).status).toBe(401);
  // The successor was derived with the old key; whoever repeats the exchange after the rotation gets the same one.
  const first = done(await server.anyone.post('/auth/refresh', { refreshToken: ella.refreshToken }), 200);
  const again = done(await rotated.anyone.post('/auth/refresh', { refreshToken: ella.refreshToken }), 200);
  expect(again.refreshToken).toBe(first.refreshToken);
  expect((await rotated.holder(again.accessToken).get('/users/me')).status).toBe(200);
  expect((await server.holder(again.accessToken).get('/users/me')).status).toBe(401);
});

test('ten exchanges of one refresh token at once all get one and the same successor', async () => {
  for (const name of ['ten-a', 'ten-b', 'ten-c']) {
    const person = await server.person(name);
    const answers = await Promise.all(Array.from({ length: 10 }, () => server.anyone.post('/auth/refresh', { refreshToken: person.refreshToken })));
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200));
    expect(new Set(answers.map(({ body }) => body.refreshToken)).size).toBe(1);
    expect(answers[0]!.body).toEqual({ accessToken: expect.any(String), refreshToken: expect.any(String), tokenType: 'Bearer', expiresIn: 900 });
    for (const { body } of answers) expect((await server.holder(body.accessToken).get('/users/me')).status).toBe(200);
    const next = done(await server.anyone.post('/auth/refresh', { refreshToken: answers[0]!.body.refreshToken }), 200);
    expect(next.refreshToken).not.toBe(answers[0]!.body.refreshToken);
  }
});

test('a token that was used before its successor was used is a replay: the session dies with all its tokens', async () => {
  const finn = await server.person('finn');
  const second = done(await server.anyone.post('/auth/refresh', { refreshToken: finn.refreshToken }), 200);
  const third = done(await server.anyone.post('/auth/refresh', { refreshToken: second.refreshToken }), 200);
  expect((await finn.get('/users/me')).status).toBe(200);
  const replay = await server.anyone.post('/auth/refresh', { refreshToken: finn.refreshToken });
  expect([replay.status, replay.body.code]).toEqual([401, 'session_revoked']);
  for (const token of [finn.accessToken, second.accessToken, third.accessToken])
    expect((await server.holder(token).get('/users/me')).body.code).toBe('session_revoked');
  for (const { refreshToken } of [second, third]) expect((await server.anyone.post('/auth/refresh', { refreshToken })).body.code).toBe('session_revoked');
});

test('after the grace the same successor is not given again', async () => {
  await using strict = await start({ databaseUrl: server.databaseUrl, env: { REFRESH_GRACE_SECONDS: '0' } });
  const gina = await server.person('gina');
  const second = done(await strict.anyone.post('/auth/refresh', { refreshToken: gina.refreshToken }), 200);
  expect((await strict.anyone.post('/auth/refresh', { refreshToken: gina.refreshToken })).body.code).toBe('session_revoked');
  expect((await strict.anyone.post('/auth/refresh', { refreshToken: second.refreshToken })).body.code).toBe('session_revoked');
});

test('a refresh token past its life has expired', async () => {
  await using brief = await start({ databaseUrl: server.databaseUrl, env: { REFRESH_TOKEN_SECONDS: '1' } });
  const { refreshToken, accessToken } = done(await brief.anyone.post('/auth/register', { username: 'hugo', password: PASSWORD }), 201);
  await until('the refresh token expires', async () => {
    const rows = await server.db
      .sql`select t.expires_at < now() as over from refresh_tokens t join sessions s on s.id = t.session_id join users u on u.id = s.user_id where u.username = 'hugo'`;
    return rows[0]!.over;
  });
  expect((await brief.anyone.post('/auth/refresh', { refreshToken })).body.code).toBe('token_expired');
  expect((await brief.holder(accessToken).get('/users/me')).status).toBe(200);
});

test('no refresh token and no ticket is stored as it is given out', async () => {
  const ina = await server.person('ina');
  const { ticket } = done(await ina.post('/auth/tickets'), 201);
  const rows = await server.db.sql`select encode(hash, 'escape') as hash from refresh_tokens union all select encode(hash, 'escape') from tickets`;
  expect(rows.length).toBeGreaterThan(1);
  for (const { hash } of rows) for (const secret of [ina.refreshToken, ticket]) expect(hash).not.toContain(secret);
});

test('a ticket opens once, within its time, and ends with the token that bought it', async () => {
  const jan = await server.person('jan');
  const bought = await jan.post('/auth/tickets');
  expect([bought.status, bought.body.expiresIn]).toEqual([201, 30]);
  const code = (ticket: string) =>
    server.sessions.redeem(ticket).then(
      () => 'opened',
      (error) => error.code,
    );
  const tries = await Promise.all(Array.from({ length: 8 }, () => server.sessions.redeem(bought.body.ticket).catch((error) => error.code)));
  const opened = tries.filter((proof) => typeof proof === 'object');
  expect(opened).toHaveLength(1);
  expect(opened[0]).toMatchObject({
    caller: { userId: jan.id, role: 'user' },
    user: { username: 'jan', email: null },
    expiresAt: claimsOf(jan.accessToken).exp * 1_000,
  });
  expect(tries.filter((proof) => proof === 'unauthenticated')).toHaveLength(7);
  expect(await code('never sold')).toBe('unauthenticated');
  expect((await server.holder(done(await jan.post('/auth/tickets'), 201).ticket).get('/users/me')).body.code).toBe('unauthenticated');

  const { ticket: old } = done(await jan.post('/auth/tickets'), 201);
  await server.db.sql`update tickets set expires_at = now() - interval '1 second'`;
  expect(await code(old)).toBe('unauthenticated');
  const { ticket: orphan } = done(await jan.post('/auth/tickets'), 201);
  done(await jan.post('/auth/logout'), 204);
  expect(['unauthenticated', 'session_revoked']).toContain(await code(orphan));
});

test('a socket’s proof is asked of Postgres, and says until when', async () => {
  const kim = await server.person('kim');
  expect(await server.sessions.prove(kim.accessToken)).toEqual({
    caller: { userId: kim.id, sessionId: claimsOf(kim.accessToken).sid, role: 'user' },
    user: (await kim.get('/users/me')).body,
    expiresAt: claimsOf(kim.accessToken).exp * 1_000,
  });
  await server.db.sql`update sessions set ended_at = now() where id = ${claimsOf(kim.accessToken).sid as string}`;
  const refused = await server.sessions.prove(kim.accessToken).catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: 'session_revoked' });
});

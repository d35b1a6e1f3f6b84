/** Sessions: which are listed, how they end, and that their end is seen at once here and within a second elsewhere. */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { type Person, type Server, PASSWORD, blamed, done, start } from '../support/people.ts';
import { until } from '../support/wait.ts';

let server: Server;
let other: Server;
beforeAll(async () => {
  server = await start();
  other = await start({ databaseUrl: server.databaseUrl });
});
afterAll(async () => {
  await other[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const state = async (person: Person, at: Server = server): Promise<string> => {
  const answer = await person.at(at).get('/users/me');
  return answer.status === 200 ? 'lives' : answer.body.code;
};

test('sessions are listed newest first, in pages, and the current one is marked', async () => {
  const ann = await server.person('ann');
  const phone = await ann.again({ 'user-agent': 'Phone/1.0 \u00e9' });
  for (let n = 0; n < 3; n++) await ann.again();
  const { items, nextCursor } = done(await phone.get('/auth/sessions'), 200);
  expect(nextCursor).toBeNull();
  expect(items).toHaveLength(5);
  expect(items.map((item: { current: boolean }) => item.current)).toEqual([false, false, false, true, false]);
  expect(items[3]).toEqual({
    id: expect.any(String),
    current: true,
    createdAt: expect.any(String),
    lastSeenAt: expect.stringMatching(/:00\.000Z$/),
    userAgent: 'Phone/1.0 \u00e9',
    address: '127.0.0.1',
  });
  const walked: string[] = [];
  let cursor = '';
  do {
    const page = done(await phone.get(`/auth/sessions?limit=2&cursor=${cursor}&total=true`), 200);
    expect(page.total).toBeNull();
    walked.push(...page.items.map((item: { id: string }) => item.id));
    cursor = page.nextCursor;
  } while (cursor);
  expect(walked).toEqual(items.map((item: { id: string }) => item.id));
  expect(blamed(await phone.get('/auth/sessions?limit=101'))).toEqual(['/limit too_large']);
  expect(blamed(await phone.get('/auth/sessions?cursor=abc'))).toEqual(['/cursor format']);
});

test('logging out ends this session, and again it is 401', async () => {
  const bob = await server.person('bob');
  const tablet = await bob.again();
  expect([await state(bob), await state(bob, other)]).toEqual(['lives', 'lives']);
  expect((await bob.post('/auth/logout')).status).toBe(204);
  expect(await state(bob)).toBe('session_revoked');
  expect((await bob.post('/auth/logout')).body.code).toBe('session_revoked');
  expect((await server.anyone.post('/auth/refresh', { refreshToken: bob.refreshToken })).body.code).toBe('session_revoked');
  expect((await server.anyone.post('/auth/verify', { token: bob.accessToken })).body.code).toBe('session_revoked');
  const from = Date.now();
  await until('the other node knows', async () => (await state(bob, other)) === 'session_revoked');
  expect(Date.now() - from).toBeLessThan(1_100);
  expect(await state(tablet)).toBe('lives');
});

test('what other nodes tell takes effect at once', async () => {
  const cleo = await server.person('cleo');
  const [session] = done(await cleo.get('/auth/sessions'), 200).items;
  expect(await state(cleo, other)).toBe('lives');
  done(await cleo.post('/auth/logout'), 204);
  other.sessions.sessionsEnded([session.id]);
  expect(await state(cleo, other)).toBe('session_revoked');
});

test('one session is ended by its id, and what is not a living one of the caller is not found', async () => {
  const carl = await server.person('carl');
  const eve = await server.person('eve');
  const phone = await carl.again();
  const [phoneSession] = done(await carl.get('/auth/sessions'), 200).items;
  expect((await eve.delete(`/auth/sessions/${phoneSession.id}`)).status).toBe(404);
  expect(await state(phone)).toBe('lives');
  expect((await carl.delete(`/auth/sessions/${phoneSession.id.toUpperCase()}`)).status).toBe(204);
  expect(await state(phone)).toBe('session_revoked');
  expect((await carl.delete(`/auth/sessions/${phoneSession.id}`)).status).toBe(404);
  expect((await carl.delete(`/auth/sessions/${crypto.randomUUID()}`)).status).toBe(404);
  expect((await carl.delete('/auth/sessions/not-an-id')).status).toBe(404);
  expect(await state(carl)).toBe('lives');
});

test('all others end, this one goes on', async () => {
  const dora = await server.person('dora');
  const others = await Promise.all([dora.again(), dora.again(), dora.again()]);
  expect((await dora.delete('/auth/sessions')).status).toBe(204);
  expect(await Promise.all(others.map((session) => state(session)))).toEqual(Array(3).fill('session_revoked'));
  expect(await state(dora)).toBe('lives');
  expect((await dora.delete('/auth/sessions')).status).toBe(204);
  expect(done(await dora.get('/auth/sessions'), 200).items).toHaveLength(1);
});

test('two sessions that end each other at once end at most each other', async () => {
  for (let round = 0; round < 5; round++) {
    const one = await server.person(`duel${round}`);
    const two = await one.again();
    const answers = await Promise.all([one.delete('/auth/sessions'), two.delete('/auth/sessions')]);
    for (const { status } of answers) expect([204, 401]).toContain(status);
    expect(answers.some(({ status }) => status === 204)).toBe(true);
  }
});

test('a disabled account is told so whatever became of its session, and only when the token is genuine', async () => {
  const finn = await server.person('finn');
  const gone = await finn.again();
  done(await gone.post('/auth/logout'), 204);
  await server.users.setDisabled(finn.id, true);
  expect([await state(finn), await state(gone)]).toEqual(['account_disabled', 'account_disabled']);
  const refreshed = await server.anyone.post('/auth/refresh', { refreshToken: finn.refreshToken });
  expect([refreshed.status, refreshed.body.code]).toEqual([403, 'account_disabled']);
  expect((await server.anyone.post('/auth/verify', { token: finn.accessToken })).body.code).toBe('account_disabled');
  expect((await server.anyone.post('/auth/login', { login: 'finn', password: PASSWORD })).body.code).toBe('account_disabled');
  expect((await server.anyone.post('/auth/login', { login: 'finn', password: 'not this one' })).body.code).toBe('invalid_credentials');
  expect((await server.holder(`${finn.accessToken}x`).get('/users/me')).body.code).toBe('unauthenticated');
  await until('the other node knows', async () => (await state(finn, other)) === 'account_disabled', 1_100);
  await server.users.setDisabled(finn.id, false);
  expect(await state(finn)).toBe('session_revoked');
  expect(await state(await finn.again())).toBe('lives');
});

test('a login that races a change of password never leaves a session of the old one', async () => {
  const gina = await server.person('gina');
  for (let round = 0; round < 4; round++) {
    const [oldPassword, newPassword] = round % 2 ? ['another fine one', PASSWORD] : [PASSWORD, 'another fine one'];
    const logins = Array.from({ length: 4 }, () => server.anyone.post('/auth/login', { login: 'gina', password: oldPassword }));
    const changed = gina.put('/users/me/password', { currentPassword: oldPassword, newPassword });
    expect((await changed).status).toBe(204);
    for (const login of await Promise.all(logins)) {
      if (login.status !== 200) expect(login.status).toBe(401);
      else expect((await server.holder(login.body.accessToken).get('/users/me')).body.code).toBe('session_revoked');
    }
  }
});

test('a session is seen again at most once a minute', async () => {
  const hugo = await server.person('hugo');
  await server.db.sql`update sessions set last_seen_at = now() - interval '1 hour' where user_id = ${hugo.id}`;
  await until('the session is seen', async () => {
    await hugo.get('/users/me');
    const [session] = done(await hugo.get('/auth/sessions'), 200).items;
    return Date.now() - Date.parse(session.lastSeenAt) < 120_000;
  });
});

test('what nobody can use any more is swept away', async () => {
  const ina = await server.person('ina');
  done(await ina.post('/auth/tickets'), 201);
  await server.db.sql`update tickets set expires_at = now() - interval '1 hour' where user_id = ${ina.id}`;
  await server.db.sql`update refresh_tokens t set expires_at = now() - interval '90 days' from sessions s where s.id = t.session_id and s.user_id = ${ina.id}`;
  await server.db.sql`update sessions set expires_at = now() - interval '90 days' where user_id = ${ina.id}`;
  const jan = await server.person('jan');
  await server.sessions.sweep();
  const left = await server.db
    .sql`select (select count(*) from sessions where user_id = ${ina.id}) + (select count(*) from tickets where user_id = ${ina.id}) as ina,
    (select count(*) from sessions s join refresh_tokens t on t.session_id = s.id where s.user_id = ${jan.id}) as jan`;
  expect(left[0]).toEqual({ ina: 0, jan: 1 });
});

/** Registering, logging in and the rules of passwords, through the doors. */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { type Server, PASSWORD, blamed, done, start } from '../support/people.ts';

let server: Server;
beforeAll(async () => {
  server = await start();
});
afterAll(() => server[Symbol.asyncDispose]());

const register = (more: Record<string, unknown>) => server.anyone.post('/auth/register', { password: PASSWORD, ...more });

test('a person registers, and is what was typed', async () => {
  const answer = await register({ username: 'Ann.B+c-1', email: 'Ann@Example.ORG', firstName: ' Änn ', lastName: 'O’Neil 😀', passwordConfirm: PASSWORD });
  expect(answer.status).toBe(201);
  const { user, accessToken, refreshToken, ...rest } = answer.body;
  expect(rest).toEqual({ tokenType: 'Bearer', expiresIn: 900 });
  expect(user).toEqual({
    id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
    username: 'Ann.B+c-1',
    firstName: ' Änn ',
    lastName: 'O’Neil 😀',
    deleted: false,
    email: 'ann@example.org',
    role: 'user',
    disabledAt: null,
    createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    updatedAt: user.createdAt,
  });
  expect((await server.holder(accessToken).get('/users/me')).body).toEqual(user);
  expect(refreshToken).not.toContain('.');
});

test('names and addresses are taken without regard to case, and all that are taken are named', async () => {
  done(await register({ username: 'taken', email: 'taken@example.org' }), 201);
  expect(blamed(await register({ username: 'TAKEN' }))).toEqual(['/username taken']);
  expect(blamed(await register({ username: 'other', email: 'Taken@example.org' }))).toEqual(['/email taken']);
  const both = await register({ username: 'Taken', email: 'TAKEN@example.org' });
  expect(both.status).toBe(409);
  expect(both.body.code).toBe('conflict');
  expect(blamed(both)).toEqual(['/email taken', '/username taken']);
});

test('of many who register one name at once, exactly one gets it', async () => {
  const answers = await Promise.all(Array.from({ length: 12 }, (_, at) => register({ username: at % 2 ? 'RACE' : 'race', email: `race${at}@example.org` })));
  expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(11).fill(409)]);
});

test('role, id and other fields that nobody asked for change nothing', async () => {
  const answer = await register({
    username: 'mass',
    role: 'admin',
    id: '019db9a0-1111-7000-8000-000000000001',
    disabledAt: '2020-01-01T00:00:00Z',
    deleted: true,
    ['__proto__']: { role: 'admin' },
  });
  expect(answer.status).toBe(201);
  expect(answer.body.user).toMatchObject({ role: 'user', disabledAt: null, deleted: false });
  expect(answer.body.user.id).not.toBe('019db9a0-1111-7000-8000-000000000001');
});

const wrongFields: [field: string, value: unknown, blame: string][] = [
  ['username', 'ab', 'too_short'],
  ['username', '', 'too_short'],
  ['username', 'a'.repeat(65), 'too_long'],
  ['username', 'аnna', 'format'],
  ['username', 'an na', 'format'],
  ['username', 'a@b', 'format'],
  ['username', 'Deleted', 'format'],
  ['username', null, 'required'],
  ['username', 5, 'type'],
  ['email', 'nobody', 'format'],
  ['email', 'a b@c.d', 'format'],
  ['email', 'a@b', 'format'],
  ['email', `${'a'.repeat(251)}@b.c`, 'format too_long'],
  ['firstName', 'a\u202eb', 'format'],
  ['lastName', 'a\nb', 'format'],
  ['lastName', 'a\0b', 'format'],
  ['lastName', 'a\ud800b', 'format'],
  ['firstName', '😀'.repeat(101), 'too_long'],
  ['password', 'short77', 'too_short'],
  ['password', 'x'.repeat(129), 'too_long'],
  ['password', '1234567890123', 'weak'],
  ['password', 'password1', 'weak'],
  ['password', 'qwerty123', 'weak'],
  ['password', 'iloveyou1', 'weak'],
  ['password', 'Somebody', 'weak'],
  ['password', '12!SomeBody.99', 'weak'],
  ['password', 'MAIL.of@example.org', 'weak'],
  ['password', '*Mail.OF1', 'weak'],
  ['passwordConfirm', 'correct horse batterY', 'mismatch'],
  ['passwordConfirm', '', 'mismatch'],
];
test.each(wrongFields)('register refuses %s %p: %s', async (field, value, blame) => {
  const answer = await register({ username: 'somebody', email: 'mail.of@example.org', [field]: value });
  expect(answer.status).toBe(422);
  expect(answer.body.code).toBe('invalid');
  expect(blamed(answer)).toHaveLength(1);
  expect(blame.split(' ').map((code) => `/${field} ${code}`)).toContain(blamed(answer)[0]!);
  if (typeof value === 'string' && value.length > 5) expect(JSON.stringify(answer.body)).not.toContain(value);
});

test('names and passwords count code points, and null in an optional field is nothing', async () => {
  const answer = await register({
    username: 'points',
    firstName: '😀'.repeat(100),
    lastName: null,
    email: null,
    passwordConfirm: null,
    password: '😀'.repeat(128),
  });
  expect(answer.status).toBe(201);
  expect(answer.body.user).toMatchObject({ firstName: '😀'.repeat(100), lastName: '', email: null });
  expect((await register({ username: 'points2', password: '😀'.repeat(7) })).status).toBe(422);
  expect((await register({ username: 'points3', password: 'ann12345ann' })).status).toBe(201);
});

test('people log in with username or address, whatever the case, each time into a new session', async () => {
  const bob = await server.person('Bob', { email: 'bob@example.org' });
  for (const login of ['bob', 'BOB', 'bob@example.org', 'BOB@example.ORG']) {
    const answer = await server.anyone.post('/auth/login', { login, password: PASSWORD });
    expect(answer.status).toBe(200);
    expect(answer.body.user).toEqual((await bob.get('/users/me')).body);
  }
  expect((await bob.get('/auth/sessions')).body.items).toHaveLength(5);
});

test('an unknown name, a wrong password and an account without one get the same answer', async () => {
  await server.person('carl');
  await server.users.make({ username: 'imported' });
  const answers = await Promise.all(
    ['nobody-is-called-so', 'nobody@example.org', 'carl', 'imported', '', 'a b', '😀'].map((login) =>
      server.anyone.post('/auth/login', { login, password: 'not this one' }),
    ),
  );
  for (const answer of answers) {
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    expect({ ...answer.body, requestId: '' }).toEqual({ ...answers[0]!.body, requestId: '' });
    expect(answer.body.code).toBe('invalid_credentials');
  }
});

test('a login needs its fields as texts', async () => {
  expect(blamed(await server.anyone.post('/auth/login', {}))).toEqual(['/login required', '/password required']);
  expect(blamed(await server.anyone.post('/auth/login', { login: 5, password: ['x'] }))).toEqual(['/login type', '/password type']);
});

test('a sent Authorization header is not looked at by the ways in', async () => {
  await server.person('dora');
  const answer = await server.anyone.post('/auth/login', { login: 'dora', password: PASSWORD }, { authorization: 'Bearer nonsense' });
  expect(answer.status).toBe(200);
  expect((await server.anyone.post('/auth/register', { username: 'dora2', password: PASSWORD }, { authorization: 'Bearer nonsense' })).status).toBe(201);
});

test('where registration is closed, admins make accounts and nobody else learns anything', async () => {
  await using closed = await start({ databaseUrl: server.databaseUrl, env: { REGISTRATION: 'closed' } });
  const ann = await server.person('closed-ann');
  const root = await server.admin('closed-root');
  const draft = { username: 'new-one', password: PASSWORD };
  expect((await closed.anyone.post('/auth/register', draft)).body.code).toBe('forbidden');
  expect((await closed.anyone.post('/auth/register', { username: 5 })).status).toBe(403);
  expect((await ann.at(closed).post('/auth/register', draft)).status).toBe(403);
  expect((await closed.holder('nonsense').post('/auth/register', draft)).status).toBe(401);
  const made = await root.at(closed).post('/auth/register', draft);
  expect(made.status).toBe(201);
  expect(made.body.user).toMatchObject({ username: 'new-one', role: 'user' });
  expect((await closed.holder(made.body.accessToken).get('/users/me')).body.username).toBe('new-one');
});

/** Who is found in the directory, in which order, and what people see of each other. */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { type Person, type Server, blamed, done, start } from '../support/people.ts';
import { until } from '../support/wait.ts';

let server: Server;
let ann: Person;
let bob: Person;
let root: Person;
let gone: Person;
let off: Person;
beforeAll(async () => {
  server = await start();
  ann = await server.person('ann', { firstName: 'Änne', lastName: 'Zwei', email: 'ann@example.org' });
  bob = await server.person('Bob', { firstName: 'ÀLAIN', lastName: '100%_x' });
  root = await server.admin('root');
  for (const username of ['a.b', 'a_b', 'A-b', 'a+b', 'ab1', 'zed', 'Zack']) await server.person(username);
  gone = await server.person('gone');
  done(await gone.post('/users/me/delete', { password: gone.password }), 204);
  off = await server.person('off');
  await server.users.setDisabled(off.id, true);
});
afterAll(() => server[Symbol.asyncDispose]());

const names = async (who: Person, query = '') => done(await who.get(`/users?limit=100${query}`), 200).items.map((item: { username: string }) => item.username);

test('people are listed by the code points of their lower-cased names, without the caller, the deleted and the disabled', async () => {
  expect(await names(ann)).toEqual(['a+b', 'A-b', 'a.b', 'a_b', 'ab1', 'Bob', 'root', 'Zack', 'zed']);
  const [first] = done(await ann.get('/users'), 200).items;
  expect(first).toEqual({ id: expect.any(String), username: 'a+b', firstName: '', lastName: '', deleted: false });
});

test('admins also see the disabled, with everything, and may ask for one or the other', async () => {
  expect(await names(root)).toEqual(['a+b', 'A-b', 'a.b', 'a_b', 'ab1', 'ann', 'Bob', 'off', 'Zack', 'zed']);
  expect(await names(root, '&disabled=true')).toEqual(['off']);
  expect(await names(root, '&disabled=false')).not.toContain('off');
  const [item] = done(await root.get('/users?username=ann'), 200).items;
  expect(item).toEqual((await ann.get('/users/me')).body);
  for (const value of ['true', 'false']) expect((await ann.get(`/users?disabled=${value}`)).body.code).toBe('forbidden');
  expect(blamed(await ann.get('/users?disabled=yes'))).toEqual(['/disabled type']);
  expect((await ann.get('/users?disabled=')).status).toBe(200);
});

test('a query is the beginning of a name, without case, and every character stands for itself', async () => {
  expect(await names(ann, '&query=z')).toEqual(['Zack', 'zed']);
  expect(await names(bob, '&query=ZWE')).toEqual(['ann']);
  expect(await names(bob, `&query=${encodeURIComponent('äN')}`)).toEqual(['ann']);
  expect(await names(ann, `&query=${encodeURIComponent('àla')}`)).toEqual(['Bob']);
  expect(await names(ann, '&query=100%25_')).toEqual(['Bob']);
  expect(await names(ann, '&query=a_')).toEqual(['a_b']);
  expect(await names(ann, '&query=a%2Bb')).toEqual(['a+b']);
  expect(await names(ann, '&query=%25')).toEqual([]);
  expect(await names(ann, "&query='%20or%201%3D1--")).toEqual([]);
  expect(await names(ann, '&query=ack')).toEqual([]);
  expect(await names(ann, '&query=off')).toEqual([]);
  expect(await names(root, '&query=off')).toEqual(['off']);
  expect(await names(ann, '&query=ann')).toEqual([]);
  expect((await ann.get(`/users?query=${'x'.repeat(201)}`)).status).toBe(422);
});

test('an exact name is found without case, also one’s own', async () => {
  expect(await names(ann, '&username=bob')).toEqual(['Bob']);
  expect(await names(ann, '&username=ANN')).toEqual(['ann']);
  expect(await names(ann, '&username=bo')).toEqual([]);
  expect(await names(ann, '&username=off')).toEqual([]);
  expect(await names(ann, '&username=gone')).toEqual([]);
  expect(await names(ann, '&username=deleted')).toEqual([]);
  expect(await names(ann, '&username=')).toContain('Bob');
  expect(await names(ann, '&username=zed&username=bob')).toEqual(['Bob']);
});

test('up to a hundred people can be left out', async () => {
  const left = await names(ann, `&exclude=${bob.id.toUpperCase()},${root.id}`);
  expect(left).toEqual(['a+b', 'A-b', 'a.b', 'a_b', 'ab1', 'Zack', 'zed']);
  expect(blamed(await ann.get(`/users?exclude=${bob.id},nobody`))).toEqual(['/exclude/1 format']);
  const many = (n: number) => Array.from({ length: n }, () => crypto.randomUUID()).join(',');
  expect((await ann.get(`/users?exclude=${many(100)}`)).status).toBe(200);
  expect(blamed(await ann.get(`/users?exclude=${many(101)}`))).toEqual(['/exclude too_long']);
  expect(await names(ann, `&username=bob&exclude=${bob.id}`)).toEqual([]);
});

test('pages join to the whole, whoever comes and goes in between', async () => {
  const walk = async (query: string): Promise<string[]> => {
    const found: string[] = [];
    let cursor = '';
    do {
      const page = done(await ann.get(`/users?limit=2${query}&cursor=${cursor}`), 200);
      found.push(...page.items.map((item: { username: string }) => item.username));
      cursor = page.nextCursor ?? '';
    } while (cursor !== '');
    return found;
  };
  expect(await walk('')).toEqual(await names(ann));
  expect(await walk('&query=z')).toEqual(['Zack', 'zed']);
  const { nextCursor } = done(await ann.get('/users?limit=2&query=a'), 200);
  expect((await ann.get(`/users?limit=9&query=a&cursor=${nextCursor}`)).status).toBe(200);
  for (const query of ['&query=b', '', '&username=a', `&exclude=${bob.id}&query=a`]) {
    expect(blamed(await ann.get(`/users?cursor=${nextCursor}${query}`))).toEqual(['/cursor format']);
  }
  expect(blamed(await ann.get(`/auth/sessions?cursor=${nextCursor}`))).toEqual(['/cursor format']);
  const flipped = nextCursor.replace(/^./, (first: string) => String.fromCharCode(first.charCodeAt(0) ^ 1));
  expect((await ann.get(`/users?query=a&cursor=${flipped}`)).status).toBe(422);
});

test('limits are never clamped', async () => {
  const cases: [string, string][] = [
    ['0', 'too_small'],
    ['101', 'too_large'],
    ['-1', 'type'],
    ['1e1', 'type'],
    ['0x10', 'type'],
    ['ten', 'type'],
    ['1.0', 'type'],
    ['9'.repeat(20), 'too_large'],
  ];
  for (const [limit, code] of cases) expect(blamed(await ann.get(`/users?limit=${limit}`))).toEqual([`/limit ${code}`]);
  expect(done(await ann.get('/users?limit=1'), 200).items).toHaveLength(1);
  expect((await ann.get('/users?limit=')).status).toBe(200);
});

test('the total counts what the walk would show, and follows within a second', async () => {
  const total = async (who: Person, query = '') => done(await who.get(`/users?limit=1&total=true${query}`), 200).total;
  await until('the totals are right', async () => (await total(ann)) === 9 && (await total(root)) === 10, 1_500);
  expect(await total(ann, '&query=a')).toBeNull();
  expect(await total(ann, '&username=bob')).toBeNull();
  expect(await total(root, '&disabled=true')).toBeNull();
  expect(done(await ann.get('/users'), 200)).not.toHaveProperty('total');
  expect(done(await ann.get('/users?total=false'), 200)).not.toHaveProperty('total');
  const fresh = await server.person('fresh');
  await until('the new one is counted', async () => (await total(ann)) === 10, 1_500);
  done(await fresh.post('/users/me/delete', { password: fresh.password }), 204);
  await until('he is no longer counted', async () => (await total(ann)) === 9, 1_500);
});

test('one person is shown in public, and whole to himself and to admins', async () => {
  const whole = (await ann.get('/users/me')).body;
  expect((await ann.get(`/users/${ann.id}`)).body).toEqual(whole);
  expect((await root.get(`/users/${ann.id.toUpperCase()}`)).body).toEqual(whole);
  expect((await bob.get(`/users/${ann.id}`)).body).toEqual({ id: ann.id, username: 'ann', firstName: 'Änne', lastName: 'Zwei', deleted: false });
  expect((await bob.get(`/users/${off.id}`)).body.username).toBe('off');
  for (const who of [ann, root])
    for (const id of [gone.id, crypto.randomUUID(), Bun.randomUUIDv7(), 'nobody', '%00']) expect((await who.get(`/users/${id}`)).status).toBe(404);
  expect((await server.anyone.get(`/users/${ann.id}`)).status).toBe(401);
});

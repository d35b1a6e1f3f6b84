/** trust.md's table of input over REST: what is accepted comes back as it was sent, what is not is refused at its pointer, nothing else happens. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { blamed, type Json } from './client.ts';
import { type Document, readDocument } from './document.ts';
import { PASSWORD, type Person, person } from './people.ts';
import { type Server, startServer } from './server.ts';

let server: Server;
let document: Document;
let ann: Person;
let admin: Person;
let room: string;

beforeAll(async () => {
  server = await startServer();
  document = await readDocument(server);
  ann = await person(server, 'ann');
  admin = await server.admin('admin');
  room = (await ann.does(201, 'POST', 'rooms', { name: 'Hall' })).id;
});
afterAll(() => server.stop());

const ID = Bun.randomUUIDv7();
const everything = async () =>
  (
    await server.sql`select (select count(*) from users) as users, (select count(*) from rooms) as rooms, (select count(*) from messages) as messages, (select count(*) from invites) as invites`
  )[0];

describe('U+0000 and lone surrogates', () => {
  test('are 422 at the pointer of whatever text they are in, in every operation, and nothing is stored', async () => {
    let texts = 0;
    const before = await everything();
    for (const { id, method, path, body } of document.operations) {
      if (!body) continue;
      const target = path
        .replace('{roomId}', room)
        .replace('{userId}', ann.id)
        .replace(/\{\w+\}/, ID);
      for (const [name, schema] of Object.entries(body.properties as Record<string, Json>)) {
        const list = schema.type === 'array';
        if (!list && !String(schema.type).includes('string')) continue;
        for (const bad of ['a\0bcdefgh', '\0', 'abcdefgh\ud800', '\udfff', 'a\udc00\ud800b', '\ud83d']) {
          const answer = await admin.ask(method, target, { [name]: list ? [ID, bad] : bad });
          expect([id, name, answer.status]).toEqual([id, name, 422]);
          expect([id, name, blamed(answer).filter((blame) => blame.startsWith(`/${name}`))]).toEqual([
            id,
            name,
            [list ? `/${name}/1:format` : expect.stringMatching(new RegExp(`^/${name}:(?:format|enum)$`))],
          ]);
          texts++;
        }
      }
    }
    expect(texts).toBeGreaterThan(150);
    expect(await everything()).toEqual(before);
  });

  test('are 422 in a query, and a paired surrogate is a character like any other', async () => {
    expect((await ann.ask('GET', 'users?query=a%00')).status).toBe(422);
    expect((await ann.does(201, 'POST', `rooms/${room}/messages`, { content: '\ud83d\ude00' })).content).toBe('😀');
    const raw = await server.ask('POST', `rooms/${room}/messages`, { token: ann.token, raw: '{"content":"\\ud83d\\ude00\\u0041"}', type: 'application/json' });
    expect(raw.json.content).toBe('😀A');
  });
});

describe('texts', () => {
  const ODD = {
    'a change of direction': 'abc\u202edef\u2066x\u2069',
    'zero-width characters': 'a\u200bb\u200dc\ufeffd\u2060',
    'many combining marks': `e${'\u0301'.repeat(990)}`,
    'control characters': 'tab\tline\nreturn\r\u0001\u007f\u0085\u2028',
    blanks: '  not trimmed \n',
    'what is not normalised': 'Å Å Å ﬁ e\u0301 é ㎏',
    SQL: `'; drop table messages; -- $1 \\ "x" E'\\x' $$ %s {}`,
    'patterns of LIKE': '100% a_b \\% \\_ %% __',
    'words of tsquery': `foo & !bar | (baz <-> 'qux':*) :ABCD \\`,
    JSON: '{"content":"x"} \\u0000 \\n',
    HTML: '<script>alert(1)</script>&amp;&lt;',
    'a header': 'x\r\nSet-Cookie: a=b\r\n\r\nHTTP/1.1 200 OK',
    noncharacters: '\ufffe\uffff\u{1fffe}\u{10ffff}',
    'the replacement character': '\ufffd',
    'a prototype': '__proto__',
    'many scripts': '天気 日本語 한국어 العربية עברית ไทย Ελληνικά 👩‍👩‍👧‍👦🇩🇪',
  };

  for (const [what, text] of Object.entries(ODD)) {
    test(`with ${what} come back as they were sent: content, description, lists, events, search`, async () => {
      const { id } = await ann.does(201, 'POST', 'rooms', { name: 'Odd', description: text });
      const message = await ann.does(201, 'POST', `rooms/${id}/messages`, { content: text });
      expect(message.content).toBe(text);
      expect((await ann.does(200, 'GET', `rooms/${id}`)).description).toBe(text);
      expect((await ann.does(200, 'GET', `messages/${message.id}`)).content).toBe(text);
      expect((await ann.does(200, 'GET', `rooms/${id}/messages`)).items[0].content).toBe(text);
      expect((await ann.does(200, 'GET', `rooms/${id}/events`)).items[0].message.content).toBe(text);
      expect((await ann.does(200, 'GET', `messages?room=${id}`)).items[0].content).toBe(text);
      expect((await ann.does(200, 'GET', 'rooms?limit=1')).items[0].lastMessage.content).toBe(text);
      expect((await ann.does(200, 'PATCH', `messages/${message.id}`, { content: `${text}!` })).content).toBe(`${text}!`);
      expect((await ann.does(200, 'PATCH', `rooms/${id}`, { description: `${text}.` })).description).toBe(`${text}.`);
      const events = (await ann.does(200, 'GET', `rooms/${id}/events`)).items;
      expect([events.at(-1).changes, events.at(-2).message.content]).toEqual([{ description: `${text}.` }, `${text}!`]);
      // As a search, whatever it is, it is answered.
      const part = encodeURIComponent([...text].slice(0, 100).join(''));
      for (const query of [`search=${part}`, `search=%22${part}%22`, `search=-${part}`, `contains=${part}abc`, `search=${part}&sort=relevance`])
        expect([query, (await ann.ask('GET', `messages?${query}`)).status]).toEqual([query, 200]);
      for (const path of [`rooms?query=${part}`, `users?query=${part}`, `users?username=${part}`, `rooms/${id}/members?query=${part}`])
        expect([path, (await ann.ask('GET', path)).status]).toEqual([path, 200]);
      await ann.does(204, 'DELETE', `rooms/${id}`);
    });
  }

  test('are counted in code points', async () => {
    const send = async (content: string) => {
      const answer = await ann.ask('POST', `rooms/${room}/messages`, { content });
      return [answer.status, ...blamed(answer)];
    };
    expect(await send('😀'.repeat(4_000))).toEqual([201]);
    expect(await send('😀'.repeat(4_001))).toEqual([422, '/content:too_long']);
    expect(await send('x'.repeat(4_000))).toEqual([201]);
    expect(await send('x'.repeat(4_001))).toEqual([422, '/content:too_long']);
    expect(await send('')).toEqual([422, '/content:too_short']);
    for (const blank of [' ', '\n\t', '\u00a0', '\u3000', '\ufeff', '\u2003 \u2028'])
      expect([blank, ...(await send(blank))]).toEqual([blank, 422, '/content:blank']);
    for (const seen of ['\u200b', '\u2060', '.', '\u0085']) expect([seen, ...(await send(seen))]).toEqual([seen, 201]);
    const create = async (body: Json) => {
      const answer = await ann.ask('POST', 'rooms', body);
      return [answer.status, ...blamed(answer)];
    };
    expect(await create({ name: '😀'.repeat(100), description: '😀'.repeat(1_000) })).toEqual([201]);
    expect(await create({ name: '😀'.repeat(101), description: '😀'.repeat(1_001) })).toEqual([422, '/description:too_long', '/name:too_long']);
    expect(await create({ name: '' })).toEqual([422, '/name:too_short']);
    expect(await create({ name: ' \t' })).toEqual([422, expect.stringMatching(/^\/name:(blank|format)$/)]);
    expect(await create({ name: '   ' })).toEqual([422, '/name:blank']);
  });

  test('that name people and rooms hold no control or bidi-override characters', async () => {
    for (const hidden of ['\u0001', '\n', '\t', '\u007f', '\u0085', '\u202a', '\u202b', '\u202c', '\u202d', '\u202e', '\u2066', '\u2067', '\u2068', '\u2069']) {
      const named = await ann.ask('POST', 'rooms', { name: `a${hidden}b` });
      expect([escape(hidden), named.status, blamed(named)]).toEqual([escape(hidden), 422, ['/name:format']]);
      expect((await ann.ask('PATCH', `rooms/${room}`, { name: `a${hidden}b` })).status).toBe(422);
      const person = await ann.ask('PATCH', 'users/me', { firstName: `a${hidden}`, lastName: `${hidden}b` });
      expect([escape(hidden), person.status, blamed(person)]).toEqual([escape(hidden), 422, ['/firstName:format', '/lastName:format']]);
    }
    for (const fine of ['Zoë O’Neil', '李', ' padded ', 'a\u200db', '👩‍🚀', 'عربي', 'R&D <b>', '100%_\\']) {
      expect((await ann.does(201, 'POST', 'rooms', { name: fine })).name).toBe(fine);
      expect((await ann.does(200, 'PATCH', 'users/me', { firstName: fine, lastName: '' })).firstName).toBe(fine);
    }
  });
});

describe('usernames', () => {
  test('are of the allowed letters only; look-alikes are refused', async () => {
    const register = (username: unknown) => server.ask('POST', 'auth/register', { body: { username, password: PASSWORD } });
    for (const [username, code] of [
      ['аnn', 'format'],
      ['ann\u200b', 'format'],
      ['ann ', 'format'],
      ['a b', 'format'],
      ['ann@example.org', 'format'],
      ['ａｎｎ', 'format'],
      ['änn', 'format'],
      ['ann\n', 'format'],
      ["ann';--", 'format'],
      ['an', 'too_short'],
      ['', 'too_short'],
      ['x'.repeat(65), 'too_long'],
    ] as const) {
      const answer = await register(username);
      expect([username, answer.status, blamed(answer)]).toEqual([username, 422, [`/username:${code}`]]);
    }
    for (const username of ['deleted', 'DELETED', 'Deleted']) {
      const answer = await register(username);
      expect([username, answer.status, blamed(answer).length]).toEqual([username, 422, 1]);
    }
    for (const username of ['__proto__', 'constructor', 'me.', '...', '+--+', 'NULL', 'x'.repeat(64), '007']) {
      const answer = await register(username);
      expect([username, answer.status, answer.json.user?.username]).toEqual([username, 201, username]);
      expect((await ann.does(200, 'GET', `users?username=${encodeURIComponent(username.toLowerCase())}`)).items.length).toBe(1);
    }
  });
});

describe('patterns in a query', () => {
  test('stand for themselves', async () => {
    const names = ['100% sure', 'a_b', 'a\\b', 'plain'];
    for (const name of names) await ann.does(201, 'POST', 'rooms', { name: `pattern ${name}` });
    const found = async (query: string) =>
      ((await ann.does(200, 'GET', `rooms?query=${encodeURIComponent(query)}`)).items as { name: string }[]).map(({ name }) => name.slice(8)).sort();
    expect(await found('pattern')).toEqual([...names].sort());
    expect(await found('0% S')).toEqual(['100% sure']);
    expect(await found('n a_')).toEqual(['a_b']);
    expect(await found('n a\\')).toEqual(['a\\b']);
    expect(await found('pattern %a')).toEqual([]);
    expect(await found('pattern _')).toEqual([]);
    expect(await found("pattern ' or 1=1")).toEqual([]);
    await person(server, 'under_score');
    await person(server, 'underXscore');
    const people = async (query: string) => (await ann.does(200, 'GET', `users?query=${encodeURIComponent(query)}`)).items.length;
    expect([await people('under'), await people('under_'), await people('under%'), await people('%')]).toEqual([2, 1, 0, 0]);
  });
});

describe('afterwards', () => {
  test('nothing in the process has changed, and no token is in any line of the log', async () => {
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect((await ann.ask('GET', 'users/me')).status).toBe(200);
    expect(server.log.length).toBeGreaterThan(300);
    const text = server.log.join('');
    expect(text).not.toContain('eyJ');
    expect(text).not.toContain(ann.refreshToken);
    expect(text).not.toContain(PASSWORD);
    for (const line of server.log)
      expect([line.endsWith('\n'), line.indexOf('\n') === line.length - 1, typeof JSON.parse(line)]).toEqual([true, true, 'object']);
    expect(text).not.toMatch(/"level":"(?:error|fatal)"/);
  });
});

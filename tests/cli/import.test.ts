import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseLine, usernameFor } from '../../src/cli/import-line.ts';
import { type Database, openDatabase } from '../../src/db/client.ts';
import { parlour } from '../support/command.ts';
import { freshDatabase } from '../support/postgres.ts';
import { brokenRooms } from '../support/world.ts';

const SAMPLE = join(import.meta.dir, '../fixtures/irc-sample.jsonl');
let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'parlour-import-'));
});
afterAll(() => rm(home, { recursive: true, force: true }));

async function installation() {
  const fresh = await freshDatabase();
  const database: Database = openDatabase({ url: fresh.url, pool: 1, deadlineMs: 10_000 });
  const env = { DATABASE_URL: fresh.url, DATA_DIR: home };
  return {
    database,
    run: (args: string[], stdin = '') => parlour(env, ['import', ...args], stdin),
    async [Symbol.asyncDispose]() {
      await database[Symbol.asyncDispose]();
      await fresh[Symbol.asyncDispose]();
    },
  };
}

type Told = { room: string; sender: string; content: string; at: string; id: string };

describe('import', () => {
  test('brings real history in, in order and with its times, and adds nothing when repeated', async () => {
    await using here = await installation();
    const lines: Told[] = (await readFile(SAMPLE, 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const rooms = new Set(lines.map(({ room }) => room));
    const people = new Set(lines.map(({ sender }) => usernameFor(sender).toLowerCase()));
    const said = await here.run([SAMPLE]);
    expect(said).toMatchObject({ code: 0, stderr: '', results: [{ rooms: rooms.size, users: people.size, messages: lines.length, skipped: 0 }] });
    for (const name of rooms) {
      const stored = await here.database.sql<{ content: string; at: string; username: string }>`
        select m.content, m.created_at as at, u.username from messages m join rooms r on r.id = m.room_id join users u on u.id = m.sender_id where r.name = ${name} order by m.seq`;
      const told = lines.filter(({ room }) => room === name);
      expect(stored.map(({ content }) => content)).toEqual(told.map(({ content }) => content));
      expect(stored.map(({ at }) => at)).toEqual(told.map(({ at }) => new Date(at).toISOString()));
      expect(stored[0]!.username.toLowerCase()).toBe(usernameFor(told[0]!.sender).toLowerCase());
      const [room] = await here.database.sql`
        select r.visibility, o.username as owner, r.member_count as members, (select count(*)::int from room_events e where e.room_id = r.id and e.type = 'member.joined') as joined
        from rooms r join users o on o.id = r.owner_id where r.name = ${name}`;
      const senders = new Set(told.map(({ sender }) => usernameFor(sender).toLowerCase())).size;
      expect(room).toEqual({ visibility: 'private', owner: stored[0]!.username, members: senders, joined: senders - 1 });
    }
    expect(await brokenRooms(here.database)).toEqual([]);
    expect((await here.run(['-'], await readFile(SAMPLE, 'utf8'))).results).toEqual([{ rooms: 0, users: 0, messages: 0, skipped: 0 }]);
    expect(await brokenRooms(here.database)).toEqual([]);
  });

  test('takes what is good from a file with bad lines, and names these by their numbers', async () => {
    await using here = await installation();
    const file = join(home, 'mixed.jsonl');
    const good = (content: string, more = {}) => JSON.stringify({ room: 'hall', sender: 'ann', content, ...more });
    const lines = [
      `\ufeff${good('one')}`,
      '{"room":"hall"',
      '[]',
      '',
      good('   '),
      good('x'.repeat(4001)),
      good('two', { at: 'yesterday' }),
      good('three', { at: '2024-02-30T00:00:00Z' }),
      good('four', { id: 'has space' }),
      good('five', { sender: '' }),
      good('six', { room: ' ' }),
      '{"room":"hall","sender":"ann","content":"a\\u0000b"}',
      '{"room":"hall","sender":"ann","content":"\\ud800"}',
      good('seven', { at: '2024-05-01T20:30:00+02:00', id: 'a' }),
      good('another seven', { id: 'a' }),
      good('eight\r').replace('\\r', ''),
    ];
    await writeFile(file, lines.join('\r\n'));
    const said = await here.run([file]);
    expect(said.code).toBe(1);
    expect(said.results).toEqual([{ rooms: 1, users: 1, messages: 3, skipped: 12 }]);
    expect(
      said.stderr
        .trim()
        .split('\n')
        .map((line) => Number(/^line (\d+): ./.exec(line)?.[1]))
        .sort((a, b) => a - b),
    ).toEqual([2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15]);
    const stored = await here.database.sql<{
      content: string;
      at: string;
      id: string | null;
    }>`select content, created_at as at, client_message_id as id from messages order by seq`;
    expect(stored.map(({ content }) => content)).toEqual(['one', 'seven', 'eight']);
    expect(stored[1]).toMatchObject({ at: '2024-05-01T18:30:00.000Z', id: 'a' });
  });

  test('goes on in rooms and with people who are there already', async () => {
    await using here = await installation();
    await here.run(['-'], '{"room":"hall","sender":"ann","content":"one"}\n{"room":"hall","sender":"bob","content":"two"}');
    const said = await here.run(
      ['-'],
      '{"room":"hall","sender":"Bob","content":"three"}\n{"room":"hall","sender":"carl","content":"four"}\n{"room":"attic","sender":"ann","content":"five"}\n',
    );
    expect(said.results).toEqual([{ rooms: 1, users: 1, messages: 3, skipped: 0 }]);
    const [hall] = await here.database.sql`select member_count as members, message_count as messages from rooms where name = 'hall'`;
    expect(hall).toEqual({ members: 3, messages: 4 });
    expect(await brokenRooms(here.database)).toEqual([]);
  });

  test('of two identical lines without ids stores both', async () => {
    await using here = await installation();
    const line = '{"room":"hall","sender":"ann","content":"ping"}\n';
    expect((await here.run(['-'], line + line)).results).toEqual([{ rooms: 1, users: 1, messages: 2, skipped: 0 }]);
  });
});

test('a sender’s name becomes a username', () => {
  expect(usernameFor('|QuaD-')).toBe('_QuaD-');
  expect(usernameFor('é')).toBe('___');
  expect(usernameFor('jo')).toBe('jo_');
  expect(usernameFor('🙂🙂')).toBe('___');
  expect(usernameFor('x'.repeat(80))).toBe('x'.repeat(64));
  expect(usernameFor('Deleted')).toBe('Deleted_');
  expect(parseLine('{"room":"r","sender":"ann","content":"x"}')).toEqual({ room: 'r', username: 'ann', content: 'x', at: null, clientMessageId: null });
});

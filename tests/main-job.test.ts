/** What Parlour is for, on real input: real history imported, two of its people talking in one of its rooms, and what was said long ago found again. */
import { expect, test } from 'bun:test';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readSample } from '../bench/corpus/sample.ts';
import { usernameFor } from '../src/cli/import-line.ts';
import { Client } from './support/chat.ts';
import { parlour } from './support/command.ts';
import { freshDatabase } from './support/postgres.ts';
import { startNode } from './support/server.ts';
import { brokenRooms } from './support/world.ts';

const MESSAGES = 12_000;

test('the corpus is imported, two of its people talk in one of its rooms, and one message is found by a word, a phrase, a prefix and a part', async () => {
  const home = await mkdtemp(join(tmpdir(), 'parlour-main-'));
  try {
    await using fresh = await freshDatabase();
    const env = { DATABASE_URL: fresh.url, DATA_DIR: home, JWT_SECRET: 'a secret for tests, of at least 32 bytes' };
    const told = (await readSample()).slice(0, MESSAGES).map(({ room, at, nick, text }, n) => ({ room, sender: nick, content: text, at, id: `line-${n}` }));
    const file = join(home, 'history.jsonl');
    await writeFile(file, told.map((line) => JSON.stringify(line)).join('\n'));
    const from = performance.now();
    const said = await parlour(env, ['import', file]);
    const seconds = (performance.now() - from) / 1_000;
    expect(said).toMatchObject({ code: 0, results: [{ messages: told.length, skipped: 0 }] });
    console.log(`${told.length} messages imported, ${Math.round(told.length / seconds)}/s with the start of the command`);
    expect((await parlour(env, ['import', file])).results).toEqual([{ rooms: 0, users: 0, messages: 0, skipped: 0 }]);

    await using node = await startNode({ databaseUrl: fresh.url });
    expect(await brokenRooms(node.db)).toEqual([]);

    // Two people of the largest room, signed in the way a script is.
    const sizes = Map.groupBy(told, ({ room }) => room);
    const [name, lines] = [...sizes].sort(([, a], [, b]) => b.length - a.length)[0]!;
    const [first, second] = [...new Set(lines.map(({ sender }) => usernameFor(sender)))] as [string, string];
    const tokenOf = async (username: string) => (await parlour(env, ['token', username])).results[0]!['accessToken'] as string;
    const [ann, bob] = [await tokenOf(first), await tokenOf(second)];
    const ask = async (token: string, path: string) => {
      const response = await fetch(`${node.url}/api/v1${path}`, { headers: { authorization: `Bearer ${token}` } });
      expect(response.status).toBe(200);
      // biome-ignore lint/suspicious/noExplicitAny: what comes back is what the test is about
      return (await response.json()) as any;
    };
    const room = (await ask(ann, '/rooms?limit=100')).items.find((item: { name: string }) => item.name === name);
    expect(room).toMatchObject({ messageCount: lines.length, lastMessage: { content: lines.at(-1)!.content } });
    const mine = lines.filter(({ sender }) => usernameFor(sender).toLowerCase() === first.toLowerCase()).length;
    expect(room.me.unread).toBe(Math.min(100, lines.length - mine));

    // They talk, and both hear the same in the same order.
    const sockets: Client[] = [];
    for (const token of [ann, bob]) {
      const client = new Client(node.url, { headers: { authorization: `Bearer ${token}` } });
      await client.next('ready');
      await client.do('subscribe', { rooms: [{ roomId: room.id }] });
      sockets.push(client);
    }
    const [atAnn, atBob] = sockets as [Client, Client];
    const word = `wichtelmaennchen`;
    await atAnn.do('message.send', { roomId: room.id, content: `does anybody here know ${word}?`, clientMessageId: 'talk-1' });
    await atBob.do('message.send', { roomId: room.id, content: 'never heard of them', clientMessageId: 'talk-2' });
    for (const client of sockets) {
      await client.next('message.created', { seq: room.lastSeq + 2 });
      expect(client.events(room.id).map((event) => event.message.content)).toEqual([`does anybody here know ${word}?`, 'never heard of them']);
    }
    expect((await ask(bob, `/messages?search=${word}`)).items).toHaveLength(1);

    // One message out of the history, whose words name it: by word, phrase, prefix and part.
    const line = lines.find(({ content }) => /^[a-z]+ [a-z]+ [a-z]+ [a-z]+$/i.test(content) && content.length > 22)!;
    const words = line.content.split(' ');
    const find = async (query: string) =>
      (await ask(ann, `/messages?room=${room.id}&limit=100&${query}`)).items.map((item: { content: string }) => item.content);
    const longest = [...words].sort((a, b) => b.length - a.length)[0]!;
    expect(await find(`search=${longest}`)).toContain(line.content);
    expect(await find(`search=${encodeURIComponent(`"${words[0]} ${words[1]}"`)}`)).toContain(line.content);
    expect(await find(`search=${longest.slice(0, -1)}`)).toContain(line.content);
    expect(await find(`contains=${encodeURIComponent(line.content.slice(2, -2))}`)).toEqual([line.content]);
    const page = await ask(bob, `/rooms/${room.id}/messages?around=${Math.floor(room.lastSeq / 2)}&limit=20`);
    expect(page.items).toHaveLength(20);
    for (const client of sockets) client.close();
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}, 120_000);

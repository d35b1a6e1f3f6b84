/** rest.md on pages by seq: history before, after and around a place, with honest edges, and the log of events. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { type Json, blamed } from './client.ts';
import { type Person, person } from './people.ts';
import { type Server, startServer } from './server.ts';

let server: Server;
let ann: Person;

beforeAll(async () => {
  server = await startServer();
  ann = await person(server, 'ann');
});
afterAll(() => server.stop());

describe('pages by seq', () => {
  let hall: string;
  beforeAll(async () => {
    hall = (await ann.does(201, 'POST', 'rooms', { name: 'Long' })).id;
    const ids: string[] = [];
    for (let n = 1; n <= 120; n++) ids.push((await ann.does(201, 'POST', `rooms/${hall}/messages`, { content: `m${n}` })).id);
    // 121: an edit, 122: a deletion, 123: a room change, 124 a message again.
    await ann.does(200, 'PATCH', `messages/${ids[9]}`, { content: 'edited' });
    await ann.does(204, 'DELETE', `messages/${ids[19]}`);
    await ann.does(200, 'PATCH', `rooms/${hall}`, { name: 'Longer' });
    await ann.does(201, 'POST', `rooms/${hall}/messages`, { content: 'last' });
  });
  const history = async (query: string) => {
    const page = await ann.does(200, 'GET', `rooms/${hall}/messages${query}`);
    expect(Object.keys(page).sort()).toEqual(['epoch', 'hasAfter', 'hasBefore', 'items', 'lastSeq']);
    const seqs = page.items.map((item: Json) => item.seq as number);
    expect(seqs).toEqual([...seqs].sort((a, b) => a - b));
    return { seqs, hasBefore: page.hasBefore, hasAfter: page.hasAfter, lastSeq: page.lastSeq };
  };
  const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => from + at);

  test('of history follow before, after, around and limit', async () => {
    expect(await history('')).toEqual({ seqs: [...range(72, 120), 124], hasBefore: true, hasAfter: false, lastSeq: 124 });
    expect(await history('?limit=100')).toEqual({ seqs: [...range(22, 120), 124], hasBefore: true, hasAfter: false, lastSeq: 124 });
    expect(await history('?before=11&limit=3')).toEqual({ seqs: [8, 9, 10], hasBefore: true, hasAfter: true, lastSeq: 124 });
    expect(await history('?before=3')).toEqual({ seqs: [1, 2], hasBefore: false, hasAfter: true, lastSeq: 124 });
    expect(await history('?after=118&limit=2')).toEqual({ seqs: [119, 120], hasBefore: true, hasAfter: true, lastSeq: 124 });
    expect(await history('?after=119')).toEqual({ seqs: [120, 124], hasBefore: true, hasAfter: false, lastSeq: 124 });
    expect(await history('?after=0&limit=2')).toEqual({ seqs: [1, 2], hasBefore: false, hasAfter: true, lastSeq: 124 });
    expect(await history('?around=20&limit=5')).toEqual({ seqs: [18, 19, 20, 21, 22], hasBefore: true, hasAfter: true, lastSeq: 124 });
    expect(await history('?around=20&limit=4')).toEqual({ seqs: [18, 19, 20, 21], hasBefore: true, hasAfter: true, lastSeq: 124 });
    expect(await history('?around=1&limit=4')).toEqual({ seqs: [1, 2], hasBefore: false, hasAfter: true, lastSeq: 124 });
    expect(await history('?around=124&limit=4')).toEqual({ seqs: [119, 120, 124], hasBefore: true, hasAfter: false, lastSeq: 124 });
    expect(await history('?around=122&limit=3')).toEqual({ seqs: [120, 124], hasBefore: true, hasAfter: false, lastSeq: 124 });
    expect(await history('?around=20&limit=1')).toEqual({ seqs: [20], hasBefore: true, hasAfter: true, lastSeq: 124 });
    expect(await history('?around=0&limit=2')).toEqual({ seqs: [1], hasBefore: false, hasAfter: true, lastSeq: 124 });
    expect(await history('?around=9999&limit=2')).toEqual({ seqs: [124], hasBefore: true, hasAfter: false, lastSeq: 124 });
  });

  test('that are empty still say what is around them', async () => {
    expect(await history('?before=0')).toEqual({ seqs: [], hasBefore: false, hasAfter: true, lastSeq: 124 });
    expect(await history('?before=1')).toEqual({ seqs: [], hasBefore: false, hasAfter: true, lastSeq: 124 });
    expect(await history('?after=124')).toEqual({ seqs: [], hasBefore: true, hasAfter: false, lastSeq: 124 });
    expect(await history('?after=9007199254740991')).toEqual({ seqs: [], hasBefore: true, hasAfter: false, lastSeq: 124 });
    const empty = (await ann.does(201, 'POST', 'rooms', { name: 'Empty' })).id;
    for (const query of ['', '?after=0', '?before=5', '?around=5']) {
      expect(await ann.does(200, 'GET', `rooms/${empty}/messages${query}`)).toMatchObject({ items: [], hasBefore: false, hasAfter: false, lastSeq: 0 });
    }
  });

  test('hold tombstones without their text', async () => {
    const { items } = await ann.does(200, 'GET', `rooms/${hall}/messages?around=20&limit=1`);
    expect(items[0]).toMatchObject({ seq: 20, content: '', deletedAt: expect.any(String), updatedAt: items[0].deletedAt });
  });

  test('of events go from after on, at most 500, and the last tells whether there is more', async () => {
    const events = async (query: string) => (await ann.does(200, 'GET', `rooms/${hall}/events${query}`)) as Json;
    const first = await events('');
    expect([first.items.length, first.items[0].seq, first.items.at(-1).seq, first.lastSeq]).toEqual([100, 1, 100, 124]);
    const rest = await events('?after=100&limit=500');
    expect(rest.items.map((event: Json) => event.seq)).toEqual(range(101, 124));
    expect(rest.items.slice(-4).map((event: Json) => event.type)).toEqual(['message.edited', 'message.deleted', 'room.updated', 'message.created']);
    // The message is as it is now: what was deleted does not come back in the event that made it.
    expect(first.items[19].message).toMatchObject({ content: '', seq: 20 });
    expect(first.items[9].message).toMatchObject({ content: 'edited', seq: 10 });
    expect((await events('?after=124')).items).toEqual([]);
    expect((await events('?after=5&limit=1')).items.map((event: Json) => event.seq)).toEqual([6]);
    for (const [query, code] of [
      ['limit=501', '/limit:too_large'],
      ['limit=0', '/limit:too_small'],
      ['after=-1', '/after:type'],
    ]) {
      const answer = await ann.ask('GET', `rooms/${hall}/events?${query}`);
      expect([answer.status, blamed(answer)]).toEqual([422, [code!]]);
    }
    expect((await ann.ask('GET', `rooms/${hall}/messages?limit=101`)).status).toBe(422);
  });
});

/**
 * The connection to Postgres is lost when the batch has committed and its answer has not come: the outcome is open, and the
 * writer finds it by sending the batch again with its own ids (docs/decisions/0003). Nothing is stored twice, not even sends
 * without a clientMessageId, nothing fails, and everybody hears everything without waiting for the poll.
 */
import { expect, test } from 'bun:test';
import { openNode } from '../support/chat.ts';
import { Reader } from '../support/client.ts';
import { freshDatabase } from '../support/postgres.ts';
import { openProxy } from '../support/proxy.ts';
import { openDatabase } from '../../src/db/client.ts';
import { aPerson, aRoom, brokenRooms } from '../support/world.ts';
import { judge } from './story.ts';

const ROUNDS = 20;
const SENDS = 20;

test('a batch that committed unheard is stored once, answered as stored, and told at once', async () => {
  await using database = await freshDatabase();
  const address = new URL(database.url);
  await using proxy = openProxy({ port: Number(address.port) });
  address.port = String(proxy.port);
  await using node = await openNode({ databaseUrl: address.href });
  await using db = openDatabase({ url: database.url, pool: 1, deadlineMs: 5_000 });
  const ann = await aPerson(db);
  const roomId = await aRoom(db, ann);
  const { accessToken: token } = await node.services.sessions.mint(ann);
  const [room] = await db.sql<{ epoch: string }>`select epoch from rooms`;
  const reader = await new Reader({ id: ann, token }, { urls: () => [node.url] }).open();
  await reader.follow(roomId, { after: 0, epoch: room!.epoch });

  let sent = 0;
  let unheard = 0;
  let slowestMs = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const before = await count();
    // So that who asks is known, and the batch is all that Postgres is asked.
    expect((await fetch(`${node.url}/api/v1/users/me`, { headers: { authorization: `Bearer ${token}` } })).status).toBe(200);
    proxy.deafen();
    const from = performance.now();
    const answers = Array.from({ length: SENDS }, (_, n) =>
      fetch(`${node.url}/api/v1/rooms/${roomId}/messages`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ content: `round ${round}, ${n}` }),
      }).then(async (response) => ({ status: response.status, body: (await response.json()) as { seq: number } })),
    );
    await Bun.sleep(Math.random() * 30);
    // What is there by now committed, and nobody was told.
    if ((await count()) > before) unheard++;
    proxy.cut();
    sent += SENDS;
    const outcomes = await Promise.all(answers);
    slowestMs = Math.max(slowestMs, performance.now() - from);
    expect(outcomes.filter(({ status }) => status !== 201)).toEqual([]);
    expect(outcomes.map(({ body }) => body.seq).sort((a, b) => a - b)).toEqual(Array.from({ length: SENDS }, (_, n) => sent - SENDS + 1 + n));
    await reader.reaches(roomId, sent, 500);
  }
  expect(unheard).toBeGreaterThan(ROUNDS / 4);
  expect(await count()).toBe(sent);
  console.log(JSON.stringify({ fault: 'answers of Postgres lost', rounds: ROUNDS, unheard, slowestMs: Math.round(slowestMs) }));
  expect((await judge(db.sql, { roomIds: [roomId], readers: [reader], acknowledged: [] })).problems).toEqual([]);
  expect(await brokenRooms(db)).toEqual([]);
  reader.close();

  async function count(): Promise<number> {
    const [row] = await db.sql<{ n: number }>`select count(*) as n from messages`;
    return row!.n;
  }
}, 40_000);

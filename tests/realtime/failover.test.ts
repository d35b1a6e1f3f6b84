/**
 * The database fails over to a standby that lacks the last commits: a real primary, killed, and a real standby, promoted. Seqs are
 * used again, so every room begins a new epoch, everybody who hears or resumes one is told so, and nobody keeps an event that is gone.
 */
import { expect, test } from 'bun:test';
import { openDatabase } from '../../src/db/client.ts';
import { migrate } from '../../src/db/migrate.ts';
import { openNode } from '../support/chat.ts';
import { Reader } from '../support/client.ts';
import { ownPostgres } from '../support/postgres.ts';
import { openProxy } from '../support/proxy.ts';
import { ownRedis } from '../support/redis.ts';
import { openStandby } from '../support/standby.ts';
import { until } from '../support/wait.ts';
import { aPerson, aRoom, brokenRooms } from '../support/world.ts';
import type { Acknowledged } from '../faults/checker.ts';
import { judge } from '../faults/story.ts';

const KEPT = 5;
const LOST = 4;
/** More than was lost, so that a seq alone tells nobody that it was used before. */
const AGAIN = LOST + 3;
const NOTICED_MS = 3_000;
const POLL_MS = 1_000;

test('a standby without the last commits is promoted: every room begins a new epoch, and no stream keeps what is gone', async () => {
  await using postgres = await ownPostgres();
  const old = openDatabase({ url: postgres.url, pool: 1, deadlineMs: 30_000 });
  await migrate(old);
  const [ann, bob] = [await aPerson(old, 'ann'), await aPerson(old, 'bob')];
  const [hall, attic, cellar, shed] = [await aRoom(old, ann, bob), await aRoom(old, ann, bob), await aRoom(old, ann, bob), await aRoom(old, ann, bob)];
  // Nobody hears the shed while the database fails over.
  const [roomIds, all] = [
    [hall, attic, cellar],
    [hall, attic, cellar, shed],
  ];
  await using standby = await openStandby(postgres);
  await using redis = await ownRedis();
  const database = { port: postgres.port };
  await using front = openProxy(database);
  const databaseUrl = postgres.url.replace(String(postgres.port), String(front.port));
  await using here = await openNode({ databaseUrl, redisUrl: redis.url });
  await using there = await openNode({ databaseUrl, redisUrl: redis.url });
  const epochOf = new Map((await old.sql<{ id: string; epoch: string }>`select id, epoch from rooms`).map(({ id, epoch }) => [id, epoch]));
  const tokens = { ann: (await here.services.sessions.mint(ann)).accessToken, bob: (await here.services.sessions.mint(bob)).accessToken };
  const listens = async (url: string, returns: boolean): Promise<Reader> => {
    const reader = await new Reader({ id: bob, token: tokens.bob }, { urls: () => [url], returns, epochsMayChange: true }).open();
    for (const roomId of roomIds) await reader.follow(roomId, { after: 0, epoch: epochOf.get(roomId)! });
    return reader;
  };
  const acknowledged: Acknowledged[] = [];
  let nth = 0;
  /** Sends until it is acknowledged, one after the other. */
  const says = async (url: string, roomId: string, count: number): Promise<void> => {
    for (let n = 0; n < count; n++) {
      const clientMessageId = `m${++nth}`;
      await until('it is acknowledged', async () => {
        const response = await fetch(`${url}/api/v1/rooms/${roomId}/messages`, {
          method: 'POST',
          headers: { authorization: `Bearer ${tokens.ann}`, 'content-type': 'application/json' },
          body: JSON.stringify({ content: `${nth}`, clientMessageId }),
        });
        const body = (await response.json()) as { id: string; seq: number };
        if (response.status < 300)
          acknowledged.push({ roomId, senderId: ann, clientMessageId, messageId: body.id, seq: body.seq, lane: url, nth, first: true });
        return response.status < 300;
      });
    }
  };

  const readers = [await listens(here.url, true), await listens(there.url, true)];
  for (const roomId of all) await says(here.url, roomId, KEPT);
  await standby.caughtUp();
  const kept = acknowledged.splice(0);
  standby.cutOff();
  for (const roomId of [hall, attic, shed]) await says(there.url, roomId, LOST);
  for (const reader of readers) for (const roomId of [hall, attic]) await reader.reaches(roomId, KEPT + LOST);
  // Sleeps through it with a cursor that will lie among the new seqs.
  const sleeper = await listens(there.url, false);
  for (const roomId of [hall, attic]) await sleeper.reaches(roomId, KEPT + LOST);
  sleeper.drop();
  const lost = acknowledged.splice(0);
  expect(lost.length).toBe(3 * LOST);

  await old[Symbol.asyncDispose]();
  await postgres.stop('kill');
  front.cut();
  await standby.promote();
  database.port = standby.port;
  const from = performance.now();
  for (const roomId of [attic, shed]) await says(here.url, roomId, AGAIN);
  const firstAcksMs = performance.now() - from;
  // Sends go on meanwhile: they tell the one node of the epoch that the other has given, before it has looked itself.
  const know = (): boolean => readers.every((reader) => (reader.counts.get('gap') ?? 0) >= roomIds.length);
  const busy = (async () => {
    while (!know() && performance.now() - from < NOTICED_MS) await says(here.url, hall, 1);
  })();
  await until('both know', know, NOTICED_MS);
  const noticedMs = performance.now() - from;
  await busy;
  // Both have looked: nobody is told twice.
  await Bun.sleep(POLL_MS + 200);
  for (const roomId of all) await says(there.url, roomId, 2);

  await using db = openDatabase({ url: standby.url, pool: 1, deadlineMs: 5_000 });
  const stored = new Set((await db.sql<{ id: string }>`select id from messages`).map(({ id }) => id));
  // It was a failover with a loss, or this test shows nothing.
  expect(kept.every(({ messageId }) => stored.has(messageId))).toBe(true);
  expect(lost.some(({ messageId }) => stored.has(messageId))).toBe(false);
  await sleeper.open();
  // Who read the shed over REST then, up to a seq that has been used again since.
  const visitor = await new Reader({ id: bob, token: tokens.bob }, { urls: () => [there.url], epochsMayChange: true }).open();
  await visitor.follow(shed, { after: KEPT + LOST, epoch: epochOf.get(shed)! });
  expect(visitor.counts.get('gap')).toBe(1);
  const verdict = await judge(db.sql, { roomIds: all, readers: [...readers, sleeper, visitor], acknowledged: [...kept, ...acknowledged] });
  expect(verdict.problems).toEqual([]);
  expect(await brokenRooms(db)).toEqual([]);

  const epochs = await db.sql<{ id: string; epoch: string }>`select id, epoch from rooms`;
  for (const { id, epoch } of epochs) expect(epoch).not.toBe(epochOf.get(id));
  // Told once for each room, although two nodes noticed it.
  expect([...readers, sleeper].map((reader) => reader.counts.get('gap'))).toEqual([3, 3, 3]);
  expect([...readers].flatMap(({ closes }) => closes)).toEqual([]);
  console.log(
    JSON.stringify({ fault: 'failover that lost commits', lost: lost.length, firstAcksMs: Math.round(firstAcksMs), noticedMs: Math.round(noticedMs) }),
  );
  for (const reader of [...readers, sleeper, visitor]) reader.close();
}, 40_000);

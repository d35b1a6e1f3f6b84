/** What a load test says of messages that were acknowledged and are not there: on a real server, with rows taken away behind its back. */
import { expect, test } from 'bun:test';
import { drive } from '../../bench/client/driver.ts';
import { loss, openHouse } from '../../bench/parlour.ts';

test('a load test finds every acknowledged message, and says so when one is missing, swapped or leaves a hole', async () => {
  await using house = await openHouse({ users: 4, rooms: 4 });
  await using server = await house.open();
  const { host, port } = server;
  const tokens = house.people.map(({ accessToken }) => accessToken);
  const sent = await drive({ job: 'sends', where: { host, port }, connections: 4, ms: 400, runName: 'lossrun', tokens, rooms: house.rooms, texts: ['one'] });
  expect(sent.loss).toBeUndefined();
  expect(sent.done).toBeGreaterThan(20);
  expect(await loss(house.sql, 'lossrun', sent.done)).toBeUndefined();

  const [first] = await house.sql<{ id: string; name: string }[]>`
    select id, client_message_id as name from messages where client_message_id = 'lossrun-0-3'`;
  await house.sql`update messages set client_message_id = 'lossrun-0-999999' where id = ${first!.id}`;
  expect(await loss(house.sql, 'lossrun', sent.done)).toBe('1 messages are stored in another order than sent');
  await house.sql`update messages set client_message_id = ${first!.name} where id = ${first!.id}`;

  expect(await loss(house.sql, 'lossrun', sent.done + 1)).toBe(`1 of ${sent.done + 1} acknowledged messages are not stored`);
  await house.sql`delete from messages where id = ${first!.id}`;
  expect(await loss(house.sql, 'lossrun', sent.done)).toBe(`1 of ${sent.done} acknowledged messages are not stored`);
  expect(await loss(house.sql, 'lossrun', sent.done - 1)).toBe('1 rooms have holes in their log');
}, 60_000);

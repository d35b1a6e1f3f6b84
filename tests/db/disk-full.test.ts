/**
 * The disk under Postgres is full, under load: whoever sends is told that it is unavailable, nothing that was acknowledged is lost,
 * reading goes on, and so does sending as soon as there is space; also when Postgres itself fell over for want of a log file.
 */
import { expect, test } from 'bun:test';
import { kinds } from '../faults/load.ts';
import { openStage } from '../faults/stage.ts';
import { openDatabase } from '../../src/db/client.ts';
import { running } from '../../src/db/cluster.ts';
import { smallDisk } from '../support/disk.ts';
import { until } from '../support/wait.ts';

/** An empty cluster takes half of it. */
const MEGABYTES = 128;
const FIRST_ACK_MS = 2_000;
const SETTLED_MS = 5_000;

test('a full disk costs answers, and nothing else', async () => {
  await using disk = await smallDisk(MEGABYTES);
  const within = disk && { within: disk.path, settings: { min_wal_size: '32MB', max_wal_size: '48MB', shared_buffers: '16MB' } };
  await using stage = await openStage({ postgres: within ?? true });
  const { postgres } = stage;
  const own = openDatabase({ url: postgres.url, pool: 1, deadlineMs: 5_000 });
  const readers = [];
  for (const [n, node] of stage.nodes.entries()) readers.push(await stage.reader(stage.people[4 + n]!, [node.url]));
  const [node] = stage.nodes;
  const asOwner = { headers: { authorization: `Bearer ${stage.owner.token}`, 'content-type': 'application/json' } };
  const path = `/api/v1/rooms/${stage.roomIds[0]}/messages`;
  const send = () => fetch(`${node!.url}${path}`, { ...asOwner, method: 'POST', body: '{"content":"to a full disk"}' });
  /** Where no small disk can be made, Postgres is made to say what it says of a full one. */
  const fill = async (): Promise<void> => {
    if (disk) disk.fill();
    else
      await own.sql.unsafe(`do $$ begin
        create function no_space() returns trigger language plpgsql as 'begin raise exception using errcode = ''disk_full''; end';
        create trigger no_space before insert on messages execute function no_space();
      end $$`);
  };
  const free = async (): Promise<void> => {
    if (disk) disk.free();
    else await own.sql.unsafe('drop function no_space cascade');
  };
  const figures: Record<string, number> = { small: disk ? 1 : 0 };

  const load = stage.load();
  await stage.warm(load);
  await fill();
  const refused = await until('a send is refused', async () => {
    const response = await send();
    return response.status === 201 ? undefined : response;
  });
  expect([refused.status, ((await refused.json()) as { code: string }).code]).toEqual([503, 'unavailable']);
  const failures = load.failures.length;
  await until(
    'all kinds of senders are refused',
    () => load.failures.slice(failures).some(({ what }) => what === 'unavailable') && load.failures.length > failures + 20,
  );
  // What is there can be read, and nobody has fallen over.
  expect((await fetch(`${node!.url}${path}`, asOwner)).status).toBe(200);
  await free();
  const freed = performance.now();
  figures.firstAckMs = await load.firstAckAfter(freed);
  await load.settledSince(freed, SETTLED_MS);
  expect(figures.firstAckMs).toBeLessThan(FIRST_ACK_MS);
  await stage.warm(load, load.answers.length + 50);

  // No space for the next file of the write-ahead log, either: Postgres ends itself, recovers, and can't, until there is.
  if (disk) {
    await until('the log has used up its files', async () => {
      disk.fill();
      await own.sql`select pg_switch_wal()`.catch(() => {});
      return send().then(({ status }) => status !== 201);
    });
    await until('Postgres is not there', () =>
      own.sql`select 1`.then(
        () => false,
        () => true,
      ),
    );
  } else await postgres.stop('immediate');
  expect((await send()).status).toBe(503);
  await Bun.sleep(500);
  if (disk) disk.free();
  if (!running(postgres.folder)) await postgres.start();
  const back = performance.now();
  figures.firstAckAfterCrashMs = await load.firstAckAfter(back);
  await load.settledSince(back, SETTLED_MS);
  await stage.warm(load, load.answers.length + 50);

  const { 503: unavailable = 0, unavailable: told = 0, overloaded = 0, ...others } = kinds(load.failures);
  expect(await stage.verdict('disk full', load, () => figures)).toEqual([]);
  expect(others).toEqual({});
  expect(unavailable + told + overloaded).toBeGreaterThan(20);
  for (const { url } of stage.nodes) expect((await fetch(`${url}/readyz`)).status).toBe(200);
  expect(stage.readers.flatMap(({ closes }) => closes)).toEqual([]);
  await own[Symbol.asyncDispose]();
}, 40_000);

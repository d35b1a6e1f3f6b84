/**
 * What the search indexes cost the sends, and what merging them behind the writes gives: sends at a steady rate beside 50 searches a
 * second, in Postgres alone. Three ways: nobody merges, the server's upkeep merges, and search rows in a table of their own, written
 * behind the sends. `bun bench/upkeep.ts [--messages 1000000] [--rate 3000] [--seconds 10] [--name upkeep]`
 */
import { parseArgs } from 'node:util';
import type postgres from 'postgres';
import { type Database, openDatabase } from '../src/db/client.ts';
import { createLog } from '../src/lib/log.ts';
import { createMessageQueries } from '../src/messages/queries.ts';
import { startSearchUpkeep } from '../src/messages/search-upkeep.ts';
import { type Dataset, readTexts } from './dataset.ts';
import { paced, type Spread, spreadOf } from './paced.ts';
import { openHouse } from './parlour.ts';
import { keep } from './results.ts';
import { settingOf } from './setting.ts';

type Way = 'nobody merges' | 'merged behind' | 'own table';
type Result = { way: Way; sentPerSecond: number; sends: Spread; searches: Spread };
type Options = { rate: number; seconds: number };

const BATCH = 256;
const BEHIND_MS = 200;
const SEARCHES = 50;
const silent = createLog({ level: 'silent' });

/** Sends at `rate` a second in one lane, as the writer does: whatever has gathered while the last batch was written is the next one. */
async function send(db: Database, dataset: Dataset, texts: string[], { rate, seconds }: Options): Promise<{ taken: number[]; spent: number }> {
  const { append } = createMessageQueries(db);
  const taken: number[] = [];
  const from = performance.now();
  for (let sent = 0; sent < rate * seconds; ) {
    const due = Math.min(rate * seconds, Math.floor(((performance.now() - from) * rate) / 1_000));
    const size = Math.min(BATCH, due - sent);
    if (size <= 0) {
      await Bun.sleep(1);
      continue;
    }
    const drafts = Array.from({ length: size }, (_, at) => ({
      id: Bun.randomUUIDv7(),
      roomId: dataset.small[(sent + at) % 100]!,
      senderId: dataset.people[0]!,
      clientMessageId: null,
      content: texts[(sent + at) % texts.length]!,
      replyTo: null,
      at: null,
    }));
    await append(drafts, false);
    for (let at = 0; at < size; at++) taken.push(performance.now() - from - ((sent + at) * 1_000) / rate);
    sent += size;
  }
  return { taken, spent: (performance.now() - from) / 1_000 };
}

/** A rare word, a common one and a rare part, on the table that holds the search rows. */
function searches(sql: Database['sql'], own: boolean): (() => Promise<unknown>)[] {
  const table = own ? 'message_search' : 'messages';
  const parts = own ? 'parts' : 'parlour_parts(content)';
  const kinds = [
    `select id from ${table} where search @@ '''singletype'' | ''andere'''::tsquery order by created_at desc, id desc limit 26`,
    `select id from (select id, created_at, search from ${table} order by created_at desc, id desc limit 2048) m where search @@ '''have'':*'::tsquery limit 26`,
    `select id from ${table} where ${parts} like '%ingletyp%' order by created_at desc, id desc limit 26`,
  ];
  return kinds.map((text) => async () => await sql.unsafe(text));
}

/** Copies what was sent since the last time into the table of search rows, again and again, and merges its indexes. */
function writeBehind(client: postgres.Sql): { stop: () => Promise<void> } {
  let stopping = false;
  const working = (async () => {
    while (!stopping) {
      await Bun.sleep(BEHIND_MS);
      await client.unsafe(`insert into message_search select id, created_at, room_id, parlour_tsvector(content), parlour_parts(content) from messages m
        where m.created_at >= (select max(created_at) from message_search) - interval '1 second' on conflict do nothing`);
      await client.unsafe(`select gin_clean_pending_list('message_search_words'), gin_clean_pending_list('message_search_parts')`);
    }
  })();
  return {
    async stop() {
      stopping = true;
      await working;
      await client.end({ timeout: 5 });
    },
  };
}

async function measure(way: Way, db: Database, dataset: Dataset, texts: string[], options: Options): Promise<Result> {
  const upkeep = way === 'merged behind' ? startSearchUpkeep({ db, log: silent }) : undefined;
  const behind = way === 'own table' ? writeBehind(db.alone()) : undefined;
  const merging = setInterval(() => upkeep?.wrote(), 20);
  const kinds = searches(db.sql, way === 'own table');
  const jobs = Array.from({ length: SEARCHES * options.seconds }, (_, at) => kinds[at % kinds.length]!);
  const [sent, taken] = await Promise.all([send(db, dataset, texts, options), paced(jobs, SEARCHES)]);
  clearInterval(merging);
  await upkeep?.[Symbol.asyncDispose]();
  await behind?.stop();
  return { way, sentPerSecond: Math.round(sent.taken.length / sent.spent), sends: spreadOf(sent.taken), searches: spreadOf(taken) };
}

const MERGE = `select gin_clean_pending_list('messages_search'), gin_clean_pending_list('messages_contains')`;
const OWN_TABLE = `
  set maintenance_work_mem = '512MB';
  create table message_search (id uuid, created_at timestamptz, room_id uuid, search tsvector, parts text);
  insert into message_search select id, created_at, room_id, search, parlour_parts(content) from messages;
  alter table message_search add primary key (id);
  create index message_search_created on message_search (created_at, id);
  create index message_search_words on message_search using gin (search) with (gin_pending_list_limit = 131072);
  create index message_search_parts on message_search using gin (parts gin_trgm_ops) with (gin_pending_list_limit = 131072);
  drop index messages_search, messages_contains;
  alter table messages alter column search drop expression;
  analyze messages, message_search`;

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      messages: { type: 'string', default: '1000000' },
      rate: { type: 'string', default: '3000' },
      seconds: { type: 'string', default: '10' },
      name: { type: 'string', default: 'upkeep' },
    },
  });
  const options = { rate: Number(values.rate), seconds: Number(values.seconds) };
  const texts = await readTexts(new URL('corpus/sample.tsv.gz', import.meta.url).pathname);
  await using house = await openHouse({ dataset: Number(values.messages) });
  await using db = openDatabase({ url: house.databaseUrl, pool: 4, deadlineMs: 600_000 });
  const dataset = house.dataset!;
  const results: Result[] = [];
  for (const way of ['nobody merges', 'merged behind', 'nobody merges', 'merged behind', 'own table', 'own table'] as const) {
    if (way === 'own table' && !results.some((result) => result.way === way)) await house.sql.unsafe(OWN_TABLE);
    if (way !== 'own table') await house.sql.unsafe(MERGE);
    results.push(await measure(way, db, dataset, texts, options));
    console.log(JSON.stringify(results.at(-1)));
  }
  keep(values.name, { setting: settingOf({ postgres: house.postgresVersion }), messages: dataset.messages, ...options, results });
}

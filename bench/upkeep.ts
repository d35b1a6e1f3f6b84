/**
 * What the search indexes cost the sends, and what merging them behind the writes gives: sends at a steady rate beside 50 searches a
 * second, in Postgres alone. Four ways: nobody merges, a merge every 200 ms, the server's upkeep (a merge no more often than it can be
 * afforded), and search rows in a table of their own, written behind the sends. Twice each.
 * `bun bench/upkeep.ts [--messages 1000000] [--rate 3000] [--seconds 20] [--rounds 2] [--ways 'merged behind'] [--name upkeep]` (some 6 minutes at a million)
 */
import { parseArgs } from 'node:util';
import type postgres from 'postgres';
import { type Database, openDatabase } from '../src/db/client.ts';
import { createLog } from '../src/lib/log.ts';
import { createMessageQueries } from '../src/messages/queries.ts';
import { PAUSE_MS, startSearchUpkeep } from '../src/messages/search-upkeep.ts';
import { type Dataset, readTexts } from './dataset.ts';
import { paced, type Spread, spreadOf } from './paced.ts';
import { type House, openHouse } from './parlour.ts';
import { cpuSeconds } from './processes.ts';
import { keep } from './results.ts';
import { settingOf } from './setting.ts';
import { table } from './table.ts';

const WAYS = ['nobody merges', 'merged every 200 ms', 'merged behind', 'own table'] as const;
type Way = (typeof WAYS)[number];
/** `sends` from the moment each was due, `flushes` from the call of append_messages to its answer; `merging`: processor seconds of whoever merges or copies. */
type Result = { way: Way; sentPerSecond: number; sends: Spread; flushes: Spread; searches: Spread; merging: number };
/** Milliseconds to merge so many rows into the index of words and into that of parts. */
type Merge = { rows: number; words: number; parts: number };
/** Of `seconds` the first `warm` are not counted. */
type Options = { rate: number; seconds: number; warm?: number };

const BATCH = 256;
const SEARCHES = 50;
/** Seconds. */
const WARM = 6;
const silent = createLog({ level: 'silent' });

/** Sends at `rate` a second in one lane, as the writer does: whatever has gathered while the last batch was written is the next one. */
async function send(
  db: Database,
  dataset: Dataset,
  texts: string[],
  { rate, seconds, warm = 0 }: Options,
): Promise<{ taken: number[]; flushes: number[]; spent: number }> {
  const { append } = createMessageQueries(db);
  const taken: number[] = [];
  const flushes: number[] = [];
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
    const called = performance.now();
    await append(drafts, false);
    if (called - from >= warm * 1_000) flushes.push(performance.now() - called);
    for (let at = 0; at < size; at++) taken.push(performance.now() - from - ((sent + at) * 1_000) / rate);
    sent += size;
  }
  return { taken, flushes, spent: (performance.now() - from) / 1_000 };
}

/** A rare word, a common one and a rare part. In a table of their own, what was not copied yet is looked at in the messages: it must be found at once. */
function searches(sql: Database['sql'], own: boolean): (() => Promise<unknown>)[] {
  const words = `'''singletype'' | ''andere'''::tsquery`;
  const newest = 'order by created_at desc, id desc limit 26';
  const late = `messages where created_at >= (select max(created_at) from message_search) - interval '${MARGIN}'`;
  const either = (there: string, here: string) =>
    own
      ? `select * from (select id, created_at from message_search where ${there} union select id, created_at from ${late} and ${here}) f ${newest}`
      : undefined;
  const kinds = [
    either(`search @@ ${words}`, `search @@ ${words}`) ?? `select id from messages where search @@ ${words} ${newest}`,
    `select id from (select id, created_at, search from messages order by created_at desc, id desc limit 2048) m where search @@ '''have'':*'::tsquery limit 26`,
    either(`parts like '%ingletyp%'`, `parlour_fold(content) like '%ingletyp%'`) ??
      `select id from messages where parlour_parts(content) like '%ingletyp%' ${newest}`,
  ];
  return kinds.map((text) => async () => await sql.unsafe(text));
}

/** What may be committed later than something newer. */
const MARGIN = '0.3 seconds';

/** Copies what was sent since the last time into the table of search rows, again and again, and merges its indexes; rests as the upkeep does. */
function writeBehind(client: postgres.Sql): { stop: () => Promise<void> } {
  let stopping = false;
  let took = 0;
  const working = (async () => {
    while (!stopping) {
      await Bun.sleep(Math.min(2_000, Math.max(PAUSE_MS, 4 * took)));
      const from = performance.now();
      await client.unsafe(`insert into message_search select id, created_at, search, parlour_keys(content, created_at), parlour_parts(content) from messages m
        where m.created_at >= (select max(created_at) from message_search) - interval '${MARGIN}' on conflict do nothing`);
      await client.unsafe(`select gin_clean_pending_list('message_search_words'), gin_clean_pending_list('message_search_parts')`);
      took = performance.now() - from;
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

/** The backends that are neither of the pool nor the one that looks: whoever merges or copies. */
async function backgroundSeconds(sql: postgres.Sql): Promise<Map<number, number>> {
  const rows = await sql<
    { pid: number }[]
  >`select pid from pg_stat_activity where query ~ 'gin_clean_pending_list|into message_search' and pid <> pg_backend_pid() and backend_type = 'client backend'`;
  return new Map(rows.map(({ pid }) => [pid, cpuSeconds(pid)]));
}

async function measure(way: Way, house: House, db: Database, texts: string[], options: Options): Promise<Result> {
  const upkeep = way.startsWith('merged') ? startSearchUpkeep({ db, log: silent, ...(way === 'merged behind' ? {} : { rest: 0 }) }) : undefined;
  const behind = way === 'own table' ? writeBehind(db.alone()) : undefined;
  const merging = setInterval(() => upkeep?.wrote(), 20);
  const kinds = searches(db.sql, way === 'own table');
  const jobs = Array.from({ length: SEARCHES * options.seconds }, (_, at) => kinds[at % kinds.length]!);
  const before = await backgroundSeconds(house.sql);
  const [sent, found] = await Promise.all([send(db, house.dataset!, texts, options), paced(jobs, SEARCHES)]);
  const { warm = 0 } = options;
  let spent = 0;
  for (const [pid, seconds] of await backgroundSeconds(house.sql)) spent += seconds - (before.get(pid) ?? 0);
  clearInterval(merging);
  await upkeep?.[Symbol.asyncDispose]();
  await behind?.stop();
  return {
    way,
    sentPerSecond: Math.round(sent.taken.length / sent.spent),
    sends: spreadOf(sent.taken.slice(warm * options.rate)),
    flushes: spreadOf(sent.flushes),
    searches: spreadOf(found.slice(warm * SEARCHES)),
    merging: Math.round(spent * 100) / 100,
  };
}

/** What one merge costs, by how many rows wait for it. */
async function measureMerges(house: House, db: Database, texts: string[]): Promise<Merge[]> {
  const merges: Merge[] = [];
  for (const rows of [300, 1_000, 3_000, 10_000]) {
    await house.sql.unsafe(MERGE);
    await send(db, house.dataset!, texts, { rate: rows, seconds: 1 });
    const cost: number[] = [];
    for (const index of ['messages_search', 'messages_contains']) {
      const from = performance.now();
      await house.sql.unsafe(`select gin_clean_pending_list('${index}')`);
      cost.push(Math.round(performance.now() - from));
    }
    merges.push({ rows, words: cost[0]!, parts: cost[1]! });
  }
  return merges;
}

const MERGE = `select gin_clean_pending_list('messages_search'), gin_clean_pending_list('messages_contains')`;
const OWN_TABLE = `
  set maintenance_work_mem = '512MB';
  create table message_search (id uuid, created_at timestamptz, search tsvector, keys int[], parts text);
  insert into message_search select id, created_at, search, parlour_keys(content, created_at), parlour_parts(content) from messages;
  alter table message_search add primary key (id);
  create index message_search_created on message_search (created_at, id);
  create index message_search_words on message_search using gin (search, keys) with (gin_pending_list_limit = 131072);
  create index message_search_parts on message_search using gin (parts gin_trgm_ops) with (gin_pending_list_limit = 131072);
  drop index messages_search, messages_contains;
  analyze messages, message_search`;

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      messages: { type: 'string', default: '1000000' },
      rate: { type: 'string', default: '3000' },
      seconds: { type: 'string', default: '20' },
      rounds: { type: 'string', default: '2' },
      ways: { type: 'string', default: WAYS.join(',') },
      name: { type: 'string', default: 'upkeep' },
    },
  });
  const options = { rate: Number(values.rate), seconds: Number(values.seconds) };
  const texts = await readTexts(new URL('corpus/sample.tsv.gz', import.meta.url).pathname);
  await using house = await openHouse({ dataset: Number(values.messages) });
  await using db = openDatabase({ url: house.databaseUrl, pool: 4, deadlineMs: 600_000 });
  const merges = await measureMerges(house, db, texts);
  const costs = table(
    ['rows', 'words ms', 'parts ms'],
    merges.map(({ rows, words, parts }) => [rows, words, parts].map(String)),
  );
  console.log(costs);
  const results: Result[] = [];
  const asked = WAYS.filter((way) => values.ways.split(',').includes(way));
  // In turn, but for the table of its own, which takes the place of the indexes.
  const inTurn = asked.filter((way) => way !== 'own table');
  const rounds = (ways: Way[]): Way[] => Array.from({ length: Number(values.rounds) }, () => ways).flat();
  for (const way of [...rounds(inTurn), ...rounds(asked.filter((one) => one === 'own table'))]) {
    if (way === 'own table' && !results.some((result) => result.way === way)) await house.sql.unsafe(OWN_TABLE);
    if (way !== 'own table') await house.sql.unsafe(MERGE);
    // Each begins behind a checkpoint, and is counted when the first changes of most pages, which go whole into the log, are over: at this rate
    // that is the time between two checkpoints but for its first seconds.
    await house.sql.unsafe('checkpoint');
    results.push(await measure(way, house, db, texts, { ...options, seconds: WARM + options.seconds, warm: WARM }));
    const { sends, flushes, searches: found, merging } = results.at(-1)!;
    console.log(`${way}: sends ${told(sends)}, flushes ${told(flushes)}, searches ${told(found)}, ${merging} s merging`);
  }
  const setting = settingOf({ postgres: house.postgresVersion });
  const ways = table(
    ['ms', 'sends p50', 'p95', 'p99', 'worst', 'flushes p50', 'p99', 'searches p50', 'p95', 'p99', 'merging s'],
    results.map(({ way, sends, flushes, searches: found, merging }) =>
      [way, sends.p50, sends.p95, sends.p99, sends.max, flushes.p50, flushes.p99, found.p50, found.p95, found.p99, merging].map(String),
    ),
  );
  console.log(ways);
  keep(values.name, { setting, messages: house.dataset!.messages, ...options, merges, results });
  keep(
    `${values.name}.md`,
    `${house.dataset!.messages.toLocaleString('en-US')} messages, ${options.rate} sends and ${SEARCHES} searches a second for ${options.seconds} s each, ${setting.machine.cores} cores (${setting.machine.cpu}), load ${setting.machine.load}, ${setting.commit}, ${setting.date.slice(0, 16)}Z.\n\n${ways}\n\nOne merge, by the rows that wait for it:\n\n${costs}\n`,
  );
}

function told({ p50, p95, p99, max }: Spread): string {
  return `${p50} / ${p95} / ${p99}, worst ${max}`;
}

/**
 * Fills an empty database with 10^4 to 10^6 messages of real words for benches and the plan test: rooms of very different size, somebody
 * who is in 500 of them and somebody who is in 3 small ones. Seeded: the same arguments give the same rows. It writes rows, not
 * sends; the invariants of a room (dense seq, counts) hold all the same, and Postgres has looked at the tables (ANALYZE).
 *
 *   bun bench/dataset.ts --messages 100000 [--url postgres://… | --data-dir .data] [--corpus ../shared/corpus/irc.tsv.gz] [--seed 1]
 */
import { gunzipSync } from 'node:zlib';
import { parseArgs } from 'node:util';
import type postgres from 'postgres';
import { openDatabase } from '../src/db/client.ts';
import { openEmbedded } from '../src/db/embedded.ts';
import { migrate } from '../src/db/migrate.ts';
import { drawsFrom } from './draws.ts';

export type Dataset = {
  messages: number;
  /** 20 % of all messages. */
  hall: string;
  /** 2 % of all messages each. */
  large: string[];
  small: string[];
  people: string[];
  /** In the hall, the large rooms and 489 small ones; has read nothing in the hall, everything in half of the others. */
  everywhere: string;
  /** In the last three small rooms. */
  somewhere: string;
};

export type DatasetOptions = { messages: number; seed?: number /** A file as bench/corpus/sample.tsv.gz; that one when not given. */; corpus?: string };

const PEOPLE = 1_000;
const LARGE = 10;
const SMALL = 1_000;
const ROOMS_OF_EVERYWHERE = 500;
/** All of them end here; every message is within the two years before. */
const END = Date.UTC(2026, 9, 1);
const YEARS_MS = 2 * 365 * 86_400_000;
const BATCH = 10_000;
/** Of a hundred entries of a log so many are an edit, and a deletion, of the room's latest message. */
const EDITS = 2;
const DELETIONS = 1;

/** Said once in 1,000 messages, in turn: scripts without spaces, accents, signs. */
const ABROAD = [
  '今日は良い天気ですね、散歩に行きましょう',
  '我们明天早上八点在图书馆见面',
  'ฉันชอบกินข้าวผัดกับไข่ดาว',
  'Der Käse läuft über die Straße, naïve café façade 🧀',
  'C++20 hat foo.png nicht zu 100% a_b genommen :-)',
  'привет, как дела? Всё хорошо, спасибо ёжик',
];

const INDEXES = `select indexname as name, indexdef as definition from pg_indexes
  where schemaname = current_schema() and tablename = 'messages' and indexname <> 'messages_pkey'`;

/** Fills a migrated, empty database; returns who and what is in it. Throws when there are messages already. */
export async function fillDataset(sql: postgres.Sql, { messages, seed = 1, corpus }: DatasetOptions): Promise<Dataset> {
  const [found] = await sql`select exists (select from messages) as filled`;
  if (found?.filled) throw new Error('there are messages in this database already; take an empty one');
  const draw = drawsFrom(seed);
  const texts = await readTexts(corpus ?? new URL('corpus/sample.tsv.gz', import.meta.url).pathname);
  const started = END - YEARS_MS;
  const idAt = (at: number) => draw.uuid(at);

  const people = Array.from({ length: PEOPLE }, () => idAt(started));
  const [everywhere, somewhere] = [idAt(started), idAt(started)];
  const rooms = Array.from({ length: 1 + LARGE + SMALL }, () => idAt(started));
  const dataset: Dataset = { messages, hall: rooms[0]!, large: rooms.slice(1, 1 + LARGE), small: rooms.slice(1 + LARGE), people, everywhere, somewhere };
  await insertPeople(sql, [...people, everywhere, somewhere], started);

  const indexes = await sql.unsafe<{ name: string; definition: string }[]>(INDEXES);
  for (const { name } of indexes) await sql.unsafe(`drop index ${name}`);
  const states = rooms.map((id) => ({ id, lastSeq: 0, held: 0, last: started, latest: '', latestSender: 0, gone: false }));
  for (let from = 0; from < messages; from += BATCH) {
    const rows = columnsOf<Row>();
    const events = columnsOf<EventRow>();
    const changes = columnsOf<ChangeRow>();
    for (let n = from; n < Math.min(messages, from + BATCH); n++) {
      const at = started + Math.floor(((n + draw.next()) / messages) * YEARS_MS);
      const share = draw.next();
      const place = share < 0.2 ? 0 : share < 0.4 ? 1 + draw.below(LARGE) : 1 + LARGE + draw.below(SMALL);
      const room = states[place]!;
      // A few write most of it, as everywhere.
      const sender = Math.floor(draw.next() ** 2 * PEOPLE);
      const text = n % 1_000 === 500 ? ABROAD[Math.floor(n / 1_000) % ABROAD.length]! : texts[n % texts.length]!;
      const dice = draw.below(100);
      if (dice < EDITS + DELETIONS && room.latest !== '' && !room.gone && room.last < at) {
        const deleted = dice < DELETIONS;
        events.push({
          room: room.id,
          seq: ++room.lastSeq,
          type: deleted ? 'message.deleted' : 'message.edited',
          actor: people[room.latestSender]!,
          message: room.latest,
          at,
        });
        changes.push({ message: room.latest, at, deleted });
        if (deleted) room.held--;
        room.gone = true;
      }
      const id = idAt(at);
      rows.push({ id, room: room.id, seq: ++room.lastSeq, sender: people[sender]!, client: n % 2 === 0 ? `c-${n}` : null, text, at });
      Object.assign(room, { held: room.held + 1, last: at, latest: id, latestSender: sender, gone: false });
    }
    await insertRows(sql, rows, events, changes);
  }

  await insertRooms(sql, states, people);
  await insertMembers(sql, dataset);
  // A session may take what a server must share.
  await sql.unsafe("set maintenance_work_mem = '512MB'; set max_parallel_maintenance_workers = 2");
  for (const { definition } of indexes) await sql.unsafe(definition);
  // What the definition does not say.
  await sql.unsafe('alter index messages_contains alter column 1 set statistics 500');
  await sql.unsafe('alter index messages_search alter column 2 set statistics 500');
  // VACUUM, because a walk over an index that Postgres knows to be whole reads less, and because time would bring it anyway.
  await sql.unsafe('vacuum analyze');
  return dataset;
}

type Row = { id: string; room: string; seq: number; sender: string; client: string | null; text: string; at: number };
type EventRow = { room: string; seq: number; type: string; actor: string; message: string; at: number };
type ChangeRow = { message: string; at: number; deleted: boolean };

/** Rows to be handed over column by column. */
function columnsOf<R extends Record<string, unknown>>() {
  const rows: R[] = [];
  return { push: (row: R) => void rows.push(row), column: <K extends keyof R>(name: K): R[K][] => rows.map((row) => row[name]), size: () => rows.length };
}
type Columns<R extends Record<string, unknown>> = ReturnType<typeof columnsOf<R>>;

const iso = (times: number[]): string[] => times.map((at) => new Date(at).toISOString());

async function insertRows(sql: postgres.Sql, rows: Columns<Row>, events: Columns<EventRow>, changes: Columns<ChangeRow>): Promise<void> {
  // What changes within the batch is written changed; the rest, changed later, is updated.
  await sql`
    insert into messages (id, room_id, seq, sender_id, client_message_id, request_hash, content, created_at, updated_at)
    select t.id, t.room, t.seq, t.sender, t.client, case when t.client is not null then sha256(convert_to(t.text || chr(1), 'UTF8')) end, t.text, t.at, t.at
    from unnest(${rows.column('id')}::uuid[], ${rows.column('room')}::uuid[], ${rows.column('seq')}::bigint[], ${rows.column('sender')}::uuid[],
      ${rows.column('client')}::text[], ${rows.column('text')}::text[], ${iso(rows.column('at'))}::timestamptz[]) as t(id, room, seq, sender, client, text, at)`;
  if (events.size() === 0) return;
  await sql`
    insert into room_events (room_id, seq, type, actor_id, message_id, created_at)
    select * from unnest(${events.column('room')}::uuid[], ${events.column('seq')}::bigint[], ${events.column('type')}::text[], ${events.column('actor')}::uuid[],
      ${events.column('message')}::uuid[], ${iso(events.column('at'))}::timestamptz[])`;
  await sql`
    update messages m set content = case when t.deleted then '' else m.content || ' (edited)' end, updated_at = t.at,
      edited_at = case when t.deleted then null else t.at end, deleted_at = case when t.deleted then t.at end
    from unnest(${changes.column('message')}::uuid[], ${iso(changes.column('at'))}::timestamptz[], ${sql.array(changes.column('deleted'), 16)}::boolean[]) as t(id, at, deleted)
    where m.id = t.id`;
}

async function insertPeople(sql: postgres.Sql, ids: string[], at: number): Promise<void> {
  await sql`insert into users (id, username, first_name, created_at, updated_at)
    select id, 'person' || n, 'Person ' || n, ${new Date(at).toISOString()}::timestamptz, ${new Date(at).toISOString()}::timestamptz
    from unnest(${ids}::uuid[]) with ordinality as t(id, n)`;
}

type RoomState = { id: string; lastSeq: number; held: number; last: number };

async function insertRooms(sql: postgres.Sql, states: RoomState[], people: string[]): Promise<void> {
  await sql`insert into rooms (id, name, visibility, owner_id, last_seq, message_count, created_at, updated_at, last_activity_at)
    select t.id, 'Room ' || t.n, case when t.n % 10 = 1 then 'public' else 'private' end, ${people[0]!}::uuid, t.seq, t.held,
      ${new Date(END - YEARS_MS).toISOString()}::timestamptz, ${new Date(END - YEARS_MS).toISOString()}::timestamptz, t.at
    from unnest(${states.map(({ id }) => id)}::uuid[], ${states.map(({ lastSeq }) => lastSeq)}::bigint[], ${states.map(({ held }) => held)}::int[],
      ${iso(states.map(({ last }) => last))}::timestamptz[]) with ordinality as t(id, seq, held, at, n)`;
}

/** All people in the hall, every fifth in the large rooms, and in a small one whoever wrote there; the first person owns everything. */
async function insertMembers(sql: postgres.Sql, { hall, large, small, people, everywhere, somewhere }: Dataset): Promise<void> {
  const joined = new Date(END - YEARS_MS).toISOString();
  await sql`
    insert into memberships (room_id, user_id, role, read_seq, joined_at)
    select x.room, x.person, case when x.person = ${people[0]!}::uuid then 'owner' else 'member' end, r.last_seq, ${joined}::timestamptz
    from (
      select ${hall}::uuid as room, p as person from unnest(${people}::uuid[]) as p
      union select distinct room_id, sender_id from messages
      union select r.id, ${people[0]!}::uuid from rooms r
    ) x join rooms r on r.id = x.room`;
  const theirs = [hall, ...large, ...small.slice(0, ROOMS_OF_EVERYWHERE - 1 - large.length)];
  await sql`insert into memberships (room_id, user_id, read_seq, joined_at)
    select r.id, ${everywhere}::uuid, case when t.n % 2 = 0 then r.last_seq else 0 end, ${joined}::timestamptz
    from unnest(${theirs}::uuid[]) with ordinality as t(room, n) join rooms r on r.id = t.room
    union all select r.id, ${somewhere}::uuid, 0, ${joined}::timestamptz from unnest(${small.slice(-3)}::uuid[]) as t(room) join rooms r on r.id = t.room`;
  await sql`update rooms r set member_count = c.n from (select room_id, count(*)::int as n from memberships group by 1) c where c.room_id = r.id`;
}

/** The texts of a corpus file (room, time, nickname, text), in its order; what the contract would refuse is left out. */
export async function readTexts(file: string): Promise<string[]> {
  const lines = new TextDecoder().decode(gunzipSync(new Uint8Array(await Bun.file(file).arrayBuffer()))).split('\n');
  return lines.map((line) => line.split('\t').slice(3).join('\t')).filter((text) => text.trim() !== '' && text.length <= 4_000);
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      messages: { type: 'string', default: '10000' },
      seed: { type: 'string', default: '1' },
      url: { type: 'string' },
      'data-dir': { type: 'string', default: '.data' },
      corpus: { type: 'string' },
    },
  });
  const from = performance.now();
  await using embedded = values.url === undefined ? await openEmbedded(values['data-dir']) : undefined;
  await using database = openDatabase({ url: values.url ?? embedded!.url, pool: 1, deadlineMs: 60_000 });
  await migrate(database);
  const client = database.alone();
  const dataset = await fillDataset(client, { messages: Number(values.messages), seed: Number(values.seed), corpus: values.corpus });
  await client.end({ timeout: 5 });
  const { people, small, ...told } = dataset;
  console.log(JSON.stringify({ ...told, people: people.length, small: small.length, seconds: Math.round((performance.now() - from) / 100) / 10 }));
}

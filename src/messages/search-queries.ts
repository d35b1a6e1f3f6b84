/**
 * The SQL of GET /messages. Membership is part of every statement. Each statement has one sensible plan, whatever its parameters:
 * fences (`offset 0`, `is true`, `materialized`) keep the planner from another, because which way is cheapest was decided in
 * search-plan.ts. It decides nothing and knows no wire shapes but rows.
 */
import type { Database } from '../db/client.ts';
import { MESSAGE_COLUMNS, type MessageRow } from './queries.ts';
import { likeFolded, likeParts } from './search.ts';
import { dayKeys, type Sieve } from './search-keys.ts';
import type { Days, Step } from './search-plan.ts';

/** A place in time order: newest first, then by id. */
export interface Place {
  at: string;
  id: string;
}

/** Who asks, and for what. Times are ISO or `infinity`; null is no filter. */
export interface Wanted {
  callerId: string;
  room: string | null;
  sender: string | null;
  /** Text of a tsquery, and what the index is asked for it; a part of folded text. */
  words: string | null;
  sieve: Sieve | null;
  part: string | null;
  since: string | null;
  until: string | null;
}

/** A stretch of time order: matches older than `below`, down to `floor` itself. */
export interface Stretch {
  below: Place | null;
  floor: Place | null;
}

/** What the ranking of a stretch says of it: how many matches it holds and which is the oldest. */
export type RankedRow = MessageRow & { rank: string; held: number; floorAt: string | null; floorId: string | null };

// biome-ignore lint/suspicious/noExplicitAny: a piece of a statement; the types of postgres.js take pieces of none but their own kind
type Fragment = any;

type Scope = { rooms: number; visible: number; total: number; oldest: string | null; newest: string | null };
type Explained = { 'QUERY PLAN': { Plan: { 'Plan Rows': number } }[] };

/** The text form of an array, so that each parameter is one text (bench/ratio hands them to pgbench). Of numbers, or words and blanks: nothing to escape. */
const arrayOf = (items: readonly (number | string)[]): string => `{${items.map((item) => `"${item}"`).join(',')}}`;

export type SearchQueries = ReturnType<typeof createSearchQueries>;

export function createSearchQueries({ sql }: Pick<Database, 'sql'>) {
  const none = sql``;

  const ofRoom = (wanted: Wanted): Fragment => (wanted.room === null ? none : sql`and s.room_id = ${wanted.room}`);
  /** As a hashed subplan: pulled up into a join it would lose the order, and with it the early end. */
  const visible = (wanted: Wanted): Fragment =>
    sql`and (m.room_id in (select s.room_id from memberships s where s.user_id = ${wanted.callerId} ${ofRoom(wanted)})) is true`;
  const holds = (wanted: Wanted): Fragment => sql`m.deleted_at is null
    ${wanted.words === null ? none : sql`and m.search @@ ${wanted.words}::tsquery`}
    ${wanted.part === null ? none : sql`and parlour_fold(m.content) like ${likeFolded(wanted.part)}`}`;
  /** The words and the part by the indexes: what comes through may still be no match, unless the sieve is exact. */
  function sifted({ words, sieve, part }: Wanted, days: Days | undefined): Fragment {
    const asked = sieve?.words ?? (sieve && sieve.pairs.length > 0 ? null : words);
    const keys = words !== null && days ? dayKeys(days.from, days.to) : null;
    return sql`true
      ${asked === null ? none : sql`and m.search @@ ${asked}::tsquery`}
      ${sieve && sieve.pairs.length > 0 ? sql`and parlour_keys(m.content, m.created_at) @> parlour_pairs(${arrayOf(sieve.pairs)}::text[])` : none}
      ${keys ? sql`and parlour_keys(m.content, m.created_at) && ${arrayOf(keys)}::int[]` : none}
      ${part === null ? none : sql`and parlour_parts(m.content) like ${likeParts(part)}`}`;
  }
  const indexed = (wanted: Wanted, days: Days | undefined): Fragment =>
    wanted.part === null && wanted.sieve?.exact
      ? sql`${sifted(wanted, days)} and m.deleted_at is null`
      : sql`${sifted(wanted, days)} and (${holds(wanted)}) is true`;
  /** By the statistics of the indexes. */
  const estimated = (wanted: Wanted): Fragment => {
    const words = wanted.sieve?.withoutPrefix && wanted.sieve.words !== null ? wanted.sieve.words : wanted.words;
    return sql`true
      ${words === null ? none : sql`and m.search @@ ${words}::tsquery`}
      ${wanted.part === null ? none : sql`and parlour_parts(m.content) like ${likeParts(wanted.part)}`}`;
  };

  const sentBy = (wanted: Wanted): Fragment => (wanted.sender === null ? none : sql`and (m.sender_id = ${wanted.sender}) is true`);
  const inTime = (wanted: Wanted, { below, floor }: Stretch): Fragment => sql`
    ${wanted.since === null ? none : sql`and m.created_at >= ${wanted.since}::timestamptz`}
    ${wanted.until === null ? none : sql`and m.created_at < ${wanted.until}::timestamptz`}
    ${below === null ? none : sql`and (m.created_at, m.id) < (${below.at}::timestamptz, ${below.id}::uuid)`}
    ${floor === null ? none : sql`and (m.created_at, m.id) >= (${floor.at}::timestamptz, ${floor.id}::uuid)`}`;
  /** The same, out of reach of an index on time. */
  const inTimeFenced = (wanted: Wanted, stretch: Stretch): Fragment =>
    wanted.since === null && wanted.until === null && stretch.below === null && stretch.floor === null
      ? none
      : sql`and (true ${inTime(wanted, stretch)}) is true`;

  // Literals: with a parameter here the planner would have to guess how far the walk goes.
  const bounded = (rows: number | null): Fragment => (rows === null ? sql`offset 0` : sql.unsafe(`limit ${rows}`));
  const columns = sql`m.id, m.room_id, m.sender_id, m.created_at, m.deleted_at, m.content, m.search`;

  /** The `wanted` newest matches of a stretch, newest first, as id, created_at and search. */
  function newest(wanted: Wanted, stretch: Stretch, { way, rows, days }: Step, count: number): Fragment {
    switch (way) {
      case 'index':
        return sql`select h.id, h.created_at, h.search from (
            select m.id, m.created_at, m.search from messages m where ${indexed(wanted, days)} ${visible(wanted)} ${sentBy(wanted)} ${inTimeFenced(wanted, stretch)} offset 0
          ) h order by h.created_at desc, h.id desc limit ${count}::int`;
      case 'rooms':
        return sql`select h.id, h.created_at, h.search from memberships s cross join lateral (
            select m.id, m.created_at, m.search from (
              select ${columns} from messages m where m.room_id = s.room_id ${inTime(wanted, stretch)} order by m.created_at desc, m.id desc offset 0
            ) m where ${holds(wanted)} ${sentBy(wanted)} order by m.created_at desc, m.id desc limit ${count}::int
          ) h where s.user_id = ${wanted.callerId} ${ofRoom(wanted)} order by h.created_at desc, h.id desc limit ${count}::int`;
      default: {
        const along = way === 'room' ? sql`m.room_id = ${wanted.room}` : way === 'sender' ? sql`m.sender_id = ${wanted.sender}` : sql`true`;
        return sql`select m.id, m.created_at, m.search from (
            select ${columns} from messages m where ${along} ${inTime(wanted, stretch)} order by m.created_at desc, m.id desc ${bounded(rows)}
          ) m where ${holds(wanted)} ${visible(wanted)} ${sentBy(wanted)} order by m.created_at desc, m.id desc limit ${count}::int`;
      }
    }
  }

  const shown = sql.unsafe(MESSAGE_COLUMNS);
  const whole = sql`cross join lateral (select * from messages where id = p.id offset 0) m left join lateral (select * from users where id = m.sender_id offset 0) u on true`;

  /** Planner's estimates by EXPLAIN: no row is read. */
  async function estimate(statement: PromiseLike<Explained[]>): Promise<number> {
    const [row] = await statement;
    return row?.['QUERY PLAN'][0]?.Plan['Plan Rows'] ?? 0;
  }

  const all = (wanted: Wanted): Promise<number> => estimate(sql<Explained>`explain (format json) select from messages m where ${estimated(wanted)}`);

  return {
    /** How many rooms and messages the caller may search; how many messages there are at all, roughly; and the times of the oldest and the newest. */
    async scope(wanted: Wanted): Promise<Scope> {
      const [row] = await sql<Scope>`
        select count(*)::int as rooms, coalesce(sum(r.message_count), 0)::int as visible,
          (select reltuples::float8 from pg_class where oid = 'messages'::regclass) as total,
          (select min(created_at) from messages) as oldest, (select max(created_at) from messages) as newest
        from memberships s join rooms r on r.id = s.room_id where s.user_id = ${wanted.callerId} ${ofRoom(wanted)}`;
      return row ?? { rooms: 0, visible: 0, total: 0, oldest: null, newest: null };
    },

    /** The times that part all messages into equal shares, as the planner knows them; null before it looked. */
    async bounds(): Promise<string[] | null> {
      const [row] = await sql<{ bounds: string[] | null }>`
        select array(select (extract(epoch from b) * 1000)::bigint::text from unnest(histogram_bounds::text::timestamptz[]) b) as bounds from pg_stats where schemaname = current_schema() and tablename = 'messages' and attname = 'created_at'`;
      return row?.bounds ?? null;
    },

    /** How many messages hold a tsquery, anywhere; roughly. */
    holding: (words: string): Promise<number> => estimate(sql<Explained>`explain (format json) select from messages m where m.search @@ ${words}::tsquery`),

    /** How many messages hold the words and the part, anywhere; roughly. Pairs know better than words how often a phrase is there. */
    matching: async (wanted: Wanted): Promise<number> => {
      const ofPairs = (wanted.sieve?.pairs ?? []).map((pair) =>
        estimate(
          sql<Explained>`explain (format json) select from messages m where parlour_keys(m.content, m.created_at) @> parlour_pairs(${arrayOf([pair])}::text[])`,
        ),
      );
      const ofWords = wanted.words !== null && wanted.part === null && wanted.sieve?.words === null ? [] : [all(wanted)];
      return Math.min(...(await Promise.all([...ofPairs, ...ofWords])));
    },

    /** How many messages the person sent, and how many there are in the time asked for; roughly. */
    bySender: (wanted: Wanted): Promise<number> => estimate(sql<Explained>`explain (format json) select from messages m where m.sender_id = ${wanted.sender}`),
    inTime: (wanted: Wanted, stretch: Stretch): Promise<number> =>
      estimate(sql<Explained>`explain (format json) select from messages m where true ${inTime(wanted, stretch)}`),

    /** The newest matches below a place, newest first; fewer than `count` when there are no more, or when the step's rows ran out. */
    newest: async (wanted: Wanted, stretch: Stretch, step: Step, count: number): Promise<MessageRow[]> =>
      await sql<MessageRow>`select ${shown} from (${newest(wanted, stretch, step, count)}) p ${whole} order by p.created_at desc, p.id desc`,

    /**
     * The best of the `held` newest matches of a stretch, best first: by ts_rank over the logarithm of the length, then newest.
     * Only those behind `after`. `held` and `floor` tell how much the stretch holds, on every row; there is a row without an id when nothing is behind.
     */
    ranked: async (wanted: Wanted, stretch: Stretch, step: Step, held: number, after: (Place & { rank: string }) | null, count: number): Promise<RankedRow[]> =>
      await sql<RankedRow>`
        with hits as materialized (
          select n.id, n.created_at, ts_rank(n.search, ${wanted.words}::tsquery, 1) as rank from (${newest(wanted, stretch, step, held)}) n
        ), size as materialized (
          select count(*)::int as held from hits
        ), floor as materialized (select created_at, id from hits order by created_at, id limit 1),
        p as materialized (
          select * from hits h
          ${after === null ? none : sql`where (h.rank, h.created_at, h.id) < (${after.rank}::real, ${after.at}::timestamptz, ${after.id}::uuid)`}
          order by h.rank desc, h.created_at desc, h.id desc limit ${count}::int
        )
        select ${shown}, p.rank::text as rank, z.held, f.created_at as "floorAt", f.id as "floorId"
        from size z left join floor f on true left join p on true
          left join lateral (select * from messages where id = p.id offset 0) m on true
          left join lateral (select * from users where id = m.sender_id offset 0) u on true
        order by p.rank desc, p.created_at desc, p.id desc`,
  };
}

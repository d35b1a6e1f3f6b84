/**
 * GET /messages: what is asked for becomes a query, a way and a page with highlights. The rules are rest.md's; SQL is
 * search-queries.ts's, and which of its ways is taken search-plan.ts's.
 */
import { invalid, issue } from '../errors.ts';
import { isUuid } from '../lib/check.ts';
import { createTurns } from '../lib/turns.ts';
import { cursorScope, decodeCursor, encodeCursor, pageOf } from '../lib/cursor.ts';
import { PAGE_DEFAULT } from '../limits.ts';
import type { Caller, CountedPage } from '../users/model.ts';
import { highlights } from './highlight.ts';
import type { FindMessages, FoundMessage } from './model.ts';
import { type MessageRow, messageOf } from './queries.ts';
import { parseSearch, partOf, positiveTerms, type SearchQuery, toTsquery } from './search.ts';
import { type Calendar, newestDays, rowsOfADay } from './search-calendar.ts';
import { dayOf, type Sieve, sieveOf } from './search-keys.ts';
import { type Days, type Knowledge, type Step, waysTo } from './search-plan.ts';
import type { Place, RankedRow, SearchQueries, Stretch, Wanted } from './search-queries.ts';

/**
 * Relevance ranks this many of the newest matches; behind the last of them the walk goes on with the next as many, older ones.
 * So a rare word is ranked whole, and one that is everywhere costs the same on every page and is still found everywhere.
 */
export const RANKED_TOGETHER = 500;
/** Room for messages that arrive in a stretch while somebody walks through it. */
const ARRIVALS = 250;

/**
 * The index collects all rows that begin with the last word before it gives the first of them (0.5 us each). When it has other words to go
 * by, beginnings of more rows than these are left out: the rows that come through are looked at anyway.
 */
const MOST_BEGUN = 20_000;

/** How long the planner's histogram is taken for true. */
const BOUNDS_MS = 60_000;
/** So many times the days that should be enough, after some that were not. */
const GROWTH = 1.4;

type Known = Knowledge & { days: Days; calendar: Calendar };

export type Search = ReturnType<typeof createSearch>;

/** Beyond these a search is refused: its answer would come too late. */
const WAITING = 500;

/** `atOnce`: how many searches read at once, so that sends and pages always find a connection and a processor. */
export function createSearch({ queries, atOnce = 2 }: { queries: SearchQueries; atOnce?: number }) {
  const turn = createTurns({ atOnce, waiting: WAITING });

  /** What must be known to choose; nothing is asked for that a filter doesn't need. */
  async function know(wanted: Wanted, stretch: Stretch): Promise<Known> {
    const timed = wanted.since !== null || wanted.until !== null || stretch.below !== null || stretch.floor !== null;
    const [scope, matching, bySender, inTime, bounds] = await Promise.all([
      queries.scope(wanted),
      wanted.words === null && wanted.part === null ? null : queries.matching(wanted),
      wanted.sender === null ? null : queries.bySender(wanted),
      timed ? queries.inTime(wanted, stretch) : Number.POSITIVE_INFINITY,
      wanted.words === null ? [] : times(),
    ]);
    const total = Math.max(scope.total, scope.visible);
    const days = daysOf(wanted, stretch, scope);
    const calendar = { bounds, total };
    return {
      days,
      calendar,
      total,
      matching,
      bySender,
      visible: scope.visible,
      rooms: scope.rooms,
      inTime: Math.min(inTime, total),
      oneRoom: wanted.room !== null,
      byTrigrams: wanted.part !== null,
      byBeginning: wanted.sieve?.prefix != null && wanted.sieve.wordsWithoutPrefix === null && wanted.sieve.pairs.length === 0,
      dayRows: bounds.length > 2 ? rowsOfADay(calendar, days) : null,
    };
  }

  async function sieved(query: SearchQuery): Promise<Sieve> {
    const sieve = sieveOf(query);
    if (sieve.prefix === null || (sieve.wordsWithoutPrefix === null && sieve.pairs.length === 0)) return sieve;
    if ((await queries.holding(sieve.prefix)) <= MOST_BEGUN) return sieve;
    return { ...sieve, words: sieve.wordsWithoutPrefix, prefix: null, exact: false, withoutPrefix: true };
  }

  let known: { bounds: number[]; until: number } | undefined;
  /** The planner looks again when a tenth has changed; a minute is nothing to that. */
  async function times(): Promise<readonly number[]> {
    if (!known || known.until < performance.now())
      known = { bounds: ((await queries.bounds()) ?? []).map(Number).sort((a, b) => a - b), until: performance.now() + BOUNDS_MS };
    return known.bounds;
  }

  /** Tries the ways in turn; one that ran out of rows before it found enough is followed by the next. `found`: how many it was, `enough` when no more are needed. */
  async function along<Row>(
    wanted: number,
    { steps, days, calendar }: { steps: Step[]; days: Days; calendar: Calendar },
    run: (step: Step) => Promise<Row[]>,
    found: (rows: Row[]) => number,
  ): Promise<Row[]> {
    let rows: Row[] = [];
    for (const step of steps) {
      let size = step.rows;
      do {
        const some = step.way === 'index' && size !== null ? newestDays(calendar, days, size) : step.days;
        if (step.way === 'index' && size !== null && !some) break;
        rows = await turn(() => run({ ...step, ...(some ? { days: some } : {}) }));
        const count = found(rows);
        if (step.rows === null || count >= wanted) return rows;
        // What these days held says how many more are needed.
        size = step.way === 'index' && size !== null ? size * Math.min(16, Math.max(2, (GROWTH * wanted) / Math.max(count, 1))) : null;
      } while (size !== null);
    }
    return rows;
  }

  async function newestPage(wanted: Wanted, limit: number, below: Place | null): Promise<MessageRow[]> {
    const stretch: Stretch = { below, floor: null };
    const known = await know(wanted, stretch);
    if (known.rooms === 0) return [];
    return along(
      limit + 1,
      { ...known, steps: stepsTo(limit + 1, known) },
      (step) => queries.newest(wanted, stretch, step, limit + 1),
      (rows) => rows.length,
    );
  }

  /** Where a walk by relevance stands: behind `after` in the stretch, or before its best. */
  type Standing = { after: (Place & { rank: string }) | null; stretch: Stretch };
  type Ranked = { row: RankedRow; stretch: Stretch };

  async function bestPage(wanted: Wanted, limit: number, from: Standing): Promise<Ranked[]> {
    const found: Ranked[] = [];
    let { after, stretch } = from;
    for (;;) {
      const known = await know(wanted, stretch);
      if (known.rooms === 0) return [];
      const together = stretch.floor ? RANKED_TOGETHER + ARRIVALS : RANKED_TOGETHER;
      const rows = await along(
        together,
        { ...known, steps: stepsTo(together, known) },
        (step) => queries.ranked(wanted, stretch, step, together, after, limit + 1 - found.length),
        // Whoever has met the match at the floor has met all of the stretch.
        (some) => (stretch.floor !== null && some[0]?.floorId === stretch.floor.id ? together : (some[0]?.held ?? 0)),
      );
      const { held = 0, floorAt = null, floorId = null } = rows[0] ?? {};
      // A stretch that is full ends at its oldest match, for the rest of the walk; one that isn't is the last.
      const floor = stretch.floor ?? (held >= together && floorAt && floorId ? { at: floorAt, id: floorId } : null);
      const here: Stretch = { below: stretch.below, floor };
      for (const row of rows) if (row.id !== null) found.push({ row, stretch: here });
      if (found.length > limit || floor === null) return found;
      stretch = { below: floor, floor: null };
      after = null;
    }
  }

  return {
    /**
     * Messages that are not deleted, of the caller's own rooms, with highlights when something was searched.
     * Throws invalid: relevance without `search`, `/user` that is no id, `/cursor` of another list.
     */
    async find(caller: Caller, query: FindMessages): Promise<CountedPage<FoundMessage>> {
      const { limit = PAGE_DEFAULT, sort = 'newest', search, contains } = query;
      if (sort === 'relevance' && search === undefined) throw invalid(issue('', 'mismatch', 'sort=relevance needs search'));
      const sender = senderOf(caller, query.user);
      const scope = cursorScope('findMessages', { ...query, user: sender ?? undefined, sort });
      const counted = query.total ? { total: null } : {};

      const parsed = search === undefined ? undefined : parseSearch(search);
      const part = contains === undefined ? undefined : partOf(contains);
      const wanted: Wanted = {
        callerId: caller.userId,
        room: query.room ?? null,
        sender,
        words: parsed ? toTsquery(parsed) : null,
        sieve: parsed ? await sieved(parsed) : null,
        part: part ?? null,
        since: boundOf(query.since),
        until: boundOf(query.until),
      };
      const found = (row: MessageRow): FoundMessage => withHighlights(row, parsed, contains);
      const nothing = parsed === null || part === null;

      if (sort === 'newest') {
        const below = query.cursor === undefined ? null : placeOf(decodeCursor(scope, query.cursor, ['time', 'id']));
        const rows = nothing ? [] : await newestPage(wanted, limit, below);
        return { ...pageOf(rows, limit, scope, (row) => [row.createdAt, row.id], found), ...counted };
      }
      const from = query.cursor === undefined ? START : standingOf(decodeCursor(scope, query.cursor, ['text', 'time', 'id', 'text', 'text', 'text', 'text']));
      const ranked = nothing ? [] : await bestPage(wanted, limit, from);
      const last = ranked.length > limit ? ranked[limit - 1] : undefined;
      return { items: ranked.slice(0, limit).map(({ row }) => found(row)), nextCursor: last ? encodeCursor(scope, positionOf(last)) : null, ...counted };
    },
  };
}

/** The ways, the last of them within the days that are asked for, when those are few. */
function stepsTo(wanted: number, known: Known): Step[] {
  return waysTo(wanted, known).map((step) =>
    step.way === 'index' && step.rows === null && !known.byTrigrams && known.inTime * 2 < known.total ? { ...step, days: known.days } : step,
  );
}

/** The days from the oldest to the newest message of a stretch; one more, because some may have come since. */
function daysOf(wanted: Wanted, { below, floor }: Stretch, { oldest, newest }: { oldest: string | null; newest: string | null }): Days {
  const known = (times: (string | null | undefined)[]) =>
    times.flatMap((time) => (time && /^[\d-]/.test(time) && !time.endsWith('infinity') ? [dayOf(time)] : []));
  const from = Math.max(0, ...known([wanted.since, floor?.at, oldest]));
  const to = Math.min(...known([wanted.until, below?.at, newest]).map((day, at, all) => (at === all.length - 1 ? day + 1 : day)));
  return { from, to: Math.max(from, Number.isFinite(to) ? to : from) };
}

const START = { after: null, stretch: { below: null, floor: null } };

function senderOf(caller: Caller, user: string | undefined): string | null {
  if (user === undefined) return null;
  if (user === 'me') return caller.userId;
  if (!isUuid(user)) throw invalid(issue('/user', 'format', 'must be a UUID or "me"'));
  return user.toLowerCase();
}

/** Postgres has no year 0 and the wire no fifth digit: such times are before or after everything. */
function boundOf(time: string | undefined): string | null {
  if (time === undefined) return null;
  if (/^\d{4}-/.test(time)) return time.startsWith('0000') ? '-infinity' : time;
  return time.startsWith('-') ? '-infinity' : 'infinity';
}

function withHighlights(row: MessageRow, parsed: SearchQuery | null | undefined, contains: string | undefined): FoundMessage {
  const message = messageOf(row);
  if (!parsed && contains === undefined) return message;
  return { ...message, highlights: highlights(message.content, parsed ? positiveTerms(parsed) : [], contains) };
}

const placeOf = ([at, id]: readonly (string | number)[]): Place => ({ at: String(at), id: String(id) });

function positionOf({ row, stretch: { below, floor } }: { row: RankedRow; stretch: Stretch }): string[] {
  return [row.rank, row.createdAt, row.id, below?.at ?? '', below?.id ?? '', floor?.at ?? '', floor?.id ?? ''];
}

/** The sum of a cursor can be computed by anybody, so what goes into SQL is checked here. */
function standingOf([rank, at, id, belowAt, belowId, floorAt, floorId]: readonly (string | number)[]) {
  const place = (time: unknown, which: unknown): Place | null => {
    if (time === '' && which === '') return null;
    if (typeof time !== 'string' || typeof which !== 'string' || !Number.isFinite(Date.parse(time)) || !/^\d{4}-.*Z$/.test(time) || !isUuid(which))
      throw badCursor();
    return { at: time, id: which };
  };
  if (typeof rank !== 'string' || !/^\d+(\.\d+)?(e-?\d{1,2})?$/.test(rank)) throw badCursor();
  return { after: { rank, at: String(at), id: String(id) }, stretch: { below: place(belowAt, belowId), floor: place(floorAt, floorId) } };
}

const badCursor = () => invalid(issue('/cursor', 'format', 'is not a cursor of this list with these filters'));

/** What the server says about itself under /api/v1: its name and limits for everybody, its totals for those signed in. */
import { Elysia, t } from 'elysia';
import type { Counted, Counts } from '../cache.ts';
import type { Database } from '../db/client.ts';
import { BODY_BYTES, CONTENT_LENGTH, EVENTS_MAX, FRAME_BYTES, PAGE_MAX, REPLAY_EVENTS, ROOMS_PER_SUBSCRIBE, SEARCH_LENGTH, UNANSWERED } from '../limits.ts';
import { afterAll } from '../lib/soon.ts';
import { Integer } from '../users/model.ts';
import type { Door } from './door.ts';

const Limits = t.Object({
  bodyBytes: Integer(),
  frameBytes: Integer(),
  contentLength: Integer(),
  searchLength: Integer(),
  pageItems: Integer(),
  eventsPerPage: Integer(),
  roomsPerSocket: Integer(),
  roomsPerSubscribe: Integer(),
  unanswered: Integer(),
  replay: Integer(),
});
const About = t.Object({ name: t.String(), version: t.String(), limits: Limits }, { $id: 'About' });
const Stats = t.Object({ users: Integer(), rooms: Integer(), messages: Integer(), asOf: t.String({ format: 'date-time' }) }, { $id: 'Stats' });

/** Messages are counted on their rooms' rows, so the totals read people and rooms, never messages. */
const TOTALS = {
  users: 'select count(*) as n from users where deleted_at is null',
  rooms: 'select count(*) as n from rooms',
  messages: 'select coalesce(sum(message_count), 0)::bigint as n from rooms',
} as const;

export function aboutRoutes({ db, counts, version, roomsPerSocket }: { db: Database; counts: Counts; version: string; roomsPerSocket: number }, door: Door) {
  const about = {
    name: 'parlour',
    version,
    limits: {
      bodyBytes: BODY_BYTES,
      frameBytes: FRAME_BYTES,
      contentLength: CONTENT_LENGTH,
      searchLength: SEARCH_LENGTH,
      pageItems: PAGE_MAX,
      eventsPerPage: EVENTS_MAX,
      roomsPerSocket,
      roomsPerSubscribe: ROOMS_PER_SUBSCRIBE,
      unanswered: UNANSWERED,
      replay: REPLAY_EVENTS,
    },
  };

  const total = (key: keyof typeof TOTALS) => counts.get(key, async () => (await db.sql.unsafe<{ n: number }>(TOTALS[key]))[0]!.n);

  const stats = () =>
    afterAll([total('users'), total('rooms'), total('messages')], (counted) => {
      const [users, rooms, messages] = counted as [Counted<number>, Counted<number>, Counted<number>];
      return { users: users.value, rooms: rooms.value, messages: messages.value, asOf: older(users.asOf, older(rooms.asOf, messages.asOf)) };
    });

  return new Elysia({ name: 'about' })
    .get('/api/v1', ...door.open('readAbout', { summary: 'Name, version and limits', tag: 'Operations', rate: 'read', answers: { 200: About } }, () => about))
    .get(
      '/api/v1/stats',
      ...door.signedIn('readStats', { summary: 'Totals, from the cache', tag: 'Operations', rate: 'read', answers: { 200: Stats } }, stats),
    );
}

/** Times of one length are ordered as text. */
function older(one: string, other: string): string {
  if (one < other) return one;
  return other;
}

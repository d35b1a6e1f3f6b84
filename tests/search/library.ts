/** A database full of real chat for the search tests: rooms of very different size, people who are in all, few or one of them. */
import { readSample } from '../../bench/corpus/sample.ts';
import type { Database } from '../../src/db/client.ts';
import { type Stored, stored } from './oracle.ts';

/** What the sample has none of. */
const RARE = [
  'Café au lait? — The cafe\u0301 is closed, CAFÉ!',
  '今日は良い天気です',
  '天気予報: 晴れ 🎉🎉🎉 天天',
  'วันนี้อากาศดี',
  'C++20 vs c++17, 100% of foo.png in a_b_c and a\\b',
  'family 👩‍👩‍👧 and 👍🏽 nai\u0308ve naïve 🇩🇪',
  'to be or not to be, that is the question',
  'http://example.org/a/b?q=1e5abc&r=8.04#top',
  'שלום עולם hello',
  "it's O'Neil's -- don't; \"quoted\" 'words'",
  '%%% ___ \\\\\\ (((',
];

export interface Library {
  messages: Stored[];
  rooms: string[];
  people: string[];
  /** In all rooms; in three small ones; in the largest alone; in none. */
  everywhere: { id: string; rooms: ReadonlySet<string> };
  somewhere: { id: string; rooms: ReadonlySet<string> };
  hall: { id: string; rooms: ReadonlySet<string> };
  nowhere: { id: string; rooms: ReadonlySet<string> };
}

/** Fills an empty database with `size` messages; the same seed makes the same texts, times, rooms and senders. */
export async function fillLibrary({ sql }: Pick<Database, 'sql'>, size: number): Promise<Library> {
  const sample = await readSample();
  const days = [...new Set(sample.map((line) => line.room))];
  // The first eight days are one large hall, the others a room each; forty small ones hold what is rare.
  const rooms = [...days.slice(7), ...Array.from({ length: 40 }, (_, at) => `small ${at}`)].map((name) => ({ name, id: Bun.randomUUIDv7() }));
  const roomOf = new Map(days.map((day, at) => [day, rooms[Math.max(0, at - 7)]?.id ?? '']));
  const people = Array.from({ length: 200 }, () => Bun.randomUUIDv7());
  const readers = ['everywhere', 'somewhere', 'hall', 'nowhere'].map(() => Bun.randomUUIDv7());

  const lines: { room: string; sender: string; at: string; text: string }[] = [];
  for (let at = 0; lines.length < size; at++) {
    const line = sample[at % sample.length]!;
    // A second round keeps the texts and moves the times by a year, so that order and ties are drawn anew.
    const time = new Date(Date.parse(line.at) + Math.floor(at / sample.length) * 31_536_000_000).toISOString();
    lines.push({ room: roomOf.get(line.room) ?? '', sender: people[Bun.hash.crc32(line.nick) % people.length] ?? '', at: time, text: line.text });
    if (at % 97 === 0) {
      const small = rooms[rooms.length - 1 - ((at / 97) % 40)]?.id ?? '';
      lines.push({ room: small, sender: people[at % people.length] ?? '', at: time, text: RARE[(at / 97) % RARE.length] ?? '' });
    }
  }

  const messages = lines.map((line) => stored({ id: Bun.randomUUIDv7(), ...line }));
  await sql`insert into users (id, username) select id, 'reader' || n from unnest(${[...people, ...readers]}::uuid[]) with ordinality as t(id, n)`;
  await sql`insert into rooms (id, name) select id, name from unnest(${rooms.map((room) => room.id)}::uuid[], ${rooms.map((room) => room.name)}::text[]) as t(id, name)`;
  for (let from = 0; from < messages.length; from += 5_000) {
    const some = messages.slice(from, from + 5_000);
    await sql`
      insert into messages (id, room_id, seq, sender_id, content, created_at, updated_at)
      select t.id, t.room, r.last_seq + row_number() over (partition by t.room order by t.n), t.sender, t.text, t.at, t.at
      from unnest(${some.map((each) => each.id)}::uuid[], ${some.map((each) => each.room)}::uuid[], ${some.map((each) => each.sender)}::uuid[],
        ${some.map((each) => each.text)}::text[], ${some.map((each) => each.at)}::timestamptz[]) with ordinality as t(id, room, sender, text, at, n)
      join rooms r on r.id = t.room`;
    await sql`update rooms r set last_seq = c.seq, message_count = c.held
      from (select room_id, max(seq) as seq, count(*)::int as held from messages group by 1) c where c.room_id = r.id`;
  }

  const ids = rooms.map((room) => room.id);
  const of = { everywhere: ids, somewhere: ids.slice(-3), hall: ids.slice(0, 1), nowhere: [] as string[] };
  const joined = Object.values(of).flatMap((theirs, at) => theirs.map((room) => ({ room, user: readers[at] ?? '' })));
  await sql`insert into memberships (room_id, user_id)
    select room, person from unnest(${joined.map((each) => each.room)}::uuid[], ${joined.map((each) => each.user)}::uuid[]) as t(room, person)`;
  await sql`analyze messages`;
  const reader = (at: number, theirs: string[]) => ({ id: readers[at] ?? '', rooms: new Set(theirs) });
  return {
    messages,
    rooms: ids,
    people,
    everywhere: reader(0, of.everywhere),
    somewhere: reader(1, of.somewhere),
    hall: reader(2, of.hall),
    nowhere: reader(3, of.nowhere),
  };
}

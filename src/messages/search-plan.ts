/**
 * Which way to the newest matches costs the least. Postgres alone decides badly here: it takes words to be spread evenly over
 * time and rooms, so one rare word could walk a million rows, and one common word fetch half of them. Pure arithmetic.
 */

/** What is known before a search, in rows; estimates but for the caller's rooms. */
export interface Knowledge {
  /** All messages of this server, and of them in the time asked for. */
  total: number;
  inTime: number;
  /** That hold the words or the part, anywhere; null when none were asked for. */
  matching: number | null;
  /** A part was asked for: trigrams choose. */
  byTrigrams: boolean;
  /** By the person asked for; null when nobody was. */
  bySender: number | null;
  /** In the rooms that the caller may search, and how many rooms that is. */
  visible: number;
  rooms: number;
  /** One room was asked for. */
  oneRoom: boolean;
  /** All that is looked for is the beginning of a word: the index collects every match before it gives the first. */
  byBeginning: boolean;
  /** How many messages a day has; null when the newest of some days can't be told from the rest. */
  dayRows: number | null;
}

/** Days since 1970, both included. */
export interface Days {
  from: number;
  to: number;
}

/**
 * `time`: all messages from the newest back, until enough are found. `room`, `sender`: the same along one room or one person.
 * `rooms`: each of the caller's rooms from its newest back. `index`: every match, of some days or all, then those that the caller may see.
 */
export type Way = 'time' | 'room' | 'sender' | 'rooms' | 'index';

/**
 * A way, and the most rows it may read before the next one is tried; the last ones read whatever is there. For the index that is the newest days
 * that hold as many messages, and more days when that was too little.
 */
export interface Step {
  way: Way;
  rows: number | null;
  /** Of the index: of these days alone. */
  days?: Days;
}

/** Rows that a walk may read, in few steps, because each is a prepared statement of its own. */
const MOST = 131_072;
const BOUNDS = [2_048, 16_384, MOST];
/** What a row costs that is fetched at random, against one read in the order of time (0.9 us at a million messages on two cores). */
const RANDOM = 4;
/** What a row costs that the trigrams chose: its text is folded, its signs become letters, and it is looked at twice. */
const BY_TRIGRAMS = 12;
/** What the index takes for a row that begins with what is looked for. */
const COLLECTED = 0.5;
/** What a search of some days costs by itself, and how many more days it takes than should be enough. */
const SLICE = 500;
const MARGIN = 1.5;
const WORTH_A_TRY = 1_000;
/** Estimates are wrong: a walk goes on to this many times its own before it is given up. */
const PATIENCE = 4;
/** But for a part, whose matches are guessed worst, not beyond this many times what the index costs: a rare one walked 131,072 rows in vain (115 ms). */
const REGRET = 2;

/** Returns the ways to find `wanted` rows, cheapest first; the last of them always finds all. */
export function waysTo(wanted: number, known: Knowledge): Step[] {
  const total = Math.max(known.total, known.visible, 1);
  const matching = (known.matching ?? total) / total;
  const seen = Math.min(1, known.visible / total);
  const sent = known.bySender === null ? 1 : Math.min(1, known.bySender / total);
  const inTime = Math.min(1, known.inTime / total);
  const walk = (share: number, most: number) => Math.min(most, share > 0 ? wanted / share : most);

  const ways: { way: Way; cost: number; walks: boolean /** What it costs to the end. */; whole: number; slice?: number | undefined }[] = [];
  const room = known.visible * inTime;
  const person = (known.bySender ?? 0) * inTime;
  if (known.oneRoom) ways.push({ way: 'room', cost: RANDOM * walk(matching * sent, room), walks: known.matching !== null, whole: RANDOM * room });
  else {
    ways.push({ way: 'time', cost: walk(matching * seen * sent, total * inTime), walks: true, whole: total * inTime });
    const cost = RANDOM * Math.min(room + known.rooms, known.rooms * walk(matching * sent, total));
    ways.push({ way: 'rooms', cost, walks: false, whole: cost });
  }
  if (known.bySender !== null)
    ways.push({ way: 'sender', cost: RANDOM * walk(matching * seen, person), walks: known.matching !== null, whole: RANDOM * person });
  if (known.matching !== null) {
    const collected = known.byBeginning ? COLLECTED * known.matching : 0;
    const within = known.byTrigrams ? known.matching : known.matching * inTime;
    const whole = collected + (known.byTrigrams ? BY_TRIGRAMS : RANDOM) * within;
    // A day is the least that can be asked for, however much is in it.
    const enough = Math.max(known.dayRows ?? 0, (MARGIN * wanted * total * inTime) / Math.max(within * seen * sent, 1));
    const cost = SLICE + collected + (RANDOM * within * enough) / Math.max(total * inTime, 1);
    const sliced = !known.byTrigrams && known.dayRows !== null && enough * 2 <= total * inTime && cost < whole;
    // Words that go together are there more often than their estimate, which takes them for independent: a small part tells, and costs little.
    const tried = !sliced && !known.byTrigrams && known.dayRows !== null && whole >= WORTH_A_TRY && within * 4 >= wanted;
    const slice = sliced ? Math.ceil(enough) : tried ? Math.ceil((total * inTime) / 8) : undefined;
    ways.push({ way: 'index', cost: sliced ? cost : whole, walks: false, whole, slice });
  }

  ways.sort((a, b) => a.cost - b.cost);
  const steps: Step[] = [];
  for (const { way, cost, walks, whole, slice } of ways) {
    const rival = Math.min(...ways.filter((other) => !other.walks).map((other) => other.cost));
    // A small room, a person of few words: to its end a walk costs less than any other way, and then nothing is left to look for.
    if (!walks || whole <= rival) {
      if (slice) steps.push({ way, rows: slice });
      steps.push({ way, rows: null });
      break;
    }
    const bounds = BOUNDS.filter((bound) => bound >= PATIENCE * cost);
    if (bounds.length === 0 && cost < MOST) bounds.push(MOST);
    // The newest messages may be of another kind than the rest (an import, a bot): a walk in vain goes on while that is cheaper than the
    // others. One that no bound is enough for is no way at all: there is another that finds everything.
    for (const [at, rows] of bounds.entries()) if (rows <= (at > 0 ? rival : known.byTrigrams ? REGRET * rival : MOST)) steps.push({ way, rows });
  }
  return steps;
}

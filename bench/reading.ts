/** Measures what a client asks besides searching, over REST at a steady rate: history, events, rooms, unread, totals, sending. Prints nothing. */
import type { Dataset } from './dataset.ts';
import { drawsFrom } from './draws.ts';
import { paced, type Spread, spreadOf } from './paced.ts';

export type Read = { what: string; failed: number; spread: Spread };

const RATE = 100;

/** All of it mixed, in a drawn order, `samples` requests each, at 100 a second. An answer of 300 or above counts as failed. */
export async function measureReading(url: string, tokens: { everywhere: string; somewhere: string }, dataset: Dataset, samples: number): Promise<Read[]> {
  const draw = drawsFrom(23);
  const ask = async (path: string, who: keyof typeof tokens = 'everywhere', body?: object): Promise<Response> =>
    fetch(`${url}/api/v1/${path}`, {
      ...(body ? { method: 'POST', body: JSON.stringify(body) } : {}),
      headers: { authorization: `Bearer ${tokens[who]}`, ...(body ? { 'content-type': 'application/json' } : {}) },
    });
  const hall = `rooms/${dataset.hall}`;
  const { lastSeq } = (await (await ask(hall)).json()) as { lastSeq: number };
  const somewhere = () => 1 + draw.below(lastSeq);

  const kinds: [string, () => Promise<Response>][] = [
    ['history, newest page', () => ask(`${hall}/messages?limit=20`)],
    // 10,000 pages of 20 lie before it at a million messages.
    ['history, last page', () => ask(`${hall}/messages?limit=20&before=${30 + draw.below(200)}`)],
    ['history around a seq', () => ask(`${hall}/messages?limit=50&around=${somewhere()}`)],
    ['events after a seq', () => ask(`${hall}/events?limit=100&after=${somewhere()}`)],
    ['rooms of 500, page of 100', () => ask('rooms?limit=100')],
    ['rooms of 3', () => ask('rooms', 'somewhere')],
    ['one room, all unread', () => ask(hall)],
    ['totals', () => ask('stats')],
    ['send', () => ask(`rooms/${draw.of(dataset.large)}/messages`, 'everywhere', { content: `measured ${draw.below(1_000_000)}` })],
  ];
  const failed = kinds.map(() => 0);
  const taken = kinds.map(() => [] as number[]);
  const order = Array.from({ length: samples }, () => kinds.keys().toArray()).flat();
  for (let at = order.length - 1; at > 0; at--) {
    const other = draw.below(at + 1);
    [order[at], order[other]] = [order[other]!, order[at]!];
  }
  const times = await paced(
    order.map((kind) => async () => {
      const response = await kinds[kind]![1]();
      await response.arrayBuffer();
      if (response.status >= 300) failed[kind] = failed[kind]! + 1;
    }),
    RATE,
  );
  for (const [at, kind] of order.entries()) taken[kind]!.push(times[at]!);
  return kinds.map(([what], kind) => ({ what, failed: failed[kind]!, spread: spreadOf(taken[kind]!) }));
}

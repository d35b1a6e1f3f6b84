/** People, rooms and texts for the k6 scripts, as the file that they read: from our own database, or made over REST on a server elsewhere. */
import { writeFileSync } from 'node:fs';
import { readSample } from './corpus/sample.ts';
import { readTexts } from './dataset.ts';
import { searchKinds } from './kinds.ts';
import type { House, Person } from './parlour.ts';

export type Cast = {
  people: Person[];
  rooms: string[];
  texts: string[];
  dataset: { heads?: Record<string, number>; queries?: { kind: string; query: string /** Place in `people`. */; who: number }[] };
};

const TEXTS = 500;

/** Ordinary lines of real chat. */
export async function texts(): Promise<string[]> {
  const sample = await readSample();
  const step = Math.floor(sample.length / TEXTS);
  return sample.filter((_, at) => at % step === 0).map(({ text }) => text.slice(0, 500));
}

export async function castOf(house: House): Promise<Cast> {
  const { people, rooms, dataset, sql } = house;
  const cast: Cast = { people, rooms, texts: await texts(), dataset: {} };
  if (!dataset) return cast;
  const heads = await sql<{ id: string; seq: string }[]>`select id, last_seq as seq from rooms where id in ${sql(rooms)}`;
  const kinds = searchKinds(dataset, await readTexts(new URL('corpus/sample.tsv.gz', import.meta.url).pathname));
  cast.dataset = {
    heads: Object.fromEntries(heads.map(({ id, seq }) => [id, Number(seq)])),
    // Kinds in turn, so that a short run meets all of them.
    queries: interleaved(
      kinds.map(({ name, who, queries }) =>
        queries.map((query) => ({ kind: name, query: new URLSearchParams({ ...query, limit: '25' }).toString(), who: who === 'everywhere' ? 0 : 1 })),
      ),
    ),
  };
  return cast;
}

/** The first of each list, the second of each, … */
function interleaved<T>(lists: readonly T[][]): T[] {
  const longest = Math.max(...lists.map(({ length }) => length));
  return Array.from({ length: longest }, (_, at) => lists.flatMap((list) => list.slice(at, at + 1))).flat();
}

/** On a server that is not ours: registers `users` people and makes `rooms` rooms with all of them. Throws what the server answered otherwise. */
export async function castOn(url: string, users: number, rooms: number): Promise<Cast> {
  const mark = Date.now().toString(36);
  async function ask<T>(path: string, body: unknown, token?: string): Promise<T> {
    const headers = { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) };
    const response = await fetch(`${url}/api/v1${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    if (!response.ok)
      throw new Error(
        `${path} was answered with ${response.status}: ${(await response.text()).slice(0, 300)}. Is it started with RATE_LIMITS=false WS_PER_USER=1000?`,
      );
    return (await response.json()) as T;
  }
  const people: Person[] = [];
  for (let n = 1; n <= users; n++) {
    const username = `bench-${mark}-${n}`;
    const { user, accessToken } = await ask<{ user: { id: string }; accessToken: string }>('/auth/register', { username, password: 'parlour-seed' });
    people.push({ id: user.id, username, accessToken });
  }
  const memberIds = people.slice(1, 101).map(({ id }) => id);
  const made: string[] = [];
  for (let n = 1; n <= rooms; n++) made.push((await ask<{ id: string }>('/rooms', { name: `Bench ${mark} ${n}`, memberIds }, people[0]!.accessToken)).id);
  return {
    people,
    rooms: made,
    texts: await texts(),
    dataset: {
      queries: ['search=the', 'search=photogr', 'search=%22good+morning%22', 'contains=arde'].map((query) => ({
        kind: 'word',
        query: `${query}&limit=25`,
        who: 0,
      })),
    },
  };
}

export function writeCast(path: string, cast: Cast): void {
  writeFileSync(path, JSON.stringify(cast));
}

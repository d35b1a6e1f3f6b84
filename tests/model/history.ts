/**
 * One random history of a few people in two rooms, drawn from a seed: they connect, drop, come back with and without a cursor,
 * send, edit, delete, join, leave and are removed, many things at once. Played through the doors; judged by the checker.
 */
import type { Chat, Person } from '../support/chat.ts';
import { Reader } from '../support/client.ts';
import { until } from '../support/wait.ts';
import type { Acknowledged } from '../faults/checker.ts';
import { judge } from '../faults/story.ts';

type Room = { id: string; epoch: string };

export type Played = { problems: string[]; steps: string[]; acknowledged: number; stored: number; heard: number };

/** mulberry32: small, and the same on every machine. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const STEPS = 36;
/** More than a replay brings, so that whoever was away finds a gap. */
const FLOOD = 510;
/** The same steps happen in the same order for a seed; what runs at once is the machine's affair. */
const AWAITED = 0.35;

/** Plays one history to its end and judges it; throws nothing that is the server's fault. */
export async function play(chat: Chat, seed: number): Promise<Played> {
  const random = randomOf(seed);
  const below = (n: number): number => Math.floor(random() * n);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;
  const steps: string[] = [];
  const problems: string[] = [];
  const acknowledged: Acknowledged[] = [];
  const running = new Set<Promise<unknown>>();
  let ids = 0;

  const people: Person[] = [];
  for (let n = 0; n < 4; n++) people.push(await chat.person(`s${seed}p`));
  const [owner, ...others] = people as [Person, ...Person[]];
  const at = (person: Person): Person => person.at(pick(chat.nodes));
  const rooms: Room[] = [];
  for (const visibility of ['public', 'private']) {
    rooms.push(await owner.room('Hall', { visibility, memberIds: others.filter(() => random() < 0.7).map(({ id }) => id) }));
  }
  const roomIds = rooms.map(({ id }) => id as string);
  const urls = () => chat.nodes.map(({ url }) => url);
  const readers: Reader[] = [];
  // A node that falls so far behind another tells of a gap unasked, and nobody can tell that from the answer to a subscribe that is
  // under way: tests/realtime/nodes.test.ts has that alone.
  const floods = chat.nodes.length > 1 && chat.redis === undefined ? 0 : 0.3;
  const lanes = new Map<Reader, number>();

  function ask(person: Person, method: string, path: string, body?: unknown) {
    const home = at(person);
    return home.ask(method, path, body).then((answer) => {
      if (answer.status >= 500) problems.push(`${method} ${path} was answered ${answer.status}`);
      return answer;
    });
  }

  async function connect(person: Person, how: 'head' | 'beginning'): Promise<void> {
    const reader = new Reader(person, { urls, follows: true });
    readers.push(reader);
    await reader.open(pick(chat.nodes).url);
    for (const room of rooms) await reader.follow(room.id, how === 'head' ? undefined : { after: 0, epoch: room.epoch });
  }

  async function reopen(reader: Reader, forgetful: boolean): Promise<void> {
    reader.drop();
    if (forgetful) for (const roomId of roomIds) reader.forget(roomId);
    await reader.open(pick(chat.nodes).url);
    if (forgetful) for (const roomId of roomIds) await reader.follow(roomId);
  }

  function accept(message: { id: string; seq: number }, sent: Pick<Acknowledged, 'roomId' | 'senderId' | 'clientMessageId' | 'lane' | 'nth' | 'first'>): void {
    acknowledged.push({ ...sent, messageId: message.id, seq: message.seq });
  }

  /** Pipelined on one socket; what got no answer is said again through some node over REST. */
  async function sayOnSocket(reader: Reader, roomId: string, count: number): Promise<void> {
    const lane = `${reader.name} ${lanes.get(reader) ?? 0}`;
    await Promise.all(
      Array.from({ length: count }, async () => {
        const nth = ++ids;
        const clientMessageId = `c${nth}`;
        const sent = { roomId, senderId: reader.who.id, clientMessageId, lane, nth };
        const content = `message ${nth}`;
        const answer = await reader.ask('message.send', { roomId, content, clientMessageId }).catch(() => undefined);
        if (answer?.type === 'ok') return accept(answer.message, { ...sent, first: answer.duplicate === undefined });
        if (answer && !['not_found', 'forbidden'].includes(answer.error.code)) problems.push(`a send was answered ${answer.error.code}`);
        if (answer) return;
        const again = await ask(people.find(({ id }) => id === reader.who.id)!, 'POST', `/rooms/${roomId}/messages`, { content, clientMessageId });
        if (again.status < 300) accept(again.body, { ...sent, first: false });
      }),
    );
  }

  async function say(person: Person, roomId: string, times: number): Promise<void> {
    const nth = ++ids;
    const body = { content: `message ${nth}`, clientMessageId: `c${nth}` };
    const sent = { roomId, senderId: person.id, clientMessageId: body.clientMessageId, lane: 'alone', nth, first: false };
    const answers = await Promise.all(Array.from({ length: times }, () => ask(person, 'POST', `/rooms/${roomId}/messages`, body)));
    for (const { status, body: message } of answers) if (status < 300) accept(message, sent);
  }

  const mayAwait = async (promise: Promise<unknown>): Promise<void> => {
    const caught = promise.catch((error) => {
      // A socket that was dropped by another step at once ends that step.
      if (!/closed|ready/.test(String(error))) problems.push(`a step failed: ${error}`);
    });
    running.add(caught);
    void caught.finally(() => running.delete(caught));
    if (random() < AWAITED) await caught;
  };

  const open = (): Reader[] => readers.filter(({ ready }) => ready);
  const verbs: Record<string, { weight: number; act: () => Promise<unknown> | undefined }> = {
    connect: { weight: 2, act: () => (readers.length < 7 ? connect(pick(people), pick(['head', 'beginning'] as const)) : undefined) },
    drop: { weight: 3, act: () => void pick(open())?.drop() },
    reopen: { weight: 5, act: () => (readers.length > 0 ? reopen(pick(readers), random() < 0.25) : undefined) },
    again: { weight: 2, act: () => pick(open())?.again(pick(roomIds)) },
    renew: { weight: 2, act: () => pick(open())?.renew(pick(roomIds), pick([undefined, 'another'])) },
    sayOnSocket: { weight: 9, act: () => (open().length > 0 ? sayOnSocket(pick(open()), pick(roomIds), 1 + below(6)) : undefined) },
    say: { weight: 6, act: () => say(pick(people), pick(roomIds), 1 + below(3)) },
    edit: { weight: 4, act: () => change('PATCH') },
    delete: { weight: 3, act: () => change('DELETE') },
    join: { weight: 3, act: () => ask(pick(others), 'POST', `/rooms/${roomIds[0]}/join`) },
    add: { weight: 3, act: () => ask(owner, 'POST', `/rooms/${roomIds[1]}/members`, { userId: pick(others).id }) },
    leave: { weight: 2, act: () => ask(pick(others), 'POST', `/rooms/${pick(roomIds)}/leave`) },
    remove: { weight: 4, act: () => ask(owner, 'DELETE', `/rooms/${pick(roomIds)}/members/${pick(others).id}`) },
    flood: { weight: floods, act: () => flood(pick(roomIds)) },
  };

  function change(method: 'PATCH' | 'DELETE'): Promise<unknown> | undefined {
    if (acknowledged.length === 0) return undefined;
    const { messageId, senderId } = pick(acknowledged);
    return ask(people.find(({ id }) => id === senderId)!, method, `/messages/${messageId}`, method === 'PATCH' ? { content: `edited ${++ids}` } : undefined);
  }

  async function flood(roomId: string): Promise<void> {
    const { messages } = pick(chat.nodes).services;
    const caller = { userId: owner.id, sessionId: '', role: 'user' as const };
    await Promise.all(Array.from({ length: FLOOD }, (_, n) => messages.send(caller, roomId, { content: `flood ${n}` })));
  }

  const drawn = Object.entries(verbs);
  const total = drawn.reduce((sum, [, { weight }]) => sum + weight, 0);
  for (const person of people.slice(0, 3)) await connect(person, 'head');
  for (let step = 0; step < STEPS; step++) {
    let left = random() * total;
    const [name, { act }] = drawn.find(([, { weight }]) => {
      left -= weight;
      return left < 0;
    })!;
    steps.push(name);
    const done = act();
    if (done) await mayAwait(done);
  }
  await Promise.all(running);

  // Everyone comes back, each from his cursor, and hears what is left.
  const members = await Promise.all(
    rooms.map(async (room) => new Set((await owner.done('GET', `/rooms/${room.id}/members`)).items.map((member: { user: { id: string } }) => member.user.id))),
  );
  for (const reader of readers) {
    try {
      if (!reader.ready) await reader.open(pick(chat.nodes).url);
      for (const [at, roomId] of roomIds.entries()) {
        if (!members[at]!.has(reader.who.id)) await until(`${reader.name} is out of ${roomId}`, () => !reader.hears(roomId), 3_000);
        else if (!reader.hears(roomId)) await (reader.rooms.has(roomId) ? reader.again(roomId) : reader.follow(roomId));
      }
    } catch (error) {
      problems.push(String(error));
    }
  }
  const verdict = await judge(chat.sql, { roomIds, readers, acknowledged });
  for (const reader of readers) reader.close();
  const heard = readers.reduce((sum, reader) => sum + reader.streams().reduce((n, stream) => n + stream.heard.length, 0), 0);
  return { problems: [...problems, ...verdict.problems], steps, acknowledged: acknowledged.length, stored: verdict.stored, heard };
}

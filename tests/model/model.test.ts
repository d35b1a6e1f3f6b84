/**
 * Random histories on one node and on two: whatever people do, in whatever order, each of them hears the log and nothing else.
 * `MODEL_SEED=<seed>` plays one again; `MODEL_HISTORIES=<n>` plays so many (bench/model.ts).
 */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { type Chat, openChat } from '../support/chat.ts';
import { brokenRooms } from '../support/world.ts';
import { play } from './history.ts';

const HISTORIES = Number(process.env['MODEL_HISTORIES'] ?? 200);
const SEED = process.env['MODEL_SEED'];
/** Played at once: a history waits most of its time for answers. */
const ABREAST = 4;

let one: Chat;
let two: Chat;
let apart: Chat;
beforeAll(async () => {
  const env = { WS_PER_USER: '100' };
  [one, two, apart] = await Promise.all([openChat({ env }), openChat({ nodes: 2, env }), openChat({ nodes: 2, redis: false, env })]);
});
afterAll(async () => {
  await one[Symbol.asyncDispose]();
  await two[Symbol.asyncDispose]();
  await apart[Symbol.asyncDispose]();
});

async function playAll(chat: Chat, name: string, share: number): Promise<void> {
  const first = SEED === undefined ? Math.floor(Math.random() * 1_000_000_000) : Number(SEED);
  const seeds = SEED === undefined ? Array.from({ length: share }, (_, n) => first + n) : [first];
  const sums = { histories: 0, acknowledged: 0, stored: 0, heard: 0 };
  const failed: string[] = [];
  const next = async (): Promise<void> => {
    for (let seed = seeds.pop(); seed !== undefined && failed.length < 3; seed = seeds.pop()) {
      const { problems, steps, acknowledged, stored, heard } = await play(chat, seed);
      sums.histories++;
      sums.acknowledged += acknowledged;
      sums.stored += stored;
      sums.heard += heard;
      if (problems.length > 0) failed.push(`MODEL_SEED=${seed} on ${name}: ${problems.slice(0, 5).join('\n  ')}\n  after ${steps.join(' ')}`);
    }
  };
  await Promise.all(Array.from({ length: ABREAST }, next));
  console.log(JSON.stringify({ model: name, ...sums }));
  expect(failed).toEqual([]);
  expect(await brokenRooms(chat)).toEqual([]);
}

const LIMIT_MS = Math.max(120_000, HISTORIES * 2_000);
test('random histories on one node', () => playAll(one, 'one node', Math.ceil(HISTORIES * 0.45)), LIMIT_MS);
test('random histories on two nodes', () => playAll(two, 'two nodes', Math.ceil(HISTORIES * 0.45)), LIMIT_MS);
// Nothing is said between these nodes: what one of them did the other finds in Postgres.
test('random histories on two nodes without Redis', () => playAll(apart, 'two nodes without Redis', Math.ceil(HISTORIES * 0.1)), LIMIT_MS);

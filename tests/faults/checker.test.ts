/** The checker itself: a story that fits together passes, and each way of breaking it is found. */
import { expect, test } from 'bun:test';
import type { Stream } from '../support/client.ts';
import { type Acknowledged, type Entry, type Story, check } from './checker.ts';

const ROOM = 'hall';
const LENGTH = 12;

/** Twelve messages of Ann, all acknowledged, and two readers who saw them all; one of them began at 4. */
function aStory(): { story: Story; log: Entry[]; acknowledged: Acknowledged[]; streams: Stream[]; members: Set<string> } {
  const log: Entry[] = Array.from({ length: LENGTH }, (_, n) => ({
    seq: n + 1,
    type: 'message.created',
    messageId: `m${n + 1}`,
    senderId: 'ann',
    clientMessageId: `c${n + 1}`,
  }));
  const acknowledged = log.map(
    ({ seq }): Acknowledged => ({
      roomId: ROOM,
      senderId: 'ann',
      clientMessageId: `c${seq}`,
      messageId: `m${seq}`,
      seq,
      lane: 'socket 1',
      nth: seq,
      first: true,
    }),
  );
  const heard = (from: number) => log.slice(from).map(({ seq, type, messageId }) => ({ seq, type, messageId, at: 0 }));
  const streams: Stream[] = [
    { reader: 'bob', userId: 'bob', roomId: ROOM, after: 0, cursor: LENGTH, heard: heard(0), unread: [] },
    { reader: 'cat', userId: 'cat', roomId: ROOM, after: 4, cursor: LENGTH, heard: heard(4), unread: [] },
  ];
  const members = new Set(['ann', 'bob', 'cat']);
  return { story: { acknowledged, logs: new Map([[ROOM, log]]), members: new Map([[ROOM, members]]), streams }, log, acknowledged, streams, members };
}

const swap = (list: { [at: number]: unknown }, one: number, two: number): void => {
  [list[one], list[two]] = [list[two], list[one]];
};

test('a story that fits together has no problems', () => {
  const { story, acknowledged } = aStory();
  acknowledged.pop();
  expect(check(story)).toEqual({ problems: [], stored: 12, unacknowledged: 1 });
});

const BREAKS: [what: string, found: RegExp, spoil: (story: ReturnType<typeof aStory>) => void][] = [
  [
    'an acknowledged message that is not stored',
    /^lost: c12/,
    ({ log, streams }) => {
      log.pop();
      for (const stream of streams) {
        stream.heard.pop();
        stream.cursor--;
      }
    },
  ],
  ['an acknowledged message at another place', /^moved: m3/, ({ acknowledged }) => Object.assign(acknowledged[2]!, { seq: 4, first: false })],
  ['an id stored twice', /^message m5 is stored twice/, ({ log }) => Object.assign(log[5]!, { messageId: 'm5' })],
  ['a repeat stored as another message', /^clientMessageId c5 is stored twice/, ({ log }) => Object.assign(log[5]!, { clientMessageId: 'c5' })],
  ['a hole in the log', /seq 8 in place 7/, ({ log }) => void log.splice(6, 1)],
  ['a message that a reader missed', /^bob in hall: missed 7 to 7/, ({ streams }) => void streams[0]!.heard.splice(6, 1)],
  ['a message that a reader missed at the end', /^cat in hall: missed 12 to 12 at the end/, ({ streams }) => void streams[1]!.heard.pop()],
  ['a message that a reader had twice', /^bob in hall: doubled 7/, ({ streams }) => void streams[0]!.heard.splice(7, 0, streams[0]!.heard[6]!)],
  ['an old message that a reader had again', /^bob in hall: swapped, 2 after 7/, ({ streams }) => void streams[0]!.heard.splice(7, 0, streams[0]!.heard[1]!)],
  ['two messages that a reader had in the wrong order', /^cat in hall: swapped, 7 after 8/, ({ streams }) => swap(streams[1]!.heard, 2, 3)],
  ['another message under the same seq', /was heard as message.created m99/, ({ streams }) => Object.assign(streams[1]!.heard[3]!, { messageId: 'm99' })],
  [
    'something that nobody wrote',
    /heard 13, which is not stored/,
    ({ streams }) => void streams[0]!.heard.push({ seq: 13, type: 'message.created', messageId: 'm13', at: 0 }),
  ],
  [
    "a sender's messages in the wrong order",
    /^order of socket 1 hall: number 5 is at 6, number 6 at 5/,
    ({ acknowledged }) =>
      (([one, two]) => {
        Object.assign(one!, { nth: 6 });
        Object.assign(two!, { nth: 5 });
      })([acknowledged[4], acknowledged[5]]),
  ],
  [
    'a word above a removal',
    /^bob in hall: was removed at 9 and heard up to 12/,
    ({ log, members }) => {
      Object.assign(log[8]!, { type: 'member.left', leaverId: 'bob', senderId: undefined, clientMessageId: undefined });
      members.delete('bob');
    },
  ],
  [
    'a message of somebody who had left',
    /^room hall: ann left at 9, and a message of his is at 10/,
    ({ log }) => {
      log.splice(8, 1, { seq: 9, type: 'member.left', leaverId: 'ann' });
    },
  ],
];

for (const [what, found, spoil] of BREAKS) {
  test(`${what} is found`, () => {
    const made = aStory();
    spoil(made);
    const { problems } = check(made.story);
    expect(problems.some((text) => found.test(text))).toBe(true);
  });
}

test('what a removed reader could not fetch is not missed, what a member could not fetch is', () => {
  const { story, streams } = aStory();
  streams[0]!.heard.splice(2, 4);
  streams[0]!.unread = [[3, 6]];
  expect(check(story).problems).toEqual([]);
  streams[0]!.unread = [[3, 5]];
  expect(check(story).problems).toEqual(['bob in hall: missed 6 to 6']);
});

/**
 * The words that nodes say to one another, and what each does here. Every text begins with the node that said it, so that a node
 * doesn't listen to itself; durable events travel as a line of their own that need not be parsed, and their text untouched.
 */
import { type LeaveReason, NODE_TOPIC } from '../events.ts';
import type { Feed, Heard, Mark } from './feed.ts';

export type ControlPorts = {
  nodeId: string;
  feeds: ReadonlyMap<string, Feed>;
  accept: (feed: Feed, heard: Heard) => void;
  typing: (roomId: string, userId: string, active: boolean) => void;
  read: (roomId: string, userId: string, readSeq: number) => void;
  ownRead: (userId: string, roomId: string, readSeq: number) => void;
  added: (userId: string, roomId: string) => void;
  left: (userId: string, roomId: string, seq: number, reason: LeaveReason) => void;
  gone: (roomId: string, userIds: readonly string[]) => void;
  ended: (sessionIds: readonly string[], why: 'revoked' | 'disabled') => void;
  presence: (node: string, userIds: readonly string[], online: boolean) => void;
  bye: (node: string) => void;
};

const KINDS = { j: 'joined', l: 'left', o: 'other' } as const;

/** Several events of one room as one text: for each a header line, then its JSON, which holds no line break. */
export const eventsText = (heard: readonly Heard[]): string =>
  `event\n${heard.map(({ kind, epoch, seq, userId, reason, text }) => `${kind[0]} ${epoch} ${seq} ${userId} ${reason}\n${text}`).join('\n')}`;

function* eventsOf(body: string): Generator<Heard> {
  const lines = body.split('\n');
  for (let at = 1; at + 1 < lines.length; at += 2) {
    const [kind, epoch, seq, userId, reason] = lines[at]!.split(' ');
    yield { kind: KINDS[kind as 'j' | 'l' | 'o'], epoch: epoch!, seq: Number(seq), userId: userId!, reason: reason as Mark['reason'], text: lines[at + 1]! };
  }
}

/** What to do with a text that arrived on a topic. Words of a newer version that are not known are nothing. */
export function createControl(ports: ControlPorts) {
  const { nodeId, feeds } = ports;

  function inRoom(roomId: string, body: string): void {
    const feed = feeds.get(roomId);
    if (!feed) return;
    if (body.startsWith('event\n')) {
      for (const heard of eventsOf(body)) ports.accept(feed, heard);
      return;
    }
    const [word, userId = '', value = ''] = body.split(' ');
    if (word === 'typing') ports.typing(roomId, userId, value === 'true');
    else if (word === 'read') ports.read(roomId, userId, Number(value));
  }

  function toUser(userId: string, body: string): void {
    const [word, roomId = '', value = '', reason = ''] = body.split(' ');
    if (word === 'added') ports.added(userId, roomId);
    else if (word === 'left') ports.left(userId, roomId, Number(value), reason as LeaveReason);
    else if (word === 'read') ports.ownRead(userId, roomId, Number(value));
  }

  function toNodes(node: string, body: string): void {
    const [word, first = '', second = ''] = body.split(' ');
    if (word === 'ended') ports.ended(second.split(','), first === 'disabled' ? 'disabled' : 'revoked');
    else if (word === 'gone') ports.gone(first, second === '' ? [] : second.split(','));
    else if (word === 'online' || word === 'offline') ports.presence(node, first.split(','), word === 'online');
    else if (word === 'bye') ports.bye(node);
  }

  return function heard(topic: string, text: string): void {
    const end = text.indexOf(' ');
    const node = text.slice(0, end);
    if (node === nodeId) return;
    const body = text.slice(end + 1);
    if (topic.startsWith('room:')) inRoom(topic.slice(5), body);
    else if (topic.startsWith('user:')) toUser(topic.slice(5), body);
    else if (topic === NODE_TOPIC) toNodes(node, body);
  };
}

/**
 * Reads what was acknowledged, what is stored and what every reader saw, and says what does not fit together, after Jepsen's set
 * and list checkers. Pure: it asks nobody and repairs nothing.
 */
import type { Heard, Stream } from '../support/client.ts';

/** One send that was answered `ok` or 200/201. `lane` and `nth`: sends of one lane were handed over in this order. */
export type Acknowledged = {
  roomId: string;
  senderId: string;
  clientMessageId: string;
  messageId: string;
  seq: number;
  lane: string;
  nth: number;
  /** Answered at the first attempt, and not as a duplicate: only among these an order is promised. */
  first: boolean;
};

/** One entry of a stored log, in the order of its seq. */
export type Entry = { seq: number; type: string; messageId?: string; senderId?: string; clientMessageId?: string | null; leaverId?: string; joinerId?: string };

export type Story = {
  acknowledged: readonly Acknowledged[];
  logs: ReadonlyMap<string, readonly Entry[]>;
  /** Who is a member at the end. */
  members: ReadonlyMap<string, ReadonlySet<string>>;
  streams: readonly Stream[];
};

export type Verdict = { problems: string[]; stored: number; unacknowledged: number };

const MOST = 50;

/** Every way in which the story breaks the contract of delivery; none is what a test wants. */
export function check({ acknowledged, logs, members, streams }: Story): Verdict {
  const problems: string[] = [];
  const problem = (text: string): void => void (problems.length < MOST && problems.push(text));

  const stored = new Map<string, { roomId: string; entry: Entry }>();
  const byClientId = new Map<string, string>();
  for (const [roomId, log] of logs) {
    log.forEach((entry, at) => {
      if (entry.seq !== at + 1) problem(`room ${roomId}: the log has seq ${entry.seq} in place ${at + 1}`);
      if (entry.type !== 'message.created') return;
      if (stored.has(entry.messageId!)) problem(`message ${entry.messageId} is stored twice`);
      stored.set(entry.messageId!, { roomId, entry });
      if (!entry.clientMessageId) return;
      const key = `${roomId} ${entry.senderId} ${entry.clientMessageId}`;
      if (byClientId.has(key)) problem(`clientMessageId ${entry.clientMessageId} is stored twice in ${roomId}: ${byClientId.get(key)}, ${entry.messageId}`);
      byClientId.set(key, entry.messageId!);
    });
    for (const { seq, leaverId } of log) {
      if (leaverId === undefined) continue;
      const back = log.find((entry) => entry.seq > seq && entry.joinerId === leaverId)?.seq ?? Number.POSITIVE_INFINITY;
      const late = log.find((entry) => entry.seq > seq && entry.seq < back && entry.type === 'message.created' && entry.senderId === leaverId);
      if (late) problem(`room ${roomId}: ${leaverId} left at ${seq}, and a message of his is at ${late.seq}`);
    }
  }

  const answered = new Set<string>();
  for (const { roomId, messageId, seq, clientMessageId } of acknowledged) {
    answered.add(messageId);
    const found = stored.get(messageId);
    if (!found) problem(`lost: ${clientMessageId} was acknowledged as ${messageId} at ${seq} of ${roomId}`);
    else if (found.roomId !== roomId || found.entry.seq !== seq) problem(`moved: ${messageId} was acknowledged at ${seq}, and is at ${found.entry.seq}`);
  }
  ordered(acknowledged, problem);
  for (const stream of streams) follow(stream, logs.get(stream.roomId) ?? [], members.get(stream.roomId) ?? new Set(), problem);

  return { problems, stored: stored.size, unacknowledged: [...stored.keys()].filter((id) => !answered.has(id)).length };
}

/** Within a lane and a room seqs rise in the order sent. */
function ordered(acknowledged: readonly Acknowledged[], problem: (text: string) => void): void {
  const lanes = new Map<string, Acknowledged[]>();
  for (const one of acknowledged) {
    if (!one.first) continue;
    const key = `${one.lane} ${one.roomId}`;
    lanes.set(key, [...(lanes.get(key) ?? []), one]);
  }
  for (const [key, sends] of lanes) {
    sends.sort((a, b) => a.nth - b.nth);
    for (let at = 1; at < sends.length; at++) {
      const [before, after] = [sends[at - 1]!, sends[at]!];
      if (after.seq <= before.seq) problem(`order of ${key}: number ${before.nth} is at ${before.seq}, number ${after.nth} at ${after.seq}`);
    }
  }
}

/** A stream is the log from where it began to its cursor, entry by entry; above the last removal there is nothing of it. */
function follow(
  { reader, userId, roomId, after, cursor, heard, unread }: Stream,
  log: readonly Entry[],
  members: ReadonlySet<string>,
  problem: (text: string) => void,
): void {
  const where = `${reader} in ${roomId}`;
  const isUnread = (seq: number): boolean => unread.some(([from, to]) => seq >= from && seq <= to);
  let next = after + 1;
  let previous: Heard | undefined;
  for (const one of heard) {
    while (next < one.seq && isUnread(next)) next++;
    if (previous && one.seq === previous.seq) problem(`${where}: doubled ${one.seq}`);
    else if (one.seq < next) problem(`${where}: swapped, ${one.seq} after ${previous?.seq}`);
    else if (one.seq > next) problem(`${where}: missed ${next} to ${one.seq - 1}`);
    const entry = log[one.seq - 1];
    if (!entry) problem(`${where}: heard ${one.seq}, which is not stored`);
    else if (entry.type !== one.type || entry.messageId !== one.messageId) {
      problem(`${where}: ${one.seq} is ${entry.type} ${entry.messageId}, and was heard as ${one.type} ${one.messageId}`);
    }
    next = Math.max(next, one.seq + 1);
    previous = one;
  }
  while (next <= cursor && isUnread(next)) next++;
  if (next <= cursor) problem(`${where}: missed ${next} to ${cursor} at the end`);
  if (members.has(userId)) return;
  const removed = log.findLast(({ leaverId }) => leaverId === userId);
  // His own member.left reaches him only as room.removed.
  if (removed && cursor >= removed.seq) problem(`${where}: was removed at ${removed.seq} and heard up to ${cursor}`);
}

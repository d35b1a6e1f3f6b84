/**
 * What can happen. Durable events are a room's log: each takes one `seq`, and its encoded text is the same over REST
 * and on the socket. Topic names are made here and nowhere else: Bun topic = Redis channel (behind the prefix).
 */
import type { Member, PublicUser, Room } from './rooms/model.ts';
import type { Message } from './messages/model.ts';

export type LeaveReason = 'left' | 'removed' | 'deleted';

/** The values that a `room.updated` set; only what changed is present. */
export type RoomChanges = Partial<Pick<Room, 'name' | 'description' | 'visibility' | 'ownerId'>>;

type Durable = { roomId: string; seq: number; at: string; actorId: string | null };

export type MessageEvent = Durable & { type: 'message.created' | 'message.edited' | 'message.deleted'; message: Message };
export type MemberEvent = Durable &
  ({ type: 'member.joined' | 'member.updated'; member: Member } | { type: 'member.left'; member: Member; reason: LeaveReason });
export type RoomEvent = Durable & { type: 'room.updated'; changes: RoomChanges };
export type Event = MessageEvent | MemberEvent | RoomEvent;
export type EventType = Event['type'];

export type { PublicUser };

/**
 * Where features tell what was committed; realtime/ implements it. Nothing here waits and nothing here throws: the commit
 * is the truth, and whoever misses the telling finds it in Postgres.
 */
export type Live = {
  /** Durable events of one room in seq order, after their commit. `member.left` also cuts that person off. */
  publish(epoch: string, events: readonly Event[]): void;
  /** These people are new in a room or conversation: their sockets hear `room.added`. */
  added(roomId: string, userIds: readonly string[]): void;
  /** The room is gone with everything in it; these were its members. */
  removed(roomId: string, userIds: readonly string[]): void;
  /** A read marker moved. */
  read(roomId: string, userId: string, readSeq: number): void;
  /** These sessions are dead: their sockets close on every node, with 4501, or 4503 when the account was disabled. */
  ended(sessionIds: readonly string[], why: 'revoked' | 'disabled'): void;
};

export const roomTopic = (roomId: string): string => `room:${roomId}`;
export const userTopic = (userId: string): string => `user:${userId}`;
/** Control traffic between nodes: revocations, presence. */
export const NODE_TOPIC = 'node';

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

export const roomTopic = (roomId: string): string => `room:${roomId}`;
export const userTopic = (userId: string): string => `user:${userId}`;
/** Control traffic between nodes: revocations, presence. */
export const NODE_TOPIC = 'node';

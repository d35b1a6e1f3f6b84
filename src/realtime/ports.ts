/** What the socket side asks of the rest of the server; services.ts hands it in. Types only. */
import type { Config } from '../config.ts';
import type { Database } from '../db/client.ts';
import type { Log } from '../lib/log.ts';
import type { RateLimiter } from '../lib/rate-limit.ts';
import type { ReadLog, ReadLogs } from '../messages/log.ts';
import type { Message, ReadState, SendMessage } from '../messages/model.ts';
import type { Metrics } from '../metrics.ts';
import type { Redis } from '../redis.ts';
import type { Room } from '../rooms/model.ts';
import type { Caller, User } from '../users/model.ts';
import type { ReadyRoom } from './model.ts';

/** A proven identity: `expiresAt` is the end of the access token behind it, in milliseconds since 1970. */
export type Proven = { caller: Caller; user: User; expiresAt: number };

/** Both throw unauthenticated, token_expired, session_revoked, account_disabled, unavailable. */
export type SessionsPort = {
  prove: (token: string) => Promise<Proven>;
  /** A ticket is gone with its first use. */
  redeem: (ticket: string) => Promise<Proven>;
  /** These have ended: what is remembered of them is forgotten. */
  sessionsEnded: (sessionIds: readonly string[]) => void;
};

export type RoomsPort = {
  /** The most recently active rooms (at most 200), and where GET /rooms goes on. */
  readyRooms: (userId: string) => Promise<{ rooms: ReadyRoom[]; next: string | null }>;
  /** The room as that member sees it; null when he is none. */
  roomFor: (userId: string, roomId: string) => Promise<Room | null>;
};

/** Each throws what its REST route answers. Writes of one caller keep the order of the calls to `send`. */
export type MessagesPort = {
  send: (caller: Caller, roomId: string, draft: SendMessage) => Promise<{ message: Message; duplicate: boolean }>;
  edit: (caller: Caller, messageId: string, content: string) => Promise<{ message: Message; seq: number | null }>;
  remove: (caller: Caller, messageId: string) => Promise<{ message: Message; seq: number | null }>;
  markRead: (caller: Caller, roomId: string, seq: number) => Promise<ReadState>;
};

/** What the node needs to follow rooms and tell of them. */
export type NodePorts = { config: Config; log: Log; metrics: Metrics; db: Pick<Database, 'sql'>; redis: Redis | null; readLog: ReadLog; readLogs: ReadLogs };

/** What sockets need besides. */
export type SocketPorts = { sessions: SessionsPort; rooms: RoomsPort; messages: MessagesPort; limiter: RateLimiter };

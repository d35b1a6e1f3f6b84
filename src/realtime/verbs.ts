/**
 * What each command does once it may: its fields are checked, then the verb is called that REST calls as well. It answers nobody
 * and keeps no order; commands.ts does.
 */
import { AppError, forbidden } from '../errors.ts';
import { outsider } from '../lib/access.ts';
import type { Connection } from './connection.ts';
import type { Ephemeral } from './ephemeral.ts';
import * as frames from './frames.ts';
import type { CommandType } from './model.ts';
import type { MessagesPort, SessionsPort } from './ports.ts';
import type { RealtimeQueries } from './queries.ts';
import { type Resume, checkWanted } from './resume.ts';

/** What an `ok` says besides its id. */
export type Answer = frames.OkFields | undefined;

export type VerbPorts = {
  sessions: SessionsPort;
  messages: MessagesPort;
  queries: RealtimeQueries;
  resume: Resume;
  ephemeral: Ephemeral;
  asAppError: (thrown: unknown) => AppError;
};

export type Verbs = ReturnType<typeof createVerbs>;

export function createVerbs({ sessions, messages, queries, resume, ephemeral, asAppError }: VerbPorts) {
  /** `/ws/chat/:roomId`: the room may be left out, and another one may not be named. Throws forbidden. */
  function inOnlyRoom(connection: Connection, type: CommandType, given: Record<string, unknown>): Record<string, unknown> {
    const { only } = connection;
    const isOther = (roomId: unknown): boolean => typeof roomId === 'string' && roomId.toLowerCase() !== only;
    const other = () => forbidden('This socket is for one room alone.');
    const fields = { ...given };
    if (type === 'subscribe' || type === 'unsubscribe') {
      fields.rooms ??= [type === 'subscribe' ? {} : only];
      if (!Array.isArray(fields.rooms)) return fields;
      fields.rooms = fields.rooms.map((room: unknown) => {
        const roomId = type === 'subscribe' ? (room as { roomId?: unknown } | null)?.roomId : room;
        if (isOther(roomId)) throw other();
        return type === 'subscribe' && room !== null && typeof room === 'object' ? { ...room, roomId: roomId ?? only } : room;
      });
    } else if (type === 'message.send' || type === 'room.read' || type === 'typing') {
      fields.roomId ??= only;
      if (isOther(fields.roomId)) throw other();
    }
    return fields;
  }

  /** Rights of admins are looked up again: a socket may be older than the role. */
  async function callerOf(connection: Connection) {
    const caller = connection.caller!;
    return caller.role === 'admin' ? { ...caller, role: await queries.roleOf(caller.userId) } : caller;
  }

  async function renew(connection: Connection, token: string): Promise<Answer> {
    const { sessionId } = connection.caller!;
    const proven = await sessions.prove(token).catch((thrown) => {
      const error = asAppError(thrown);
      throw error.status === 401 || error.code === 'account_disabled' ? new AppError('unauthenticated', 'A valid access token is required.') : error;
    });
    if (proven.caller.sessionId !== sessionId) throw forbidden('That token belongs to another session.');
    if (proven.expiresAt > connection.expiresAt) {
      connection.expiresAt = proven.expiresAt;
      connection.errands.expiryTold = false;
      connection.caller = proven.caller;
    }
    return { expiresAt: new Date(connection.expiresAt).toISOString() };
  }

  async function tellTyping(connection: Connection, roomId: string, active: boolean): Promise<Answer> {
    const caller = connection.caller!;
    if (!connection.hearsRoom(roomId)) {
      const standing = await queries.standing(caller.userId, roomId);
      if (!standing?.role) throw outsider(standing, caller);
    }
    ephemeral.typing(caller.userId, roomId, active);
    return undefined;
  }

  /** What a command does, after its fields were checked. The synchronous part runs in the order sent. */
  return async function carryOut(connection: Connection, type: CommandType, given: Record<string, unknown>): Promise<Answer> {
    const fields = connection.only === '' ? given : inOnlyRoom(connection, type, given);
    switch (type) {
      case 'message.send': {
        const { roomId, ...draft } = frames.fieldsOf(type, fields);
        const { message, duplicate } = await messages.send(connection.caller!, roomId, draft);
        return { seq: message.seq, message, duplicate: duplicate || undefined };
      }
      case 'message.edit': {
        const { messageId, content } = frames.fieldsOf(type, fields);
        const { message, seq } = await messages.edit(connection.caller!, messageId, content);
        return { seq: seq ?? undefined, message };
      }
      case 'message.delete': {
        const { messageId } = frames.fieldsOf(type, fields);
        const { message, seq } = await messages.remove(await callerOf(connection), messageId);
        return { seq: seq ?? undefined, message };
      }
      case 'room.read': {
        const { roomId, seq } = frames.fieldsOf(type, fields);
        const { readSeq, unread } = await messages.markRead(connection.caller!, roomId, seq);
        return { readSeq, unread };
      }
      case 'subscribe': {
        const { rooms } = frames.fieldsOf(type, fields);
        checkWanted(rooms);
        await resume.subscribe(connection, rooms);
        return undefined;
      }
      case 'unsubscribe': {
        const { rooms } = frames.fieldsOf(type, fields);
        for (const feed of connection.feeds) if (rooms.includes(feed.roomId)) connection.leave(feed);
        return undefined;
      }
      case 'typing': {
        const { roomId, active } = frames.fieldsOf(type, fields);
        return tellTyping(connection, roomId, active);
      }
      case 'auth':
        return renew(connection, frames.fieldsOf(type, fields).token);
      case 'ping':
      case 'pong':
        return undefined;
    }
  };
}

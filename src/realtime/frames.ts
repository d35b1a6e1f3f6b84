/**
 * Frames as text, both ways: one reader of commands and one encoder per frame of model.ts. Pure functions; they know no
 * socket. What is said often is put together from parts instead of objects, in the same key order.
 */
import type { Config } from '../config.ts';
import { type AppError, ERRORS, invalid, issue, problemOf } from '../errors.ts';
import type { LeaveReason } from '../events.ts';
import { newRequestId } from '../http/headers.ts';
import { type Shape, check } from '../lib/check.ts';
import { COMMAND_ID_LENGTH, CONTENT_LENGTH, FRAME_BYTES, REPLAY_EVENTS, ROOMS_PER_SUBSCRIBE, UNANSWERED } from '../limits.ts';
import type { Message, ReadState } from '../messages/model.ts';
import type { Room } from '../rooms/model.ts';
import type { User } from '../users/model.ts';
import { COMMANDS, type CommandBody, type CommandId, type CommandType, type GapReason, type ReadyRoom } from './model.ts';

/** A command as it came: `id` is undefined when there is none, and `badId` when it is neither an integer nor a short text. */
export type Read = { type: string; id: CommandId | undefined; badId: boolean; fields: Record<string, unknown> };

/** The commonest frame, answered without a parser: `ping` alone, or with a plain id. */
export const PING = /^\{"type":"ping"(?:,"id":((?:0|[1-9]\d{0,14})|"[A-Za-z0-9_-]{1,64}"))?\}$/;

/** What a text frame says, or undefined when it is malformed: no JSON, no object, or `type` is no text. */
export function readFrame(text: string): Read | undefined {
  let fields: unknown;
  try {
    fields = JSON.parse(text);
  } catch {
    // Also a RangeError out of very deep nesting.
    return undefined;
  }
  if (fields === null || typeof fields !== 'object' || Array.isArray(fields)) return undefined;
  const own = (name: string): unknown => (Object.hasOwn(fields, name) ? (fields as Record<string, unknown>)[name] : undefined);
  const type = own('type');
  if (typeof type !== 'string') return undefined;
  const id = own('id') ?? undefined;
  const badId = id !== undefined && !isCommandId(id);
  return { type, id: badId ? undefined : (id as CommandId | undefined), badId, fields: fields as Record<string, unknown> };
}

function isCommandId(id: unknown): id is CommandId {
  if (typeof id === 'number') return Number.isSafeInteger(id);
  return (
    typeof id === 'string' && id !== '' && id.length <= 2 * COMMAND_ID_LENGTH && id.isWellFormed() && !id.includes('\0') && [...id].length <= COMMAND_ID_LENGTH
  );
}

export const isCommand = (type: string): type is CommandType => Object.hasOwn(COMMANDS, type);

/** The checked fields of a command. Throws invalid, with a pointer for each fault. */
export function fieldsOf<T extends CommandType>(type: T, fields: Record<string, unknown>): CommandBody<T> {
  return check<CommandBody<T>>(COMMANDS[type] as unknown as Shape, fields);
}

export const badId = (): AppError => invalid(issue('/id', 'type', `must be an integer or a string of 1 to ${COMMAND_ID_LENGTH} characters`));
export const unknownType = (): AppError => invalid(issue('/type', 'enum', `must be one of ${Object.keys(COMMANDS).join(', ')}`));

/** `hello` but for the connection's id, which stands between the two parts. */
export function helloParts(config: Pick<Config, 'wsHeartbeatSeconds' | 'wsRooms'>): [before: string, after: string] {
  const rest = JSON.stringify({
    heartbeatMs: config.wsHeartbeatSeconds * 1_000,
    limits: {
      frameBytes: FRAME_BYTES,
      contentLength: CONTENT_LENGTH,
      roomsPerSocket: config.wsRooms,
      roomsPerSubscribe: ROOMS_PER_SUBSCRIBE,
      unanswered: UNANSWERED,
      replay: REPLAY_EVENTS,
    },
  });
  return ['{"type":"hello","connectionId":"', `",${rest.slice(1)}`];
}

export const ready = (user: User, sessionId: string, expiresAt: string, rooms: readonly ReadyRoom[], next: string | null): string =>
  JSON.stringify({ type: 'ready', user, sessionId, expiresAt, rooms, next });

export type OkFields = { seq?: number | undefined; message?: Message; duplicate?: true | undefined; expiresAt?: string } & Partial<ReadState>;
export const ok = (id: CommandId, fields?: OkFields): string => JSON.stringify({ type: 'ok', id, ...fields });

/** The problem document of an error as sockets carry it: with `temporary`, which stands for the status' meaning. */
function socketProblem(error: AppError): object {
  const { type, title, status, code, detail, requestId, ...more } = problemOf(error, newRequestId());
  return { type, title, status, code, detail, requestId, temporary: ERRORS[code].temporary, ...more };
}

export const error = (id: CommandId | undefined, problem: AppError): string => JSON.stringify({ type: 'error', id, error: socketProblem(problem) });
export const refused = (roomId: string, problem: AppError): string => JSON.stringify({ type: 'refused', roomId, error: socketProblem(problem) });

export const synced = (roomId: string, epoch: string, seq: number): string => JSON.stringify({ type: 'synced', roomId, epoch, seq });

/** `from` and `to` are inclusive; an empty room is 1..0. `fetch` fills it: the events from there on, or the messages for whoever must begin anew. */
export function gap(roomId: string, epoch: string, from: number, to: number, reason: GapReason): string {
  const fetch = reason === 'too_many' ? `/api/v1/rooms/${roomId}/events?after=${from - 1}` : `/api/v1/rooms/${roomId}/messages`;
  return JSON.stringify({ type: 'gap', roomId, epoch, from, to, reason, fetch });
}

export const roomAdded = (room: Room): string => JSON.stringify({ type: 'room.added', roomId: room.id, room });
export const roomRemoved = (roomId: string, seq: number | undefined, reason: LeaveReason): string =>
  JSON.stringify({ type: 'room.removed', roomId, seq, reason });

export const readUpdated = (roomId: string, userId: string, readSeq: number): string =>
  `{"type":"read.updated","roomId":"${roomId}","userId":"${userId}","readSeq":${readSeq}}`;
export const typing = (roomId: string, userId: string, active: boolean): string =>
  `{"type":"typing","roomId":"${roomId}","userId":"${userId}","active":${active}}`;
export const presence = (roomId: string, count: number, online?: readonly string[], offline?: readonly string[]): string =>
  JSON.stringify({ type: 'presence', roomId, count, online, offline });

export const ping = (heads: Record<string, number> | undefined): string => (heads ? JSON.stringify({ type: 'ping', heads }) : '{"type":"ping"}');
export const pong = (id: CommandId | undefined): string => (id === undefined ? '{"type":"pong"}' : JSON.stringify({ type: 'pong', id }));

export const tokenExpiring = (inMs: number): string => `{"type":"token.expiring","inMs":${inMs}}`;
export const reconnect = (afterMs: number): string => `{"type":"reconnect","afterMs":${afterMs}}`;

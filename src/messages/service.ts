/**
 * The rules of messages: who may send, read, edit and delete, and what a repeat means. REST and the socket enter here, at
 * the same verbs; writing is the writer's, telling is `live`'s, and it always comes after the commit.
 */
import { AppError, conflict, forbidden, invalid, issue, notFound } from '../errors.ts';
import type { Event, Live } from '../events.ts';
import { mayRead, outsider } from '../lib/access.ts';
import { cursorScope, decodeCursor, pageOf } from '../lib/cursor.ts';
import { EVENTS_DEFAULT, HISTORY_DEFAULT, PAGE_DEFAULT, SAFE_INTEGER } from '../limits.ts';
import { type Caller, type CountedPage, type PublicUser, publicUser } from '../users/model.ts';
import { type ReadLog, changedEvent, createdEvent } from './log.ts';
import type { EventsPage, History, ListReaders, Message, ReadEvents, ReadHistory, ReadState, SendMessage } from './model.ts';
import type { MessageQueries } from './queries.ts';
import type { Appended, Draft, Writer } from './writer.ts';

export type MessagePorts = { queries: MessageQueries; readLog: ReadLog; writer: Writer; live: Live };

export type Messages = ReturnType<typeof createMessages>;

/** The message behind a draft that was stored now, or the present state of the one that was stored first. */
const messageFrom = (draft: Draft, row: Appended): Message => ({
  id: row.id,
  roomId: draft.roomId,
  seq: row.seq,
  sender: publicUser(draft.senderId, row.username, row.firstName, row.lastName, false),
  content: row.content ?? draft.content,
  replyTo: draft.replyTo,
  clientMessageId: draft.clientMessageId,
  createdAt: row.createdAt,
  updatedAt: row.updatedAt,
  editedAt: row.editedAt,
  deletedAt: row.deletedAt,
});

/**
 * What the writer calls after each commit: tells every room its new messages, in seq order, and keeps each message for the
 * answer to its sender, so that it is put together once.
 */
export function createTelling(live: Live) {
  const told = new WeakMap<Appended, Message>();
  return {
    committed(items: readonly { draft: Draft; row: Appended }[]): void {
      const rooms = new Map<string, { epoch: string; events: Event[] }>();
      for (const { draft, row } of items) {
        const message = messageFrom(draft, row);
        told.set(row, message);
        const room = rooms.get(draft.roomId) ?? { epoch: row.epoch, events: [] };
        if (room.events.length === 0) rooms.set(draft.roomId, room);
        room.events.push(createdEvent(message));
      }
      for (const { epoch, events } of rooms.values()) live.publish(epoch, events);
    },
    messageOf: (draft: Draft, row: Appended): Message => told.get(row) ?? messageFrom(draft, row),
  };
}

export function createMessages({ queries, readLog, writer, live, messageOf }: MessagePorts & { messageOf: ReturnType<typeof createTelling>['messageOf'] }) {
  async function settle(caller: Caller, draft: Draft, row: Appended): Promise<{ message: Message; duplicate: boolean }> {
    switch (row.outcome) {
      case 'stored':
      case 'duplicate':
        return { message: messageOf(draft, row), duplicate: row.outcome === 'duplicate' };
      case 'retry_alone':
        return settle(caller, draft, await writer.write(draft));
      case 'conflict':
        throw new AppError('idempotency_conflict', 'This clientMessageId was used for another message in this room.');
      case 'forbidden':
        throw forbidden('The other person of this conversation has left Parlour.');
      case 'invalid_reply':
        throw invalid(issue('/replyTo', 'unknown', 'names no message of this room'));
      case 'stranger':
        throw outsider(await queries.standing(draft.roomId, caller.userId), caller);
    }
  }

  /** A message that the caller may see. Throws not_found, forbidden (a stranger of a public room). */
  async function visible(caller: Caller, messageId: string): Promise<Message> {
    const found = await queries.one(messageId, caller.userId);
    mayRead(found?.standing, caller);
    return found!.message;
  }

  async function change(caller: Caller, messageId: string, content: string | null): Promise<{ message: Message; seq: number | null }> {
    const { outcome, eventSeq, eventAt, epoch } = await queries.change(messageId, caller.userId, caller.role === 'admin', content);
    if (outcome === 'not_found') throw notFound();
    if (outcome === 'forbidden') throw forbidden(content === null ? 'Only the author, moderators and admins may delete it.' : 'Only the author may edit it.');
    if (outcome === 'deleted') throw conflict('The message has been deleted.');
    const { message } = (await queries.one(messageId, caller.userId)) ?? {};
    if (!message) throw notFound();
    if (outcome === 'done')
      live.publish(epoch, [changedEvent(content === null ? 'message.deleted' : 'message.edited', eventSeq!, eventAt!, caller.userId, message)]);
    return { message, seq: eventSeq };
  }

  return {
    /**
     * Stores a message and answers after its commit; sends into one room are written in the order of the calls. `duplicate`:
     * the same clientMessageId was sent before, the message is as it is now. Throws not_found, forbidden, idempotency_conflict,
     * invalid (`/replyTo`), overloaded, unavailable.
     */
    async send(caller: Caller, roomId: string, { content, clientMessageId, replyTo }: SendMessage): Promise<{ message: Message; duplicate: boolean }> {
      const draft: Draft = {
        id: Bun.randomUUIDv7(),
        roomId,
        senderId: caller.userId,
        clientMessageId: clientMessageId ?? null,
        content,
        replyTo: replyTo ?? null,
        at: null,
      };
      return settle(caller, draft, await writer.write(draft));
    },

    read: visible,

    /** The edited message, and the seq of the event; null when the text was the same. Throws not_found, forbidden, conflict. */
    edit: (caller: Caller, messageId: string, content: string) => change(caller, messageId, content),

    /** The tombstone, and the seq of the event; null when it was deleted already. Throws not_found, forbidden. */
    remove: (caller: Caller, messageId: string) => change(caller, messageId, null),

    /** One page by seq, ascending. Throws invalid (two positions), not_found, forbidden. */
    async history(caller: Caller, roomId: string, { before, after, around, limit = HISTORY_DEFAULT }: ReadHistory): Promise<History> {
      if ([before, after, around].filter((position) => position !== undefined).length > 1) {
        throw invalid(issue('', 'mismatch', 'takes at most one of before, after and around'));
      }
      const half = Math.floor(limit / 2);
      const [below, countBelow, from, countFrom] =
        after !== undefined ? [0, 0, after + 1, limit] : around !== undefined ? [around, half, around, limit - half] : [before ?? SAFE_INTEGER, limit, 0, 0];
      const page = await queries.history(roomId, caller.userId, caller.role === 'admin', below, countBelow, from, countFrom);
      mayRead(page?.standing, caller);
      const { items, first, last, epoch, lastSeq } = page!;
      // An empty page lies where it was asked for: after=n behind n, before=n in front of n.
      const low = items[0]?.seq ?? (after !== undefined ? after + 1 : 0);
      const high = items.at(-1)?.seq ?? (after !== undefined ? SAFE_INTEGER : (before ?? around ?? 0) - 1);
      return { items, hasBefore: first !== null && first < low, hasAfter: last !== null && last > high, epoch, lastSeq };
    },

    /** The durable log after a seq. There is more when the last item's seq is below lastSeq. Throws not_found, forbidden. */
    async events(caller: Caller, roomId: string, { after = 0, limit = EVENTS_DEFAULT }: ReadEvents): Promise<EventsPage> {
      const beyond = caller.role === 'admin' ? 'groups' : 'none';
      const [page] = await readLog(caller.userId, [{ roomId, after }], { most: limit, whole: false, beyond });
      mayRead(page?.standing, caller);
      return { items: page!.events, epoch: page!.epoch, lastSeq: page!.lastSeq };
    },

    /** Moves the caller's marker forward; a lower one changes nothing. Throws not_found, forbidden for those who are no members. */
    async markRead(caller: Caller, roomId: string, seq: number): Promise<ReadState> {
      const state = await queries.markRead(roomId, caller.userId, seq);
      if (!state) throw outsider(await queries.standing(roomId, caller.userId), caller);
      if (state.moved) live.read(roomId, caller.userId, state.readSeq);
      return { readSeq: state.readSeq, unread: state.unread };
    },

    /** The same, to a message's seq. */
    async markMessageRead(caller: Caller, messageId: string): Promise<ReadState> {
      const found = await queries.one(messageId, caller.userId);
      if (!found?.standing?.role) throw outsider(found?.standing, caller);
      return this.markRead(caller, found.message.roomId, found.message.seq);
    },

    /** Who has read it: present members but the author, oldest member first. Throws not_found, forbidden. */
    async readers(caller: Caller, messageId: string, { limit = PAGE_DEFAULT, cursor, total }: ListReaders): Promise<CountedPage<PublicUser>> {
      const message = await visible(caller, messageId);
      const scope = cursorScope('listReaders', { messageId });
      const [joinedAt, userId] = cursor ? (decodeCursor(scope, cursor, ['time', 'id']) as [string, string]) : [];
      const after = joinedAt && userId ? { joinedAt, userId } : undefined;
      const rows = await queries.readers(message.roomId, message.sender.id, message.seq, after, limit + 1);
      const page = pageOf(
        rows,
        limit,
        scope,
        (row) => [row.joinedAt, row.id],
        (row) => publicUser(row.id, row.username, row.firstName, row.lastName, row.deleted),
      );
      return total ? { ...page, total: null } : page;
    },
  };
}

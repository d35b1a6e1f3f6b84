/** Messages, history and events as they look on the wire, and what may be asked about them. Shapes only. */
import { type Static, t } from 'elysia';
import { CLIENT_MESSAGE_ID_LENGTH, CONTAINS_MIN, CONTENT_LENGTH, EVENTS_MAX, PAGE_MAX, SEARCH_LENGTH } from '../limits.ts';
import type { Event } from '../events.ts';
import { Id, Integer, PublicUser, Time, paging, total } from '../users/model.ts';

export const Message = t.Object(
  {
    id: Id,
    roomId: Id,
    seq: Integer(),
    sender: PublicUser,
    content: t.String(),
    replyTo: t.Unsafe<string | null>({ type: 'string', format: 'uuid', nullable: true }),
    clientMessageId: t.Unsafe<string | null>({ type: 'string', nullable: true }),
    createdAt: Time,
    updatedAt: Time,
    editedAt: t.Unsafe<string | null>({ type: 'string', format: 'date-time', nullable: true }),
    deletedAt: t.Unsafe<string | null>({ type: 'string', format: 'date-time', nullable: true }),
  },
  { $id: 'Message' },
);
export type Message = Static<typeof Message>;

/** `[start, end)` in UTF-16 units of `content`; missing when nothing was searched. */
const Highlights = t.Optional(t.Unsafe<[number, number][]>({ type: 'array', items: { type: 'array', items: { type: 'integer' }, minItems: 2, maxItems: 2 } }));
export const FoundMessage = t.Object({ ...Message.properties, highlights: Highlights }, { $id: 'FoundMessage' });
export type FoundMessage = Static<typeof FoundMessage>;

const Content = t.String({ minLength: 1, maxLength: CONTENT_LENGTH, blank: false });
export const ClientMessageId = t.String({ minLength: 1, maxLength: CLIENT_MESSAGE_ID_LENGTH, format: 'token' });

export const SendMessage = t.Object({ content: Content, clientMessageId: t.Optional(ClientMessageId), replyTo: t.Optional(Id) });
export type SendMessage = Static<typeof SendMessage>;
export const EditMessage = t.Object({ content: Content });

/** `seq` from 0. */
const Seq = Integer({ minimum: 0 });

export const ReadHistory = t.Object({
  before: t.Optional(Seq),
  after: t.Optional(Seq),
  around: t.Optional(Seq),
  limit: t.Optional(Integer({ minimum: 1, maximum: PAGE_MAX })),
});
export type ReadHistory = Static<typeof ReadHistory>;
export const History = t.Object(
  { items: t.Array(Message), hasBefore: t.Boolean(), hasAfter: t.Boolean(), epoch: t.String(), lastSeq: Integer() },
  { $id: 'History' },
);
export type History = Static<typeof History>;

export const ReadEvents = t.Object({ after: t.Optional(Seq), limit: t.Optional(Integer({ minimum: 1, maximum: EVENTS_MAX })) });
export type ReadEvents = Static<typeof ReadEvents>;

export const EventsPage = t.Object(
  { items: t.Array(t.Unsafe<Event>({ $ref: '#/components/schemas/Event' })), epoch: t.String(), lastSeq: Integer() },
  { $id: 'EventsPage' },
);
export type EventsPage = Static<typeof EventsPage>;

export const MarkRead = t.Object({ seq: Seq });
export const ReadState = t.Object({ readSeq: Integer(), unread: Integer() }, { $id: 'ReadState' });
export type ReadState = Static<typeof ReadState>;

export const FindMessages = t.Object({
  room: t.Optional(Id),
  user: t.Optional(t.String()),
  search: t.Optional(t.String({ minLength: 1, maxLength: SEARCH_LENGTH })),
  contains: t.Optional(t.String({ minLength: CONTAINS_MIN, maxLength: SEARCH_LENGTH })),
  since: t.Optional(Time),
  until: t.Optional(Time),
  sort: t.Optional(t.Unsafe<'newest' | 'relevance'>({ type: 'string', enum: ['newest', 'relevance'] })),
  ...paging,
  ...total,
});
export type FindMessages = Static<typeof FindMessages>;

export const ListReaders = t.Object({ ...paging, ...total });
export type ListReaders = Static<typeof ListReaders>;

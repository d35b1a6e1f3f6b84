/** Messages over HTTP: paths, documentation and one verb each. */
import { Elysia } from 'elysia';
import { type Door, reply } from '../http/door.ts';
import {
  EditMessage,
  EventsPage,
  FindMessages,
  FoundMessage,
  History,
  ListReaders,
  MarkRead,
  Message,
  ReadEvents,
  ReadHistory,
  ReadState,
  SendMessage,
} from './model.ts';
import { PublicUser, list } from '../users/model.ts';
import type { Messages } from './service.ts';
import type { Search } from './search-service.ts';

const tag = 'Messages';

export const messageRoutes = (messages: Messages, search: Search, door: Door) =>
  new Elysia({ name: 'messages' })
    .post(
      '/api/v1/rooms/:roomId/messages',
      ...door.signedIn(
        'sendMessage',
        {
          summary: 'Send a message',
          description: 'Answered after the commit. Repeat it with the same `clientMessageId` when the answer was lost: 200 and the message as it is now.',
          tag,
          rate: 'send',
          body: SendMessage,
          answers: { 201: Message, 200: Message },
          fails: ['forbidden', 'not_found', 'idempotency_conflict'],
        },
        async ({ caller, params, body }) => {
          const { message, duplicate } = await messages.send(caller, params.roomId!, body);
          return duplicate ? reply(200, message) : message;
        },
      ),
    )
    .get(
      '/api/v1/rooms/:roomId/messages',
      ...door.signedIn(
        'readHistory',
        { summary: 'A page of history, ascending by seq', tag, rate: 'read', query: ReadHistory, answers: { 200: History }, fails: ['forbidden', 'not_found'] },
        ({ caller, params, query }) => messages.history(caller, params.roomId!, query),
      ),
    )
    .get(
      '/api/v1/rooms/:roomId/events',
      ...door.signedIn(
        'readEvents',
        {
          summary: 'The durable log of a room after a seq',
          tag,
          rate: 'read',
          query: ReadEvents,
          answers: { 200: EventsPage },
          fails: ['forbidden', 'not_found'],
        },
        ({ caller, params, query }) => messages.events(caller, params.roomId!, query),
      ),
    )
    .put(
      '/api/v1/rooms/:roomId/read',
      ...door.signedIn(
        'markRead',
        { summary: 'Move my read marker to a seq', tag, rate: 'write', body: MarkRead, answers: { 200: ReadState }, fails: ['forbidden', 'not_found'] },
        ({ caller, params, body }) => messages.markRead(caller, params.roomId!, body.seq),
      ),
    )
    .get(
      '/api/v1/messages',
      ...door.signedIn(
        'findMessages',
        {
          summary: 'Find messages in my rooms',
          description:
            'Finds what is there now, in all rooms that the caller is a member of. `search` takes words that must all occur, `"a phrase"`, `-excluded`, `this or that`; the last word may be the beginning of one. `contains` takes a literal part. Case and accents never matter.\n\n`sort=relevance` is bounded: the 500 newest matches are ranked together, behind them the next 500, older ones, and so on. A word with up to 500 matches is ranked whole, one that is everywhere costs the same on every page, and a walk shows each match once. Filters narrow what is ranked.',
          tag,
          rateOf: (query) => (query.get('search') || query.get('contains') ? 'search' : 'read'),
          query: FindMessages,
          answers: { 200: list(FoundMessage) },
        },
        ({ caller, query }) => search.find(caller, query),
      ),
    )
    .get(
      '/api/v1/messages/:messageId',
      ...door.signedIn(
        'readMessage',
        { summary: 'One message', tag, rate: 'read', answers: { 200: Message }, fails: ['forbidden', 'not_found'] },
        ({ caller, params }) => messages.read(caller, params.messageId!),
      ),
    )
    .patch('/api/v1/messages/:messageId', ...edit('editMessage', messages, door))
    .put('/api/v1/messages/:messageId', ...edit('replaceMessage', messages, door))
    .delete(
      '/api/v1/messages/:messageId',
      ...door.signedIn(
        'deleteMessage',
        { summary: 'Delete a message; a tombstone keeps its seq', tag, rate: 'send', answers: { 204: null }, fails: ['forbidden', 'not_found'] },
        ({ caller, params }) => messages.remove(caller, params.messageId!),
      ),
    )
    .post(
      '/api/v1/messages/:messageId/read',
      ...door.signedIn(
        'markMessageRead',
        { summary: 'Move my read marker to this message', tag, rate: 'write', answers: { 200: ReadState }, fails: ['forbidden', 'not_found'] },
        ({ caller, params }) => messages.markMessageRead(caller, params.messageId!),
      ),
    )
    .get(
      '/api/v1/messages/:messageId/readers',
      ...door.signedIn(
        'listReaders',
        { summary: 'Who has read it', tag, rate: 'read', query: ListReaders, answers: { 200: list(PublicUser) }, fails: ['forbidden', 'not_found'] },
        ({ caller, params, query }) => messages.readers(caller, params.messageId!, query),
      ),
    );

/** PUT and PATCH are the same: content is all that can change. */
const edit = (operationId: string, messages: Messages, door: Door) =>
  door.signedIn(
    operationId,
    { summary: 'Edit my message', tag, rate: 'send', body: EditMessage, answers: { 200: Message }, fails: ['forbidden', 'not_found', 'conflict'] },
    async ({ caller, params, body }) => (await messages.edit(caller, params.messageId!, body.content)).message,
  );

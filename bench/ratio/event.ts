/** The event that fan-out benches publish, the same for everybody: a message as the server tells it, 560 bytes. */
import type { MessageEvent } from '../../src/events.ts';

const AT = '2026-01-02T03:04:05.678Z';
const SENDER = '019b7f3e-5c00-7000-8000-000000000001';

export function eventOf(roomId: string, seq: number): MessageEvent {
  const message = {
    id: '019b7f3e-5c00-7000-8000-000000000002',
    roomId,
    seq,
    sender: { id: SENDER, username: 'user1', firstName: '', lastName: '', deleted: false },
    content: 'Has anybody seen the photographs of the garden? I had them here yesterday.',
    replyTo: null,
    clientMessageId: 'bench-1-1',
    createdAt: AT,
    updatedAt: AT,
    editedAt: null,
    deletedAt: null,
  };
  return { type: 'message.created', roomId, seq, at: AT, actorId: SENDER, message } as unknown as MessageEvent;
}

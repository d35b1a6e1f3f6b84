/**
 * One followed room on this node: which epoch it is in, how far its log has been published here (the head), what was published
 * last (the ring) and what waits for an earlier event (the hold). State only; deliver.ts moves it.
 */
import { type Event, type LeaveReason, roomTopic } from '../events.ts';
import type { Hold } from './hold.ts';
import { Ring, type Rings } from './ring.ts';

/** What happened, as far as a node must know it besides the text: who came or went. */
export type Mark = { kind: 'joined' | 'left' | 'other'; userId: string; reason: LeaveReason | '' };

/** A durable event as it travels between nodes. */
export type Heard = Mark & { epoch: string; seq: number; text: string };

export const NOTHING: Mark = { kind: 'other', userId: '', reason: '' };

export function markOf(event: Event): Mark {
  if (event.type === 'member.left') return { kind: 'left', userId: event.member.user.id, reason: event.reason };
  if (event.type === 'member.joined') return { kind: 'joined', userId: event.member.user.id, reason: '' };
  return NOTHING;
}

export class Feed {
  readonly topic: string;
  epoch = '';
  /** The seq up to which everything was published here. Meaningless until `followed`. */
  head = 0;
  followed = false;
  /** While true nothing is published: a gap is being made, and who may still hear the room is being looked up. */
  paused = false;
  gone = false;
  memberCount = 0;
  /** Sockets of this node in the topic, and resumes in flight that count on the feed. */
  subscribers = 0;
  pins = 0;
  idleSince = 0;
  /** performance.now() of the last move of the head. */
  movedAt = 0;
  /** The last publish found somebody behind: ephemeral frames stay out. */
  troubled = false;
  hold: Hold | undefined;
  holdTimer: ReturnType<typeof setTimeout> | undefined;
  readonly ring: Ring;

  constructor(
    readonly roomId: string,
    rings: Rings,
  ) {
    this.topic = roomTopic(roomId);
    this.ring = new Ring(rings);
  }
}

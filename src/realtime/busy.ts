/**
 * What a socket needs only while something is going on: its opening, commands on their way, a replay that waits, a removal that
 * was told. An idle socket has none of it, and so no such object. State only.
 */
import type { AppError } from '../errors.ts';
import type { Mailbox } from '../lib/mailbox.ts';

/** What the request for the upgrade brought along; forgotten once the socket is open. */
export type Opening = {
  bearer: string | undefined;
  ticket: string | undefined;
  token: string | undefined;
  /** The client named subprotocols, and ours was not among them. */
  foreignProtocol: boolean;
  /** Why the socket is closed at once, e.g. too many openings from one address. */
  refusal: AppError | undefined;
  /** `/ws/chat/:roomId`, as it was written. */
  only: { roomId: string; after: string | undefined; epoch: string | undefined } | undefined;
};

export class Busy {
  /** The room of `/ws/chat/:roomId`; '' on a socket for all rooms. */
  only = '';
  /** `token.expiring` was said of the present token. */
  expiryTold = false;
  /** Since when it owes too much; 0 when it does not. */
  slowSince = 0;
  /** When a draining node closes it; 0: not yet decided. */
  leaveAt = 0;
  /** That time has come and answers are still owed: they go out, and what is said now has crossed with the close. */
  leaving = false;
  unanswered = 0;
  malformed = 0;
  limited: number[] | undefined = undefined;
  writes: Mailbox | undefined = undefined;
  subscriptions: Mailbox | undefined = undefined;
  /** Frames that came while the proof was looked up. */
  early: string[] | undefined = undefined;
  /** What is told once `ready` is out. */
  later: (() => void)[] | undefined = undefined;
  told: Map<string, number> | undefined = undefined;
  /** Rooms lost while a subscribe was on its way: the rest of their replay is not sent. */
  lost: Set<string> | undefined = undefined;
  /** Wakes a replay that waits for the socket to drain. */
  drained: (() => void) | undefined = undefined;

  constructor(public opening: Opening | undefined = undefined) {}

  /** Nothing in here says anything that a new one would not. */
  get isOver(): boolean {
    return (
      this.unanswered === 0 &&
      this.opening === undefined &&
      this.only === '' &&
      !this.expiryTold &&
      this.slowSince === 0 &&
      this.leaveAt === 0 &&
      this.malformed === 0 &&
      this.limited === undefined &&
      this.early === undefined &&
      this.later === undefined &&
      this.told === undefined &&
      this.lost === undefined &&
      this.drained === undefined
    );
  }
}

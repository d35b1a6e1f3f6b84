/**
 * A steady load of sends over REST and sockets, by clients that behave: what is refused for a while or gets no answer is sent
 * again with its own clientMessageId until it is acknowledged. Every acknowledgement and every failure is written down.
 */
import { Reader, type Account } from '../support/client.ts';
import { until } from '../support/wait.ts';
import type { Acknowledged } from './checker.ts';

/** What went wrong with one attempt: an HTTP status, an error code of the socket, `connection` (of a request), `socket closed`, `timeout`. */
export type Failure = { at: number; what: string };

/** `duplicate`: it was carried out at an attempt that got no answer. */
export type Answered = { at: number; ms: number; roomId: string; messageId: string; duplicate: boolean };

export type LoadOptions = {
  senders: readonly Account[];
  roomIds: readonly string[];
  /** The nodes that are there, best first for this sender. */
  urls: (nth: number) => readonly string[];
  /** Milliseconds between the sends of one sender. */
  everyMs?: number;
};

type Sent = { roomId: string; senderId: string; clientMessageId: string; lane: string; nth: number; at: number; tries: number };

const RETRY_MS = 50;
/** Longer than the server's own deadline: then nobody is at the other end. */
const PATIENCE_MS = 8_000;
const PIPELINED = 16;
let loads = 0;

export type Load = ReturnType<typeof startLoad>;

/** Every other sender is a socket that pipelines; the others speak REST, one request after the other. */
export function startLoad({ senders, roomIds, urls, everyMs = 20 }: LoadOptions) {
  const acknowledged: Acknowledged[] = [];
  const answers: Answered[] = [];
  const failures: Failure[] = [];
  const pending = new Map<string, Sent>();
  const readers: Reader[] = [];
  let attempts = 0;
  let sending = true;
  let ids = 0;
  const name = ++loads;

  const make = (account: Account, lane: string): Sent => {
    const nth = ++ids;
    const sent = {
      roomId: roomIds[nth % roomIds.length]!,
      senderId: account.id,
      clientMessageId: `${name}-${nth}`,
      lane,
      nth,
      at: performance.now(),
      tries: 0,
    };
    pending.set(sent.clientMessageId, sent);
    return sent;
  };
  const accept = ({ at, tries, ...sent }: Sent, message: { id: string; seq: number }, duplicate: boolean): void => {
    pending.delete(sent.clientMessageId);
    const now = performance.now();
    answers.push({ at: now, ms: now - at, roomId: sent.roomId, messageId: message.id, duplicate });
    acknowledged.push({ ...sent, messageId: message.id, seq: message.seq, first: tries === 1 && !duplicate });
  };
  const fail = (what: string): void => void failures.push({ at: performance.now(), what });

  async function overRest(account: Account, own: () => readonly string[]): Promise<void> {
    while (sending) {
      const sent = make(account, `rest ${name} ${account.id}`);
      for (let at = 0; pending.has(sent.clientMessageId); at++) {
        const nodes = own();
        sent.tries++;
        attempts++;
        try {
          const response = await fetch(`${nodes[at % nodes.length]}/api/v1/rooms/${sent.roomId}/messages`, {
            method: 'POST',
            headers: { authorization: `Bearer ${account.token}`, 'content-type': 'application/json' },
            body: JSON.stringify({ content: `message ${sent.nth}`, clientMessageId: sent.clientMessageId }),
            signal: AbortSignal.timeout(PATIENCE_MS),
          });
          const body = (await response.json()) as { id: string; seq: number };
          if (response.status < 300) accept(sent, body, response.status === 200);
          else fail(String(response.status));
        } catch (error) {
          fail(error instanceof DOMException ? 'timeout' : 'connection');
        }
        if (pending.has(sent.clientMessageId)) await Bun.sleep(RETRY_MS);
      }
      await Bun.sleep(everyMs);
    }
  }

  async function deliver(reader: Reader, sent: Sent): Promise<void> {
    while (pending.has(sent.clientMessageId)) {
      await until('a socket to send on', () => reader.ready, 60_000);
      sent.tries++;
      attempts++;
      const { roomId, clientMessageId, nth } = sent;
      const late = Bun.sleep(PATIENCE_MS).then(() => ({ type: 'error', error: { code: 'timeout' } }));
      const answer = await Promise.race([reader.ask('message.send', { roomId, clientMessageId, content: `message ${nth}` }).catch(() => undefined), late]);
      if (answer?.type === 'ok') accept(sent, answer.message, answer.duplicate === true);
      else {
        fail(answer?.error.code ?? 'socket closed');
        await Bun.sleep(RETRY_MS);
      }
    }
  }

  async function overSocket(account: Account, own: () => readonly string[]): Promise<void> {
    const reader = new Reader(account, { urls: own, returns: true });
    readers.push(reader);
    await reader.open();
    const open = new Set<Promise<void>>();
    while (sending) {
      if (reader.ready && open.size < PIPELINED) {
        const done = deliver(reader, make(account, `${reader.name} connection ${reader.closes.length}`));
        open.add(done);
        void done.finally(() => open.delete(done));
      }
      await Bun.sleep(everyMs);
    }
    await Promise.all(open);
  }

  const running = senders.map((account, nth) => (nth % 2 ? overSocket : overRest)(account, () => urls(nth)));

  return {
    acknowledged,
    answers,
    failures,
    pending,
    get attempts(): number {
      return attempts;
    },
    /** Problems that the senders' own sockets noticed. */
    problems: (): string[] => readers.flatMap((reader) => reader.problems),
    closes: (): number[] => readers.flatMap((reader) => reader.closes),

    /** Milliseconds from `since` to the first acknowledgement after it. */
    async firstAckAfter(since: number, limitMs = 10_000): Promise<number> {
      const first = await until('an acknowledgement', () => answers.find(({ at }) => at > since), limitMs);
      return first.at - since;
    },

    /** Everything that was sent before `at` has been acknowledged. */
    settledSince: (at: number, limitMs: number): Promise<unknown> =>
      until(`nothing of before is pending (${failures.slice(-3).map(({ what }) => what)})`, () => ![...pending.values()].some((sent) => sent.at < at), limitMs),

    /** Sends nothing new, and waits for the answers to what was sent. */
    async stop(limitMs = 10_000): Promise<void> {
      sending = false;
      await until('everything is acknowledged', () => pending.size === 0, limitMs);
      await Promise.all(running);
      for (const reader of readers) reader.close();
    },
  };
}

/** The value below which a share of the numbers lies. */
export function percentile(numbers: readonly number[], share: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

/** How often each kind of failure was. */
export function kinds(failures: readonly Failure[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { what } of failures) counts[what] = (counts[what] ?? 0) + 1;
  return counts;
}

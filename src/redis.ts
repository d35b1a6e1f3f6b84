/**
 * Connections to Redis: one for commands, one for subscriptions. Redis only ever makes things faster here, so commands fail at
 * once instead of waiting, reconnecting never stops, and no failure of Redis becomes an unhandled error. The only file that
 * knows ioredis.
 */
import { Redis as Client } from 'ioredis';

export type RedisLog = { warn: (fields: object, message: string) => void; info: (fields: object, message: string) => void };

export type RedisOptions = { url: string /** Before every key and channel: used by the callers through `key`. */; prefix: string; log?: RedisLog };

export type Redis = {
  /** Commands reject within 150 ms, or at once while there is no connection. Callers must handle that. */
  readonly commands: Client;
  /** For subscribe, psubscribe and their messages alone; subscriptions are renewed by the driver after a reconnect. */
  readonly subscriber: Client;
  /** The name with the installation's prefix. */
  key: (name: string) => string;
  /** Whether commands would be sent now. */
  readonly ready: boolean;
  readonly subscriberReady: boolean;
  /** Called each time the subscriber connection is back (not the first time), with subscriptions renewed: what was published meanwhile is lost. Returns how to stop. */
  onSubscriberReturn: (listener: () => void) => () => void;
  /** Milliseconds of a PING; undefined when Redis does not answer. Never throws. */
  ping: () => Promise<number | undefined>;
  /** Resolves true when both connections are ready, false after `milliseconds`. */
  waitUntilReady: (milliseconds: number) => Promise<boolean>;
  [Symbol.asyncDispose]: () => Promise<void>;
};

const COMMAND_TIMEOUT_MS = 150;

/** Starts connecting and returns without waiting. */
export function openRedis({ url, prefix, log }: RedisOptions): Redis {
  // The defaults wait: an offline queue, 20 retries, no timeout. A frozen Redis then hangs requests for seconds (measured).
  const common = { enableOfflineQueue: false, maxRetriesPerRequest: 0, connectTimeout: 500, retryStrategy: backoff, keepAlive: 5_000 };
  const commands = new Client(url, { ...common, connectionName: 'parlour', commandTimeout: COMMAND_TIMEOUT_MS, autoResendUnfulfilledCommands: false });
  // A subscription may take as long as it takes: the room that waits for it reads from Postgres meanwhile.
  const subscriber = new Client(url, { ...common, connectionName: 'parlour-subscriber', commandTimeout: 1_000, autoResubscribe: true });
  const returns = new Set<() => void>();
  let closing = false;
  let subscribedBefore = false;

  for (const [client, name] of [
    [commands, 'commands'],
    [subscriber, 'subscriber'],
  ] as const) {
    let lost = false;
    const notice = (reason: string): void => {
      if (lost || closing) return;
      lost = true;
      log?.warn({ connection: name, reason }, 'Redis is gone; going on without it');
    };
    client.on('error', (error: Error & { code?: string }) => notice(error.code ?? error.message));
    client.on('close', () => notice('closed'));
    client.on('ready', () => {
      if (lost) log?.info({ connection: name }, 'Redis is back');
      lost = false;
    });
  }
  subscriber.on('ready', () => {
    if (!subscribedBefore) {
      subscribedBefore = true;
      return;
    }
    // The driver renews subscriptions in the same tick, right after this event; a command sent after them is answered after them.
    setImmediate(() => {
      for (const listener of returns) listener();
    });
  });

  const ping = async (): Promise<number | undefined> => {
    const from = performance.now();
    try {
      await commands.ping();
      return performance.now() - from;
    } catch {
      return undefined;
    }
  };

  // A frozen Redis keeps its connections, so nothing tells that subscriptions are dead. Without an answer to PING for three
  // seconds the connection is thrown away; the driver makes a new one.
  let silence = 0;
  const watch = setInterval(() => {
    if (subscriber.status !== 'ready') {
      silence = 0;
      return;
    }
    subscriber.ping().then(
      () => {
        silence = 0;
      },
      () => {
        if (++silence < 3) return;
        silence = 0;
        subscriber.disconnect(true);
      },
    );
  }, 1_000);
  watch.unref();

  return {
    commands,
    subscriber,
    key: (name) => prefix + name,
    get ready() {
      return commands.status === 'ready';
    },
    get subscriberReady() {
      return subscriber.status === 'ready';
    },
    onSubscriberReturn(listener) {
      returns.add(listener);
      return () => returns.delete(listener);
    },
    ping,
    async waitUntilReady(milliseconds) {
      const until = performance.now() + milliseconds;
      while (commands.status !== 'ready' || subscriber.status !== 'ready') {
        if (performance.now() > until) return false;
        await Bun.sleep(5);
      }
      return true;
    },
    async [Symbol.asyncDispose]() {
      closing = true;
      clearInterval(watch);
      commands.disconnect();
      subscriber.disconnect();
    },
  };
}

/** Milliseconds before the next attempt: soon at first, never more than half a second, spread so that nodes don't come back as one. */
const backoff = (attempt: number): number => Math.min(500, 50 * attempt) * (0.75 + Math.random() / 2);

/**
 * What carries words between nodes. Redis pub/sub is a hint and nothing more: it may lose, double and delay, because whatever
 * matters is found in Postgres by the poll. Sending never waits and never fails; without Redis there is nobody to talk to.
 */
import type { Redis } from '../redis.ts';

export type Bus = {
  /** Hands a text to the other nodes that listen to `topic` (and perhaps to this one). */
  send: (topic: string, text: string) => void;
  /** Resolves when the transport has confirmed, so that nothing said later is missed, or when it is found gone. Never rejects. */
  listen: (topics: readonly string[]) => Promise<void>;
  leave: (topics: readonly string[]) => void;
  /** Whether other nodes can be heard now. */
  readonly up: boolean;
  /** Called with each text that arrives, and each time the connection is back and what was said meanwhile is lost. */
  start: (heard: (topic: string, text: string) => void, returned: () => void) => void;
  close: () => void;
};

export function localBus(): Bus {
  return { send: () => {}, listen: async () => {}, leave: () => {}, up: false, start: () => {}, close: () => {} };
}

/** Longest that a follower waits for a confirmation; a Redis that is slower counts as gone. */
const CONFIRM_MS = 300;
/** Channels in one SUBSCRIBE, so that no single command holds the connection for long. */
const CHANNELS = 1_000;

/** Every text begins with the node that says it, so that a node need not listen to itself. */
export function redisBus(redis: Redis, nodeId: string): Bus {
  const { commands, subscriber } = redis;
  const channelOf = (topic: string) => redis.key(topic);
  const prefix = redis.key('');
  const wanted = new Set<string>();
  let gathering: { channels: string[]; confirmed: Promise<void> } | undefined;
  let returned: (() => void) | undefined;
  let closed = false;
  const quiet = () => {};

  async function subscribe(channels: readonly string[]): Promise<void> {
    if (!redis.subscriberReady) return;
    const confirmations: Promise<unknown>[] = [];
    for (let from = 0; from < channels.length; from += CHANNELS) confirmations.push(subscriber.subscribe(...channels.slice(from, from + CHANNELS)));
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((done) => {
      timer = setTimeout(done, CONFIRM_MS);
    });
    await Promise.race([Promise.all(confirmations).catch(quiet), late]);
    clearTimeout(timer);
  }

  /** One SUBSCRIBE for all that asked in the same tick. */
  function gather(channels: readonly string[]): Promise<void> {
    if (!gathering) {
      const batch = { channels: [] as string[], confirmed: Promise.resolve() };
      batch.confirmed = Promise.resolve().then(() => {
        gathering = undefined;
        return subscribe(batch.channels);
      });
      gathering = batch;
    }
    gathering.channels.push(...channels);
    return gathering.confirmed;
  }

  /** The driver renews only what it had confirmed; what was asked for while Redis was away is asked for now. */
  const onReady = () => {
    setImmediate(() => {
      if (closed) return;
      void subscribe([...wanted]).then(() => returned?.());
    });
  };

  return {
    send(topic, text) {
      if (redis.ready) commands.publish(channelOf(topic), `${nodeId} ${text}`).catch(quiet);
    },
    listen(topics) {
      const channels = topics.map(channelOf);
      for (const channel of channels) wanted.add(channel);
      return channels.length > 0 && redis.subscriberReady ? gather(channels) : Promise.resolve();
    },
    leave(topics) {
      const channels = topics.map(channelOf);
      for (const channel of channels) wanted.delete(channel);
      if (channels.length > 0 && redis.subscriberReady) subscriber.unsubscribe(...channels).catch(quiet);
    },
    get up() {
      return redis.ready && redis.subscriberReady;
    },
    start(heard, onReturn) {
      returned = onReturn;
      subscriber.on('message', (channel: string, text: string) => {
        if (!closed && channel.startsWith(prefix)) heard(channel.slice(prefix.length), text);
      });
      subscriber.on('ready', onReady);
    },
    close() {
      closed = true;
    },
  };
}

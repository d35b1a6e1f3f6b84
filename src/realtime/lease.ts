/**
 * Who is online on other nodes. Each node keeps a set of its people in Redis that dies with it (the lease) and shouts changes
 * over the bus; the sets are read again now and then, because a shout may be lost. While Redis is away a node knows only its own.
 */
import { NODE_TOPIC } from '../events.ts';
import type { Redis } from '../redis.ts';
import type { Bus } from './bus.ts';

/** A killed node's people fade after this and the next look, well within 90 s. */
const LEASE_SECONDS = 45;
const LOOK_MS = 15_000;
/** Changes are shouted together. */
const SHOUT_MS = 5;
const AT_ONCE = 1_000;

export type Lease = ReturnType<typeof createLease>;

export type LeasePorts = {
  redis: Redis;
  bus: Bus;
  nodeId: string;
  graceMs: number;
  /** Everyone who is online here. */
  here: () => Iterable<string>;
  /** Wraps a change of what `away` answers for these people. */
  change: (userIds: Iterable<string>, apply: () => void) => void;
};

export function createLease({ redis, bus, nodeId, graceMs, here, change }: LeasePorts) {
  const nodes = new Map<string, Set<string>>();
  const shouts = new Map<string, boolean>();
  let trusted = bus.up;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let looking = false;
  const { commands } = redis;
  const keyOf = (node: string) => redis.key(`presence:${node}`);
  const nodesKey = redis.key('presence:nodes');
  const quiet = () => {};

  function shout(userId: string, online: boolean): void {
    shouts.set(userId, online);
    timer ??= setTimeout(() => {
      timer = undefined;
      const coming = [...shouts].flatMap(([id, is]) => (is ? [id] : []));
      const going = [...shouts].flatMap(([id, is]) => (is ? [] : [id]));
      shouts.clear();
      if (coming.length > 0) bus.send(NODE_TOPIC, `online ${coming.join(',')}`);
      if (going.length > 0) bus.send(NODE_TOPIC, `offline ${going.join(',')}`);
      if (!redis.ready) return;
      for (let from = 0; from < coming.length; from += AT_ONCE) commands.sadd(keyOf(nodeId), ...coming.slice(from, from + AT_ONCE)).catch(quiet);
      for (let from = 0; from < going.length; from += AT_ONCE) commands.srem(keyOf(nodeId), ...going.slice(from, from + AT_ONCE)).catch(quiet);
      commands.expire(keyOf(nodeId), LEASE_SECONDS).catch(quiet);
    }, SHOUT_MS);
  }

  function replace(node: string, people: Set<string>): void {
    const before = nodes.get(node) ?? new Set();
    const touched = before.symmetricDifference(people);
    if (touched.size > 0) change(touched, () => void (people.size > 0 ? nodes.set(node, people) : nodes.delete(node)));
  }

  /** Renews the lease and reads those of the others. */
  async function look(): Promise<void> {
    if (looking || !redis.ready) return;
    looking = true;
    try {
      const own = [...here()];
      const renewed = await commands.expire(keyOf(nodeId), LEASE_SECONDS);
      if (!renewed && own.length > 0) {
        for (let from = 0; from < own.length; from += AT_ONCE) await commands.sadd(keyOf(nodeId), ...own.slice(from, from + AT_ONCE));
        await commands.expire(keyOf(nodeId), LEASE_SECONDS);
        // The lease had run out, in a node that was frozen or a Redis that was away: others may have seen that.
        for (let from = 0; from < own.length; from += AT_ONCE) bus.send(NODE_TOPIC, `online ${own.slice(from, from + AT_ONCE).join(',')}`);
      }
      await commands.sadd(nodesKey, nodeId);
      // Also those that are known here and are not in the list: whoever saw their lease run out first has taken them off it.
      for (const node of new Set([...(await commands.smembers(nodesKey)), ...nodes.keys()])) {
        if (node === nodeId) continue;
        const people = new Set(await commands.smembers(keyOf(node)));
        if (people.size === 0) await commands.srem(nodesKey, node);
        replace(node, people);
      }
    } catch {
      // Redis is away or slow: the next look is soon.
    } finally {
      looking = false;
    }
  }

  const looks = setInterval(() => void look(), LOOK_MS);
  looks.unref();

  return {
    /** Whether somebody is online on another node, as far as this one can know now. */
    away(userId: string): boolean {
      if (!trusted) return false;
      for (const people of nodes.values()) if (people.has(userId)) return true;
      return false;
    },
    shout,

    /** Once a second: has Redis come or gone? */
    tick(): void {
      if (bus.up === trusted) return;
      const everyone = new Set<string>();
      for (const people of nodes.values()) for (const userId of people) everyone.add(userId);
      change(everyone, () => {
        trusted = bus.up;
      });
      if (trusted) void look();
    },

    heard(node: string, userIds: readonly string[], online: boolean): void {
      const people = nodes.get(node) ?? new Set();
      change(userIds, () => {
        for (const userId of userIds)
          if (online) people.add(userId);
          else people.delete(userId);
        if (people.size > 0) nodes.set(node, people);
        else nodes.delete(node);
      });
    },

    /** A node said goodbye: its people have the usual grace to turn up elsewhere. */
    heardBye(node: string): void {
      setTimeout(() => replace(node, new Set()), graceMs).unref();
    },

    look,

    async stop(): Promise<void> {
      clearInterval(looks);
      clearTimeout(timer);
      bus.send(NODE_TOPIC, 'bye');
      if (redis.ready) await Promise.all([commands.del(keyOf(nodeId)), commands.srem(nodesKey, nodeId)]).catch(quiet);
    },
  };
}

/**
 * Puts the live side of a node together, in the order in which things need each other. What features tell of their commits
 * comes in here as the port `Live`; the gateway is opened once those features exist.
 */
import type { Server } from 'bun';
import { type Event, type Live, NODE_TOPIC, roomTopic, userTopic } from '../events.ts';
import { localBus, redisBus } from './bus.ts';
import { close } from './closing.ts';
import type { Connection } from './connection.ts';
import { createControl, eventsText } from './control.ts';
import { createDeliver } from './deliver.ts';
import { createEphemeral } from './ephemeral.ts';
import { type Feed, type Heard, markOf } from './feed.ts';
import { createFollow } from './follow.ts';
import { createFall } from './gap.ts';
import { type Gateway, type Node, createGateway } from './gateway.ts';
import { createHeal } from './heal.ts';
import { createLease } from './lease.ts';
import { CLOSES } from './model.ts';
import { createNewRooms } from './new-rooms.ts';
import { startPoll } from './poll.ts';
import type { NodePorts, RoomsPort, SessionsPort, SocketPorts } from './ports.ts';
import { createPresence } from './presence.ts';
import { createRealtimeQueries } from './queries.ts';
import { createRemovals } from './removals.ts';
import { Rings } from './ring.ts';
import { Roster } from './roster.ts';
import { createSlow } from './slow.ts';

export function createLive({ config, log, metrics, db, redis, readLog, readLogs }: NodePorts) {
  /** Tells this node's words from others' on the bus; not the same after a restart. */
  const nodeId = crypto.randomUUID().slice(0, 13);
  const roster = new Roster();
  const queries = createRealtimeQueries(db);
  const bus = redis ? redisBus(redis, nodeId) : localBus();
  let server: Server<Connection> | undefined;
  let roomFor: RoomsPort['roomFor'] = async () => null;
  let forget: SessionsPort['sessionsEnded'] = () => {};

  const removals = createRemovals({ roster, close });
  const newRooms = createNewRooms({ log, roster, roomFor: (userId, roomId) => roomFor(userId, roomId) });
  const follow = createFollow({ bus, readLog, rings: new Rings(), metrics, deliver: () => deliver });
  const { feeds } = follow;
  const slow = createSlow({ roster, feeds: () => feeds.values(), close });

  const heal = createHeal({ log, readLog, deliver: () => deliver, fall: () => fall, gone: (feed) => gone(feed.roomId, []) });
  const deliver = createDeliver({
    metrics,
    removals,
    publish: (topic, text) => server?.publish(topic, text) ?? 0,
    trouble: slow.trouble,
    moved(feed, heard) {
      if (heard.kind === 'left') newRooms.removed(heard.userId, feed.roomId);
      presence.moved(feed, heard);
    },
    heal: heal.ask,
  });
  const fall = createFall({ metrics, queries, roster, removals, deliver });

  const graceMs = config.presenceGraceSeconds * 1_000;
  const lease = redis
    ? createLease({ redis, bus, nodeId, graceMs, here: () => presence.here(), change: (userIds, apply) => presence.change(userIds, apply) })
    : undefined;
  const presence = createPresence({ log, graceMs, roster, queries, deliver, lease });
  const ephemeral = createEphemeral({ bus, roster, feeds, deliver });

  /** The room is no more: whoever hears it here is told. */
  function gone(roomId: string, userIds: readonly string[]): void {
    const feed = feeds.get(roomId);
    removals.gone(roomId, userIds, feed);
    for (const userId of userIds) newRooms.removed(userId, roomId);
    if (feed) follow.drop(feed);
  }

  /** Closes the sockets of dead sessions, and lets REST ask about them anew. */
  function ended(sessionIds: ReadonlySet<string>, why: 'revoked' | 'disabled'): void {
    forget([...sessionIds]);
    const code = why === 'disabled' ? CLOSES.disabled : CLOSES.ended;
    for (const connection of [...roster.all]) if (connection.caller && sessionIds.has(connection.caller.sessionId)) close(connection, code);
  }

  const control = createControl({
    nodeId,
    feeds,
    accept: deliver.accept,
    typing: ephemeral.heardTyping,
    read: ephemeral.heardRead,
    ownRead: ephemeral.heardOwnRead,
    added: newRooms.added,
    left(userId, roomId, seq, reason) {
      newRooms.removed(userId, roomId);
      removals.left(userId, roomId, seq, reason);
    },
    gone,
    ended: (sessionIds, why) => ended(new Set(sessionIds), why),
    presence: (node, userIds, online) => lease?.heard(node, userIds, online),
    bye: (node) => lease?.heardBye(node),
  });

  const poll = startPoll({
    log,
    queries,
    feeds,
    heal: heal.ask,
    gone: (feed) => gone(feed.roomId, []),
    ended,
    added: (roomId, userId) => newRooms.added(userId, roomId),
    tick() {
      follow.sweep();
      newRooms.sweep();
      presence.tick();
    },
  });
  bus.start(control, () => {
    poll.now();
    void lease?.look();
  });
  void bus.listen([NODE_TOPIC]);
  void lease?.look();

  /** Committed events of one room: on this node first, at once, then on the others. */
  function publish(epoch: string, events: readonly Event[]): void {
    const [first] = events;
    if (!first) return;
    const { roomId } = first;
    const feed: Feed | undefined = feeds.get(roomId);
    // Encoded once, and not at all where nobody could hear it: most sends of a lone node go into rooms that nobody is watching.
    const isHeard = feed !== undefined || redis !== null;
    const heard: Heard[] = events.map((event) => ({ ...markOf(event), epoch, seq: event.seq, text: isHeard ? JSON.stringify(event) : '' }));
    if (feed) for (const event of heard) deliver.accept(feed, event);
    if (redis) bus.send(roomTopic(roomId), eventsText(heard));
    for (const { kind, userId, seq, reason } of heard) {
      if (kind !== 'left') continue;
      newRooms.removed(userId, roomId);
      removals.left(userId, roomId, seq, reason || 'removed');
      bus.send(userTopic(userId), `left ${roomId} ${seq} ${reason}`);
    }
  }

  const node: Node = { config, log, metrics, queries, readLogs, roster, bus, follow, heal, presence, ephemeral, newRooms };

  const live: Live = {
    publish,
    added(roomId, userIds) {
      for (const userId of userIds) {
        newRooms.added(userId, roomId);
        bus.send(userTopic(userId), `added ${roomId}`);
      }
    },
    removed(roomId, userIds) {
      gone(roomId, userIds);
      bus.send(NODE_TOPIC, `gone ${roomId} ${userIds.join(',')}`);
    },
    read: (roomId, userId, readSeq) => ephemeral.read(userId, roomId, readSeq),
    ended(sessionIds, why) {
      if (sessionIds.length === 0) return;
      ended(new Set(sessionIds), why);
      bus.send(NODE_TOPIC, `ended ${why} ${sessionIds.join(',')}`);
    },
  };

  return {
    ...live,
    /** The gateway over the features that were handed this port. */
    openGateway(ports: SocketPorts): Gateway {
      roomFor = ports.rooms.roomFor;
      forget = ports.sessions.sessionsEnded;
      return createGateway(node, ports, (given) => {
        server = given;
      });
    },
    async [Symbol.asyncDispose](): Promise<void> {
      poll.stop();
      heal.stop();
      slow.stop();
      ephemeral.stop();
      await presence.stop();
      bus.close();
    },
  };
}

/**
 * A whole Parlour node whose events come from a second port instead of from Postgres: what is measured is everything behind the
 * commit (encode, ring, feed, publish) over the real gateway. The poll is off, because its truth, the database, has none of these
 * messages. Says where it listens; ends with SIGTERM.
 */
import { createApp } from '../../../src/app.ts';
import { readConfig } from '../../../src/config.ts';
import { createLog } from '../../../src/lib/log.ts';
import { openServices } from '../../../src/services.ts';
import { eventOf } from '../event.ts';

const POLL_MS = 1_000;
const { setInterval: real } = globalThis;
globalThis.setInterval = ((run: () => void, ms: number) => real(ms === POLL_MS ? () => {} : run, ms)) as typeof setInterval;

const config = readConfig();
const services = await openServices(config, createLog({ level: 'warn' }));
globalThis.setInterval = real;
const app = createApp(services).listen({ hostname: config.host, port: 0, websocket: services.gateway.handlers } as never);

const rooms = new Map<string, { epoch: string; seq: number }>();
for (const { id, epoch, seq } of await services.db.sql<{ id: string; epoch: string; seq: number }>`select id, epoch, last_seq as seq from rooms`)
  rooms.set(id, { epoch, seq });

/** A frame is a room's id and whatever: one event in that room. */
const control = Bun.serve({
  hostname: config.host,
  port: 0,
  fetch: (request, server) => (server.upgrade(request) ? undefined : new Response(null, { status: 426 })),
  websocket: {
    /** A bench is over: the database learns how far the rooms are, or the next one's sockets would look for events that it has not. */
    async close() {
      for (const [id, { seq }] of rooms) await services.db.sql`update rooms set last_seq = ${seq} where id = ${id} and last_seq < ${seq}`;
    },
    message(_socket, text) {
      const roomId = String(text).slice(0, 36);
      const room = rooms.get(roomId)!;
      services.live.publish(room.epoch, [eventOf(roomId, ++room.seq)]);
    },
  },
});

process.on('SIGTERM', () => process.exit(0));
console.log(JSON.stringify({ event: 'listening', url: `http://${config.host}:${app.server!.port}`, control: control.port }));

/** Everything that is served, in reading order. It composes; what a route means is in its feature. */
import { type AnyElysia, Elysia } from 'elysia';
import { version } from '../package.json';
import { authRoutes } from './auth/routes.ts';
import { aboutRoutes } from './http/about.ts';
import { docsRoutes, errorPages } from './http/docs.ts';
import { createDoor } from './http/door.ts';
import { front } from './http/front.ts';
import { createGate } from './http/gate.ts';
import { healthRoutes } from './http/health.ts';
import { createObserve } from './http/observe.ts';
import { messageRoutes } from './messages/routes.ts';
import { socketReference } from './realtime/reference.ts';
import { socketRoutes } from './realtime/routes.ts';
import { roomRoutes } from './rooms/routes.ts';
import type { Services } from './services.ts';
import { userRoutes } from './users/routes.ts';

export type App = ReturnType<typeof createApp>;

/** The application over open services; `listen` it with the gateway's handlers (main.ts), or `handle` a request. */
export function createApp(services: Services): AnyElysia {
  const { config, log, metrics, db, redis, counts, limiter, sessions, users, rooms, messages, search, gateway, pending } = services;
  const observe = createObserve(log, metrics);
  const gate = createGate(config);
  const door = createDoor({ config, gate, observe, limiter, identify: sessions.identify });

  const app: AnyElysia = new Elysia({ name: 'parlour', strictPath: true })
    .use(
      front(
        config,
        gate,
        observe,
        () => app.routes,
        (request) => app.handle(request) as Promise<Response>,
      ),
    )
    .use(aboutRoutes({ db, counts, version, roomsPerSocket: config.wsRooms }, door))
    .use(authRoutes(sessions, door))
    .use(userRoutes(users, door))
    .use(roomRoutes(rooms, door))
    .use(messageRoutes(messages, search, door))
    .use(socketRoutes(gateway, door.addressOf, gate))
    .use(healthRoutes({ config, gate, db, redis, metrics, pending, draining: () => gateway.draining }))
    .use(errorPages(config, gate));
  return config.docs ? app.use(docsRoutes({ config, gate, app: () => app, version, socketReference })) : app;
}

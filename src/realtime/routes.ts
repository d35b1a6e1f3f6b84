/** Where sockets are opened. */
import { Elysia } from 'elysia';
import type { Gateway } from './live.ts';

export const socketRoutes = (_gateway: Gateway) => new Elysia({ name: 'sockets' });

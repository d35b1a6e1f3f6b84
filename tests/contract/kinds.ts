/** One request for every kind of answer, for tests of what all answers have in common. It asks nobody itself. */
import type { Request } from './client.ts';

/** One answer of every kind that is easily had: method, path, what is sent, status. */
export const kindsOf = (token: string, room: string): [method: string, path: string, request: Request, status: number][] => {
  return [
    ['GET', 'rooms', { token }, 200],
    ['POST', `rooms/${room}/messages`, { token, body: { content: 'x' } }, 201],
    ['PUT', `rooms/${room}/read`, { token, body: { seq: 0 } }, 200],
    ['DELETE', `rooms/${room}/invites/nothing`, { token }, 404],
    ['GET', '/api/v1', {}, 200],
    ['GET', '/livez', {}, 200],
    ['GET', '/readyz', {}, 200],
    ['GET', '/metrics', {}, 200],
    ['GET', '/openapi.json', {}, 200],
    ['GET', '/docs', {}, 200],
    ['GET', '/errors/invalid', {}, 200],
    ['GET', '/errors/nothing', {}, 404],
    ['GET', '/ws', {}, 426],
    ['GET', `/ws/chat/${Bun.randomUUIDv7()}`, {}, 426],
    ['OPTIONS', 'rooms', {}, 204],
    ['HEAD', '/livez', {}, 200],
    ['GET', 'nothing', {}, 404],
    ['PUT', 'rooms', {}, 405],
    ['GET', 'rooms', {}, 401],
    ['GET', 'rooms/%ff', { token }, 400],
    ['POST', 'rooms', { token, raw: '{', type: 'application/json' }, 400],
    ['POST', 'rooms', { token, raw: '{}', type: 'text/plain' }, 415],
    ['POST', 'rooms', { token, raw: `"${'x'.repeat(70_000)}"`, type: 'application/json' }, 413],
    ['POST', 'rooms', { token, body: {} }, 422],
    ['GET', 'rooms?scope=all', { token }, 403],
    ['POST', `rooms/${room}/leave`, { token }, 409],
    ['POST', 'auth/login', { body: { login: 'nobody', password: 'wrong' } }, 401],
  ];
};

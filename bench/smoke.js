/**
 * Each route and each socket command once, against a started server (BASE_URL) that knows nothing of us: registers its own two
 * people, reads /openapi.json, and fails when a documented operation was not called. Run: `k6 run bench/smoke.js`.
 */
import { check, fail } from 'k6';
import http from 'k6/http';
import { Counter } from 'k6/metrics';
import { clearTimeout, setTimeout } from 'k6/timers';
import { WebSocket } from 'k6/websockets';

const BASE = (__ENV.BASE_URL || 'http://127.0.0.1:3000').replace(/\/$/, '');
export { handleSummary } from './load/summary.js';

const failed = new Counter('failed');

export const options = {
  scenarios: { smoke: { executor: 'per-vu-iterations', vus: 1, iterations: 1, maxDuration: '60s' } },
  thresholds: { checks: ['rate==1'], failed: ['count==0'], smoke_finished: ['count==1'] },
};
const finished = new Counter('smoke_finished');

const called = new Set();

/** One request; `route` is the path as /openapi.json has it, `path` as it is asked for. */
function call(method, route, path, status, { token, body } = {}) {
  called.add(`${method} ${route}`);
  const headers = {};
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  const url = path.startsWith('http') ? path : `${BASE}${path}`;
  const answer = http.request(method, url, body === undefined ? null : JSON.stringify(body), {
    headers,
    redirects: 0,
    responseCallback: http.expectedStatuses(status),
    tags: { name: `${method} ${route}` },
  });
  const right = answer.status === status;
  check(answer, { [`${method} ${route} is ${status}`]: () => right });
  if (!right) {
    failed.add(1);
    console.error(`${method} ${path}: ${answer.status} instead of ${status}: ${String(answer.body).slice(0, 300)}`);
  }
  return answer;
}

const api = (method, route, values, status, more) => {
  let path = `/api/v1${route}`;
  for (const [name, value] of Object.entries(values)) path = path.replace(`{${name}}`, value);
  return call(method, `/api/v1${route}`, path + (more?.query ?? ''), status, more);
};

function register(name) {
  const answer = api('POST', '/auth/register', {}, 201, { body: { username: name, password: 'a bench in the garden' } });
  if (answer.status !== 201) fail(`${name} could not register`);
  return answer.json();
}

/** The page, and what a client finds there; the paths' parameters carry the names of /openapi.json. */
export default function smoke() {
  const suffix = `${Date.now().toString(36)}${Math.floor(Math.random() * 1e6).toString(36)}`;
  for (const path of ['/livez', '/readyz', '/metrics', '/docs', '/openapi.json', '/api/v1']) call('GET', path, path, 200);
  call('GET', '/docs/{asset}', '/docs/start.js', 200);
  call('GET', '/docs/socket', '/docs/socket', 200);
  call('GET', '/errors/{code}', '/errors/not_found', 200);
  call('GET', '/ws', '/ws', 426);

  const ann = register(`ann-${suffix}`);
  const bob = register(`bob-${suffix}`);
  const token = ann.accessToken;
  const annId = ann.user.id;
  const bobId = bob.user.id;
  const other = api('POST', '/auth/login', {}, 200, { body: { login: `ann-${suffix}`, password: 'a bench in the garden' } }).json();
  const renewed = api('POST', '/auth/refresh', {}, 200, { body: { refreshToken: other.refreshToken } }).json();
  const proof = api('POST', '/auth/verify', {}, 200, { body: { token: renewed.accessToken } }).json();
  api('GET', '/auth/sessions', {}, 200, { token });
  api('DELETE', '/auth/sessions/{sessionId}', { sessionId: proof.sessionId }, 204, { token });
  api('DELETE', '/auth/sessions', {}, 204, { token });
  const { ticket } = api('POST', '/auth/tickets', {}, 201, { token }).json();

  api('GET', '/users', {}, 200, { token, query: `?username=bob-${suffix}` });
  api('GET', '/users/me', {}, 200, { token });
  api('PATCH', '/users/me', {}, 200, { token, body: { firstName: 'Ann' } });
  api('GET', '/users/{userId}', { userId: bobId }, 200, { token });
  // Admins' routes: known, and closed to others.
  api('PATCH', '/users/{userId}', { userId: bobId }, 403, { token, body: { firstName: 'Rob' } });
  api('DELETE', '/users/{userId}', { userId: bobId }, 403, { token });
  api('PUT', '/users/{userId}/password', { userId: bobId }, 403, { token, body: { newPassword: 'another bench entirely' } });

  const room = api('POST', '/rooms', {}, 201, { token, body: { name: `Hall ${suffix}`, visibility: 'public', memberIds: [] } }).json();
  const roomId = room.id;
  api('GET', '/rooms', {}, 200, { token });
  api('GET', '/users/{userId}/rooms', { userId: annId }, 200, { token });
  api('GET', '/rooms/{roomId}', { roomId }, 200, { token });
  api('PATCH', '/rooms/{roomId}', { roomId }, 200, { token, body: { description: 'A hall' } });
  api('PUT', '/rooms/{roomId}', { roomId }, 200, { token, body: { name: `Hall ${suffix}`, description: 'The hall', visibility: 'public' } });
  api('POST', '/rooms/{roomId}/join', { roomId }, 200, { token: bob.accessToken });
  api('GET', '/rooms/{roomId}/members', { roomId }, 200, { token });
  api('GET', '/rooms/{roomId}/members/{userId}', { roomId, userId: bobId }, 200, { token });
  api('PATCH', '/rooms/{roomId}/members/{userId}', { roomId, userId: bobId }, 200, { token, body: { role: 'moderator' } });
  api('POST', '/rooms/{roomId}/leave', { roomId }, 204, { token: bob.accessToken });
  api('POST', '/rooms/{roomId}/members', { roomId }, 201, { token, body: { userId: bobId } });
  api('DELETE', '/rooms/{roomId}/members/{userId}', { roomId, userId: bobId }, 204, { token });
  const { code } = api('POST', '/rooms/{roomId}/invites', { roomId }, 201, { token, body: { maxUses: 2 } }).json();
  api('GET', '/rooms/{roomId}/invites', { roomId }, 200, { token });
  api('GET', '/invites/{code}', { code }, 200, { token: bob.accessToken });
  api('POST', '/invites/{code}/accept', { code }, 200, { token: bob.accessToken });
  api('DELETE', '/rooms/{roomId}/invites/{code}', { roomId, code }, 204, { token });
  api('PUT', '/users/{userId}/conversation', { userId: bobId }, 201, { token });

  const message = api('POST', '/rooms/{roomId}/messages', { roomId }, 201, { token, body: { content: 'Good morning', clientMessageId: 'rest-1' } }).json();
  const messageId = message.id;
  api('GET', '/rooms/{roomId}/messages', { roomId }, 200, { token });
  api('GET', '/rooms/{roomId}/events', { roomId }, 200, { token });
  api('PUT', '/rooms/{roomId}/read', { roomId }, 200, { token: bob.accessToken, body: { seq: message.seq } });
  api('GET', '/messages', {}, 200, { token, query: '?search=morning' });
  api('GET', '/messages/{messageId}', { messageId }, 200, { token });
  api('PATCH', '/messages/{messageId}', { messageId }, 200, { token, body: { content: 'Good morning all' } });
  api('PUT', '/messages/{messageId}', { messageId }, 200, { token, body: { content: 'Good morning to all' } });
  api('POST', '/messages/{messageId}/read', { messageId }, 200, { token: bob.accessToken });
  api('GET', '/messages/{messageId}/readers', { messageId }, 200, { token });
  api('GET', '/stats', {}, 200, { token });

  speak(bob.accessToken, ticket, roomId, () => {
    api('DELETE', '/messages/{messageId}', { messageId }, 204, { token });
    api('DELETE', '/rooms/{roomId}', { roomId }, 204, { token });
    api('PUT', '/users/me/password', {}, 204, { token, body: { currentPassword: 'a bench in the garden', newPassword: 'a table in the garden' } });
    api('POST', '/auth/logout', {}, 204, { token });
    api('POST', '/users/me/delete', {}, 204, { token: bob.accessToken, body: { password: 'a bench in the garden' } });
    compare();
    finished.add(1);
  });
}

/** Every documented operation was called. */
function compare() {
  const { paths } = http.get(`${BASE}/openapi.json`).json();
  const same = (text) => text.replace(/\{[^}]+\}/g, '{}');
  const seen = new Set([...called].map(same));
  const missing = [];
  for (const [path, operations] of Object.entries(paths)) {
    for (const method of Object.keys(operations)) {
      if (!['get', 'post', 'put', 'patch', 'delete'].includes(method)) continue;
      const name = `${method.toUpperCase()} ${path}`;
      if (!seen.has(same(name))) missing.push(name);
    }
  }
  check(missing, { 'every documented route was called': () => missing.length === 0 });
  for (const name of missing) {
    failed.add(1);
    console.error(`not called: ${name}`);
  }
}

/** Every command, one after the other: each waits for the answer to the one before. Then the socket of one room. */
function speak(token, ticket, roomId, then) {
  let sent;
  let epoch;
  const commands = [
    () => ({ type: 'auth', token }),
    () => ({ type: 'subscribe', rooms: [{ roomId }] }),
    () => ({ type: 'message.send', roomId, content: 'from the socket', clientMessageId: 'socket-1' }),
    () => ({ type: 'message.edit', messageId: sent.id, content: 'changed on the socket' }),
    () => ({ type: 'room.read', roomId, seq: sent.seq }),
    () => ({ type: 'typing', roomId, active: true }),
    () => ({ type: 'message.delete', messageId: sent.id }),
    () => ({ type: 'unsubscribe', rooms: [roomId] }),
    () => ({ type: 'ping' }),
  ];
  const heard = {};
  const socket = new WebSocket(`${BASE.replace(/^http/, 'ws')}/ws`);
  let at = 0;
  let ended = false;
  const next = () => {
    if (at < commands.length) return socket.send(JSON.stringify(Object.assign({ id: at + 1 }, commands[at]())));
    ended = true;
    socket.close();
    for (const type of ['hello', 'ready', 'synced', 'message.created', 'message.edited', 'message.deleted', 'pong', 'ok']) {
      check(heard, { [`the socket heard ${type}`]: () => heard[type] > 0 });
    }
    oneRoom(ticket, roomId, epoch, then);
  };
  socket.onmessage = ({ data }) => {
    if (__ENV.SHOW) console.log(data);
    const frame = JSON.parse(data);
    heard[frame.type] = (heard[frame.type] || 0) + 1;
    if (frame.type === 'synced') epoch = frame.epoch;
    if (frame.type === 'error') {
      failed.add(1);
      console.error(`the command ${JSON.stringify(commands[at]?.())} was answered with ${data}`);
    }
    if (frame.type === 'hello') next();
    else if (frame.id === at + 1 && (frame.type === 'ok' || frame.type === 'pong')) {
      if (frame.message && !sent) sent = frame.message;
      at++;
      next();
    }
  };
  socket.onclose = ({ code, reason }) => {
    if (ended) return;
    failed.add(1);
    console.error(`the socket was closed with ${code} ${reason} before the answer to command ${at + 1}`);
  };
  socket.onerror = ({ error }) => console.error(`the socket failed: ${error}`);
  setTimeout(() => {
    if (ended) return;
    failed.add(1);
    console.error(`no answer to command ${at + 1}`);
    ended = true;
    socket.close();
  }, 10000);
}

function oneRoom(ticket, roomId, epoch, then) {
  called.add('GET /ws/chat/{roomId}');
  const socket = new WebSocket(`${BASE.replace(/^http/, 'ws')}/ws/chat/${roomId}?ticket=${ticket}&after=0&epoch=${epoch}`);
  let synced = false;
  let replayed = 0;
  const leave = () => {
    check(replayed, { 'the room replayed its log on its own socket': () => synced && replayed > 0 });
    if (!synced) failed.add(1);
    socket.close();
    then();
  };
  const limit = setTimeout(leave, 10000);
  socket.onmessage = ({ data }) => {
    const frame = JSON.parse(data);
    if (frame.type === 'error') console.error(data);
    if (frame.seq && frame.at) replayed++;
    if (frame.type !== 'synced') return;
    synced = true;
    clearTimeout(limit);
    leave();
  };
  socket.onerror = () => {};
}

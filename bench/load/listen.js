/**
 * Sockets that listen: each knows the next seq of its room, so it sees at once what is lost, doubled or swapped, and how long
 * each message took from the time at which it was meant to be sent. Works with k6 1.8 and 2.x (`k6/websockets`).
 */
import http from 'k6/http';
import { Counter, Trend } from 'k6/metrics';
import { setTimeout } from 'k6/timers';
import { WebSocket } from 'k6/websockets';
import { BASE, bearer, WS } from './cast.js';

export const delivered = new Counter('delivered');
export const lost = new Counter('messages_lost');
export const doubled = new Counter('messages_doubled');
export const swapped = new Counter('messages_swapped');
export const deliveryMs = new Trend('delivery_ms', true);
export const closed = new Counter('sockets_closed');

/** Thresholds of every script with listeners. */
export const whole = { messages_lost: ['count==0'], messages_doubled: ['count==0'], messages_swapped: ['count==0'], sockets_closed: ['count==0'] };

const HEAD = /^\{"type":"message\.created","roomId":"[^"]+","seq":(\d+)/;
const DUE = /"content":"@(\d+(?:\.\d)?) /;
/** How long after the end the last messages may take. */
const LATE_MS = 5_000;

/** Listens to one room until `until` (milliseconds since 1970), then waits for what the server says was said, and leaves. */
export function listen(person, roomId, until, { onSynced, tags } = {}) {
  const socket = new WebSocket(`${WS}/ws`, null, bearer(person));
  const state = { socket, cursor: -1, done: false };
  let target = -1;

  const leave = () => {
    if (state.done) return;
    state.done = true;
    if (target > state.cursor) lost.add(target - state.cursor);
    else if (state.cursor < 0) lost.add(1);
    socket.close();
  };

  socket.onmessage = ({ data }) => {
    const head = HEAD.exec(data);
    if (head) {
      const seq = Number(head[1]);
      if (seq === state.cursor + 1) state.cursor = seq;
      else if (seq > state.cursor) {
        lost.add(seq - state.cursor - 1);
        state.cursor = seq;
      } else (seq === state.cursor ? doubled : swapped).add(1);
      delivered.add(1);
      const due = DUE.exec(data);
      if (due) deliveryMs.add(Date.now() - Number(due[1]), tags);
      if (target >= 0 && state.cursor >= target) leave();
      return;
    }
    const frame = JSON.parse(data);
    if (frame.type === 'ready') socket.send(JSON.stringify({ type: 'subscribe', id: 1, rooms: [{ roomId }] }));
    else if (frame.type === 'synced') {
      state.cursor = frame.seq;
      if (onSynced) onSynced(state);
    } else if (frame.type === 'ping') socket.send('{"type":"pong"}');
    else if (frame.type === 'gap') lost.add(frame.to - state.cursor);
    else if (frame.type === 'error' || frame.type === 'refused') console.error(data.slice(0, 300));
    // Edits, members and other durable events count in the room's log as well.
    else if (frame.seq === state.cursor + 1 && frame.at) state.cursor = frame.seq;
  };
  socket.onclose = () => {
    if (state.done) return;
    closed.add(1);
    state.done = true;
  };
  socket.onerror = () => {};

  setTimeout(() => {
    if (state.done) return;
    const answer = http.get(`${BASE}/api/v1/rooms/${roomId}`, Object.assign({ tags: { name: 'room' } }, bearer(person)));
    target = answer.status === 200 ? answer.json('lastSeq') : -1;
    if (state.cursor >= target) leave();
    else setTimeout(leave, LATE_MS);
  }, until - Date.now());
  return state;
}

/** A scenario of `users` virtual users that each hold some sockets for the whole run. */
export const listeners = (execName, users, duration) => ({
  executor: 'per-vu-iterations',
  exec: execName,
  vus: users,
  iterations: 1,
  maxDuration: `${duration + 40}s`,
  gracefulStop: '10s',
});

/**
 * Sockets that listen: each knows the next seq of its room, so it sees at once what is lost, doubled or swapped, and how long
 * each message took from the time at which it was meant to be sent. Works with k6 1.8 and 2.x (`k6/websockets`).
 */
import http from 'k6/http';
import { Counter, Trend } from 'k6/metrics';
import { setTimeout } from 'k6/timers';
import { WebSocket } from 'k6/websockets';
import { API, as, signedIn, WS } from './cast.js';

/** Counted when a socket leaves: the times of all messages are samples enough. */
export const delivered = new Counter('delivered');
export const lost = new Counter('messages_lost');
export const doubled = new Counter('messages_doubled');
export const swapped = new Counter('messages_swapped');
export const deliveryMs = new Trend('delivery_ms', true);

/** Sockets that stayed to the end; whatever became of the others, they have not heard everything. */
const stayed = new Counter('sockets_stayed');

/** Thresholds of every script with listeners: none of `sockets` may miss anything, or be missing. */
export const whole = (sockets) => ({
  messages_lost: ['count==0'],
  messages_doubled: ['count==0'],
  messages_swapped: ['count==0'],
  sockets_stayed: [`count==${sockets}`],
});

// A new message begins with these, and then comes its number: k6's JavaScript is slow, so nothing else of it is parsed.
const CREATED = '{"type":"message.created","roomId":"';
const SEQ_AT = `${CREATED}00000000-0000-0000-0000-000000000000","seq":`.length;
const SEQ = '"seq":';
/** It lists all rooms of the reader, of which only their being there matters here. */
export const READY = '{"type":"ready"';
const DUE = '"content":"@';
/** How long after the end the last messages may take. */
const LATE_MS = 5_000;

let told = 0;

/** The seq of a new message, -1 for any other frame. */
export function seqOf(data) {
  if (!data.startsWith(CREATED)) return -1;
  if (!data.startsWith(SEQ, SEQ_AT - SEQ.length)) throw new Error(`a new message begins otherwise than expected: ${data.slice(0, 100)}`);
  return Number.parseInt(data.substring(SEQ_AT, SEQ_AT + 12), 10);
}

/** Listens to one room until `until` (milliseconds since 1970), then waits for what the server says was said, and leaves. */
export function listen(at, roomId, until, trend = deliveryMs) {
  const socket = new WebSocket(`${WS}/ws`, null, signedIn(at));
  let cursor = -1;
  let target = -1;
  let heard = 0;
  let done = false;

  const leave = () => {
    if (done) return;
    done = true;
    stayed.add(1);
    delivered.add(heard);
    if (target > cursor) lost.add(target - cursor);
    else if (cursor < 0) lost.add(1);
    socket.close();
  };

  socket.onmessage = ({ data }) => {
    const seq = seqOf(data);
    if (seq < 0) {
      if (data.startsWith(READY)) socket.send(JSON.stringify({ type: 'subscribe', id: 1, rooms: [{ roomId }] }));
      else other(JSON.parse(data), data);
      return;
    }
    if (seq === cursor + 1) cursor = seq;
    else if (seq > cursor) {
      lost.add(seq - cursor - 1);
      cursor = seq;
    } else (seq === cursor ? doubled : swapped).add(1);
    heard++;
    const due = data.indexOf(DUE, SEQ_AT);
    if (due > 0) trend.add(Date.now() - Number.parseFloat(data.substring(due + DUE.length, due + DUE.length + 16)));
    if (target >= 0 && cursor >= target) leave();
  };

  function other(frame, data) {
    if (frame.type === 'synced') cursor = frame.seq;
    else if (frame.type === 'ping') socket.send('{"type":"pong"}');
    else if (frame.type === 'gap') lost.add(frame.to - cursor);
    else if (frame.type === 'error' || frame.type === 'refused') console.error(data.slice(0, 300));
    // Edits, members and other durable events count in the room's log as well.
    else if (frame.seq === cursor + 1 && frame.at) cursor = frame.seq;
  }

  socket.onclose = ({ code }) => {
    if (done) return;
    done = true;
    if (told++ < 3) console.error(`a listener was closed with ${code}`);
  };
  socket.onerror = ({ error }) => {
    if (told++ < 3) console.error(`a listener failed: ${error}`);
  };

  setTimeout(() => {
    if (done) return;
    const answer = http.get(`${API}/rooms/${roomId}`, as(at, true));
    target = answer.status === 200 ? answer.json('lastSeq') : -1;
    if (target < 0) lost.add(1);
    if (cursor >= target) leave();
    else setTimeout(leave, LATE_MS);
  }, until - Date.now());
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

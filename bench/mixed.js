/** A day of a chat at once: sends, history pages, searches, lists of rooms, and listeners that must stay complete. */
import exec from 'k6/execution';
import http from 'k6/http';
import { Trend } from 'k6/metrics';
import { setTimeout } from 'k6/timers';
import { API, as, number, rooms, seconds } from './load/cast.js';
import { listen, listeners, whole } from './load/listen.js';
import { failed, speak } from './load/speak.js';
import { intended, kept, LEAN, steady, turn } from './load/steady.js';

export { handleSummary } from './load/summary.js';

const duration = seconds('DURATION', '15s');
const rate = number('RATE', 100);
const reads = rate * 2;
const searches = Math.max(1, rate / 10);
const sockets = number('SOCKETS', 200);
/** In so many rooms. */
const among = Math.min(rooms.length, number('ROOMS', rooms.length));
const USERS = 4;
const BEFORE = 4;
const readMs = new Trend('read_ms', true);
const searchMs = new Trend('search_ms', true);
const WORDS = ['photographs', 'anybody', 'good', 'morn', '"has anybody"', 'release', 'lunch', 'garden'];

export const options = Object.assign(
  {
    scenarios: {
      sockets: listeners('hear', USERS, BEFORE + duration),
      sends: steady('say', rate, duration, { startTime: BEFORE }),
      reads: steady('read', reads, duration, { startTime: BEFORE }),
      searches: steady('find', searches, duration, { startTime: BEFORE }),
    },
    thresholds: Object.assign(
      { delivery_ms: ['p(99)<50'], send_ms: ['p(99)<50'], read_ms: ['p(99)<50'], search_ms: ['p(95)<100'] },
      kept(rate + reads + searches, duration),
      whole(sockets),
    ),
  },
  LEAN,
);

export function hear() {
  const until = Number(exec.scenario.startTime) + (BEFORE + duration) * 1000 + 500;
  for (let at = exec.scenario.iterationInTest; at < sockets; at += USERS) {
    setTimeout(() => listen(at, rooms.at(at % among), until), (at / sockets) * (BEFORE - 2) * 1000);
  }
}

export function say() {
  const n = turn();
  speak(rooms.at(n % among), intended(rate, n));
}

function get(path, n, due, trend) {
  const { status } = http.get(`${API}${path}`, as(n));
  trend.add(Date.now() - due);
  if (status !== 200) failed.add(1);
}

export function read() {
  const n = turn();
  const room = `/rooms/${rooms.at(n % among)}`;
  const paths = ['/rooms?limit=25', `${room}/members?limit=25`, `${room}/messages?limit=50`];
  get(paths[Math.min(2, n % 4)], n, intended(reads, n), readMs);
}

export function find() {
  const n = turn();
  get(`/messages?search=${encodeURIComponent(WORDS[n % WORDS.length])}&limit=25`, n, intended(searches, n), searchMs);
}

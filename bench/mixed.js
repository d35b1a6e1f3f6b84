/** A day of a chat at once: sends, history pages, searches, lists of rooms, and listeners that must stay complete. */
import exec from 'k6/execution';
import http from 'k6/http';
import { Trend } from 'k6/metrics';
import { setTimeout } from 'k6/timers';
import { BASE, bearer, number, people, rooms, seconds } from './load/cast.js';
import { listen, listeners, whole } from './load/listen.js';
import { failed, speak } from './load/speak.js';
import { intended, kept, steady, TREND } from './load/steady.js';

export { handleSummary } from './load/summary.js';

const duration = seconds('DURATION', '15s');
const rate = number('RATE', 100);
const reads = rate * 2;
const searches = Math.max(1, rate / 10);
const sockets = number('SOCKETS', 200);
const USERS = 4;
const BEFORE = 4;
const readMs = new Trend('read_ms', true);
const searchMs = new Trend('search_ms', true);
const WORDS = ['photographs', 'anybody', 'good', 'morn', '"has anybody"', 'release', 'lunch', 'garden'];

export const options = {
  scenarios: {
    sockets: listeners('hear', USERS, BEFORE + duration),
    sends: steady('say', rate, duration, { startTime: BEFORE }),
    reads: steady('read', reads, duration, { startTime: BEFORE }),
    searches: steady('find', searches, duration, { startTime: BEFORE }),
  },
  thresholds: Object.assign(
    { delivery_ms: ['p(99)<50'], send_ms: ['p(99)<50'], read_ms: ['p(99)<50'], search_ms: ['p(95)<100'] },
    kept(rate + reads + searches, duration),
    whole,
  ),
  summaryTrendStats: TREND,
};

export function hear() {
  const until = Number(exec.scenario.startTime) + (BEFORE + duration) * 1000 + 500;
  for (let at = exec.scenario.iterationInTest; at < sockets; at += USERS) {
    setTimeout(() => listen(people[at % people.length], rooms[at % rooms.length], until), (at / sockets) * (BEFORE - 2) * 1000);
  }
}

export function say() {
  speak(rooms[exec.scenario.iterationInTest % rooms.length], intended(rate));
}

function get(path, name, due, trend) {
  const answer = http.get(`${BASE}/api/v1${path}`, Object.assign({ tags: { name } }, bearer(people[exec.scenario.iterationInTest % people.length])));
  trend.add(Date.now() - due);
  if (answer.status !== 200) failed.add(1);
}

export function read() {
  const n = exec.scenario.iterationInTest;
  const roomId = rooms[n % rooms.length];
  get(
    n % 4 === 0 ? '/rooms?limit=25' : n % 4 === 1 ? `/rooms/${roomId}/members?limit=25` : `/rooms/${roomId}/messages?limit=50`,
    'read',
    intended(reads),
    readMs,
  );
}

export function find() {
  const word = WORDS[exec.scenario.iterationInTest % WORDS.length];
  get(`/messages?search=${encodeURIComponent(word)}&limit=25`, 'search', intended(searches), searchMs);
}

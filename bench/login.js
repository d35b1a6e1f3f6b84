/** A login storm beside running chat: first the chat alone, then the same chat with the storm. Budget: the chat's p99 at most doubles (told by `bun run bench`). */
import http from 'k6/http';
import { Trend } from 'k6/metrics';
import { API, number, people, rooms, seconds } from './load/cast.js';
import { failed, speak } from './load/speak.js';
import { intended, kept, LEAN, steady, turn } from './load/steady.js';

export { handleSummary } from './load/summary.js';

const rate = number('RATE', 200);
const logins = number('LOGINS', 60);
const duration = seconds('DURATION', '8s');
const loginMs = new Trend('login_ms', true);
const refusedMs = new Trend('refused_ms', true);

export const options = Object.assign(
  {
    scenarios: {
      quiet: steady('chat', rate, duration, { tags: { phase: 'quiet' } }),
      storm: steady('chat', rate, duration, { startTime: duration + 2, tags: { phase: 'storm' } }),
      logins: steady('login', logins, duration, { startTime: duration + 2, most: 1000 }),
    },
    // The first two have no budget of their own: a threshold makes k6 keep their figures apart.
    thresholds: Object.assign({ 'send_ms{phase:quiet}': ['p(99)<1000'], 'send_ms{phase:storm}': ['p(99)<1000'] }, kept(rate * 2, duration)),
  },
  LEAN,
);

export function chat() {
  const n = turn();
  speak(rooms.at(n), intended(rate, n));
}

const HOW = { headers: { 'Content-Type': 'application/json' }, responseType: 'none', responseCallback: http.expectedStatuses(200, 503) };

/** More logins than the cores can hash are refused with 503 `overloaded`, which is as it should be. */
export function login() {
  const n = turn();
  const due = intended(logins, n);
  const { status } = http.post(`${API}/auth/login`, JSON.stringify({ login: people.at(n).username, password: 'parlour-seed' }), HOW);
  (status === 200 ? loginMs : refusedMs).add(Date.now() - due);
  if (status !== 200 && status !== 503) failed.add(1);
}

/** A login storm beside running chat: first the chat alone, then the same chat with the storm. Budget: the chat's p99 at most doubles (told by `bun run bench`). */
import exec from 'k6/execution';
import http from 'k6/http';
import { Trend } from 'k6/metrics';
import { BASE, number, people, rooms, seconds } from './load/cast.js';
import { failed, speak } from './load/speak.js';
import { intended, kept, steady, TREND } from './load/steady.js';

export { handleSummary } from './load/summary.js';

const rate = number('RATE', 200);
const logins = number('LOGINS', 60);
const duration = seconds('DURATION', '8s');
const loginMs = new Trend('login_ms', true);

export const options = {
  scenarios: {
    quiet: steady('chat', rate, duration, { tags: { phase: 'quiet' } }),
    storm: steady('chat', rate, duration, { startTime: duration + 2, tags: { phase: 'storm' } }),
    logins: steady('login', logins, duration, { startTime: duration + 2, most: 1000 }),
  },
  // The first two have no budget of their own: a threshold makes k6 keep their figures apart.
  thresholds: Object.assign({ 'send_ms{phase:quiet}': ['p(99)<1000'], 'send_ms{phase:storm}': ['p(99)<1000'] }, kept(rate * 2, duration)),
  summaryTrendStats: TREND,
};

export function chat() {
  speak(rooms[exec.scenario.iterationInTest % rooms.length], intended(rate));
}

/** More logins than the cores can hash are refused with 503 `overloaded`, which is as it should be. */
export function login() {
  const { username } = people[exec.scenario.iterationInTest % people.length];
  const due = intended(logins);
  const body = JSON.stringify({ login: username, password: 'parlour-seed' });
  const answer = http.post(`${BASE}/api/v1/auth/login`, body, {
    headers: { 'Content-Type': 'application/json' },
    tags: { name: 'login' },
    responseCallback: http.expectedStatuses(200, 503),
  });
  loginMs.add(Date.now() - due, { status: String(answer.status) });
  if (answer.status !== 200 && answer.status !== 503) failed.add(1);
}

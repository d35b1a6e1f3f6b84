/** Pages of 50 over a large history, newest and deep. Budget: p99 below 25 ms at 1,000/s. */
import exec from 'k6/execution';
import http from 'k6/http';
import { Trend } from 'k6/metrics';
import { BASE, bearer, dataset, number, people, rooms, seconds } from './load/cast.js';
import { failed } from './load/speak.js';
import { intended, kept, steady, TREND } from './load/steady.js';

export { handleSummary } from './load/summary.js';

const rate = number('RATE', 1000);
const duration = seconds('DURATION', '10s');
const historyMs = new Trend('history_ms', true);

export const options = {
  scenarios: { history: steady('page', rate, duration, { users: 100 }) },
  thresholds: Object.assign(
    { history_ms: ['p(99)<25'], 'history_ms{depth:newest}': ['p(99)<25'], 'history_ms{depth:deep}': ['p(99)<25'] },
    kept(rate, duration),
  ),
  summaryTrendStats: TREND,
};

export function page() {
  const due = intended(rate);
  const { heads } = dataset[0];
  const n = exec.scenario.iterationInTest;
  const roomId = rooms[n % rooms.length];
  const depth = n % 2 === 0 ? 'newest' : 'deep';
  const before = depth === 'deep' ? `&before=${Math.max(51, Math.floor(Math.random() * ((heads && heads[roomId]) || 1000)))}` : '';
  const answer = http.get(`${BASE}/api/v1/rooms/${roomId}/messages?limit=50${before}`, Object.assign({ tags: { name: 'history' } }, bearer(people[0])));
  historyMs.add(Date.now() - due, { depth });
  if (answer.status !== 200) failed.add(1);
}

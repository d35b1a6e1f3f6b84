/** Pages of 50 over a large history, newest and deep. Budget: p99 below 25 ms at 1,000/s. */
import http from 'k6/http';
import { Trend } from 'k6/metrics';
import { API, as, heads, number, rooms, seconds } from './load/cast.js';
import { failed } from './load/speak.js';
import { intended, kept, LEAN, steady, turn } from './load/steady.js';

export { handleSummary } from './load/summary.js';

const rate = number('RATE', 1000);
const duration = seconds('DURATION', '10s');
const PAGE = 50;
/** Of so many pages one is read: parsing all of them would be k6's work, not the server's. */
const READ = 100;
const newestMs = new Trend('history_newest_ms', true);
const deepMs = new Trend('history_deep_ms', true);

export const options = Object.assign(
  {
    scenarios: { history: steady('page', rate, duration) },
    thresholds: Object.assign({ history_newest_ms: ['p(99)<25'], history_deep_ms: ['p(99)<25'] }, kept(rate, duration)),
  },
  LEAN,
);

export function page() {
  const n = turn();
  const due = intended(rate, n);
  const place = Math.floor(n / 2);
  const head = heads.at(place);
  const deep = n % 2 === 1;
  const before = deep ? `&before=${Math.max(3 * PAGE, Math.floor(Math.random() * head))}` : '';
  const read = place % READ === 0;
  const answer = http.get(`${API}/rooms/${rooms.at(place)}/messages?limit=${PAGE}${before}`, as(0, read));
  (deep ? deepMs : newestMs).add(Date.now() - due);
  if (answer.status !== 200 || (read && head > 4 * PAGE && answer.json('items').length !== PAGE)) failed.add(1);
}

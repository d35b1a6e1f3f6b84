/** Rare words, common words, prefixes, phrases, parts of words over a large history. Budget: p95 below 50 ms. */
import http from 'k6/http';
import { Trend } from 'k6/metrics';
import { API, as, number, queries, seconds } from './load/cast.js';
import { failed } from './load/speak.js';
import { intended, kept, LEAN, steady, turn } from './load/steady.js';

export { handleSummary } from './load/summary.js';

const rate = number('RATE', 50);
const duration = seconds('DURATION', '10s');
const searchMs = new Trend('search_ms', true);
let told = 0;

export const options = Object.assign(
  {
    scenarios: { search: steady('find', rate, duration) },
    thresholds: Object.assign({ search_ms: ['p(95)<50'] }, kept(rate, duration)),
  },
  LEAN,
);

export function find() {
  const n = turn();
  const due = intended(rate, n);
  const { query, who } = queries.at(n);
  const answer = http.get(`${API}/messages?${query}`, as(who || 0, true));
  searchMs.add(Date.now() - due);
  if (answer.status === 200 && answer.body.startsWith('{"items":[')) return;
  failed.add(1);
  if (told++ < 3) console.error(`${answer.status} for ${query}: ${String(answer.body).slice(0, 200)}`);
}

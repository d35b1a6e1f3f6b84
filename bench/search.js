/** Rare words, common words, prefixes, phrases, parts of words over a large history. Budget: p95 below 50 ms. */
import exec from 'k6/execution';
import http from 'k6/http';
import { Trend } from 'k6/metrics';
import { BASE, bearer, dataset, number, people, seconds } from './load/cast.js';
import { failed } from './load/speak.js';
import { intended, kept, steady, TREND } from './load/steady.js';

export { handleSummary } from './load/summary.js';

const rate = number('RATE', 50);
const duration = seconds('DURATION', '10s');
const searchMs = new Trend('search_ms', true);

export const options = {
  scenarios: { search: steady('find', rate, duration) },
  thresholds: Object.assign({ search_ms: ['p(95)<50'] }, kept(rate, duration)),
  summaryTrendStats: TREND,
};

export function find() {
  const due = intended(rate);
  const { queries } = dataset[0];
  const n = exec.scenario.iterationInTest;
  const { kind, query } = queries[n % queries.length];
  const answer = http.get(`${BASE}/api/v1/messages?${query}`, Object.assign({ tags: { name: 'search' } }, bearer(people[n % people.length])));
  searchMs.add(Date.now() - due, { kind });
  if (answer.status !== 200) {
    failed.add(1);
    console.error(`${answer.status} for ${query}`);
  }
}

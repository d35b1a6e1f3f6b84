/** REST sends at a fixed rate over 100 rooms. Budget: p99 below 50 ms at 3,000/s, nothing lost (looked up in the tables afterwards). */
import exec from 'k6/execution';
import { number, rooms, seconds } from './load/cast.js';
import { speak } from './load/speak.js';
import { intended, kept, steady, TREND } from './load/steady.js';

export { handleSummary } from './load/summary.js';

const rate = number('RATE', 3000);
const duration = seconds('DURATION', '10s');

export const options = {
  scenarios: { send: steady('send', rate, duration, { users: 200 }) },
  thresholds: Object.assign({ send_ms: ['p(99)<50'] }, kept(rate, duration)),
  summaryTrendStats: TREND,
  discardResponseBodies: true,
};

export function send() {
  speak(rooms[exec.scenario.iterationInTest % rooms.length], intended(rate));
}

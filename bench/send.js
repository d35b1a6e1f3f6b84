/** REST sends at a fixed rate over 100 rooms. Budget: p99 below 50 ms at 3,000/s, nothing lost (looked up in the tables afterwards). */
import { number, rooms, seconds } from './load/cast.js';
import { speak } from './load/speak.js';
import { intended, kept, LEAN, steady, turn } from './load/steady.js';

export { handleSummary } from './load/summary.js';

const rate = number('RATE', 3000);
const duration = seconds('DURATION', '10s');
/** A user has four rooms; all users together have all. */
const OWN = 4;

export const options = Object.assign(
  {
    scenarios: { send: steady('send', rate, duration) },
    thresholds: Object.assign({ send_ms: ['p(99)<50'] }, kept(rate, duration)),
  },
  LEAN,
);

export function send() {
  const n = turn();
  speak(rooms.at(__VU + (n % OWN) * Math.floor(rooms.length / OWN)), intended(rate, n));
}

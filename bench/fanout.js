/**
 * One room of 500 sockets with 20 messages/s, and 100 rooms of 10 with 200 messages/s together. Budget: delivery p99 below 50 ms
 * from the intended time of sending; every receiver complete and in order.
 */
import exec from 'k6/execution';
import { number, people, rooms, seconds } from './load/cast.js';
import { listen, listeners, whole } from './load/listen.js';
import { speak } from './load/speak.js';
import { intended, kept, steady, TREND } from './load/steady.js';

export { handleSummary } from './load/summary.js';

const large = number('SOCKETS', 500);
const duration = seconds('DURATION', '10s');
const rate = number('RATE', 220);
const hallRate = Math.max(1, Math.round(rate / 11));
const smallRate = rate - hallRate;
const USERS = 10;
const PER_SMALL_ROOM = 10;
/** Sockets open before the first message. */
const BEFORE = number('BEFORE', 8);

export const options = {
  scenarios: {
    hall: listeners('hear', USERS, BEFORE + duration),
    sayInHall: steady('sayInHall', hallRate, duration, { startTime: BEFORE }),
    sayInRooms: steady('sayInRooms', smallRate, duration, { startTime: BEFORE }),
  },
  thresholds: Object.assign(
    { delivery_ms: ['p(99)<50'], 'delivery_ms{group:hall}': ['p(99)<50'], 'delivery_ms{group:rooms}': ['p(99)<50'] },
    kept(rate, duration),
    whole,
  ),
  summaryTrendStats: TREND,
};

/** rooms[0] is the hall; the others have ten listeners each. Every virtual user holds its share of both. */
export function hear() {
  const until = Number(exec.scenario.startTime) + (BEFORE + duration) * 1000 + 500;
  const user = exec.scenario.iterationInTest;
  for (let at = user; at < large; at += USERS) listen(people[at % people.length], rooms[0], until, { tags: { group: 'hall' } });
  for (let at = user; at < (rooms.length - 1) * PER_SMALL_ROOM; at += USERS) {
    listen(people[at % people.length], rooms[1 + (at % (rooms.length - 1))], until, { tags: { group: 'rooms' } });
  }
}

export function sayInHall() {
  speak(rooms[0], intended(hallRate));
}

export function sayInRooms() {
  speak(rooms[1 + (exec.scenario.iterationInTest % (rooms.length - 1))], intended(smallRate));
}

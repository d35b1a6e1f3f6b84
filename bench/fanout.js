/**
 * One room of 500 sockets with 20 messages/s, and 100 rooms of 10 with 200 messages/s together. Budget: delivery p99 below 50 ms
 * from the intended time of sending; every receiver complete and in order.
 */
import exec from 'k6/execution';
import { Trend } from 'k6/metrics';
import { setTimeout } from 'k6/timers';
import { number, rooms, seconds } from './load/cast.js';
import { listen, listeners, whole } from './load/listen.js';
import { speak } from './load/speak.js';
import { intended, kept, LEAN, steady, turn } from './load/steady.js';

export { handleSummary } from './load/summary.js';

const large = number('SOCKETS', 500);
const duration = seconds('DURATION', '10s');
const rate = number('RATE', 220);
const hallRate = Math.max(1, Math.round(rate / 11));
const smallRate = rate - hallRate;
const USERS = 4;
const PER_SMALL_ROOM = 10;
/** Seconds in which all sockets open before the first message. */
const BEFORE = number('BEFORE', 10);
const OPENING_MS = (BEFORE - 2) * 1000;
const all = large + (rooms.length - 1) * PER_SMALL_ROOM;
const hallMs = new Trend('delivery_hall_ms', true);
const roomsMs = new Trend('delivery_rooms_ms', true);

export const options = Object.assign(
  {
    scenarios: {
      hall: listeners('hear', USERS, BEFORE + duration),
      sayInHall: steady('sayInHall', hallRate, duration, { startTime: BEFORE }),
      sayInRooms: steady('sayInRooms', smallRate, duration, { startTime: BEFORE }),
    },
    thresholds: Object.assign({ delivery_hall_ms: ['p(99)<50'], delivery_rooms_ms: ['p(99)<50'] }, kept(rate, duration), whole(all)),
  },
  LEAN,
);

/** The first room is the hall; the others have ten listeners each. Every virtual user holds its share of both, opened one after the other: the storm is reconnect.js. */
export function hear() {
  const begin = Number(exec.scenario.startTime);
  const until = begin + (BEFORE + duration) * 1000 + 500;
  const user = exec.scenario.iterationInTest;
  for (let at = user; at < all; at += USERS) {
    const small = at - large;
    const [roomId, trend] = small < 0 ? [rooms.at(0), hallMs] : [rooms.at(1 + (small % (rooms.length - 1))), roomsMs];
    setTimeout(() => listen(at, roomId, until, trend), begin + (at / all) * OPENING_MS - Date.now());
  }
}

export function sayInHall() {
  speak(rooms.at(0), intended(hallRate, turn()));
}

export function sayInRooms() {
  const n = turn();
  speak(rooms.at(1 + (n % (rooms.length - 1))), intended(smallRate, n));
}

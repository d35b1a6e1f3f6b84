/** 2,000 sockets are lost at once, 50 messages are said in each room, all come back and resume. Budget: all whole within 5 s. */
import exec from 'k6/execution';
import { Counter, Trend } from 'k6/metrics';
import { setTimeout } from 'k6/timers';
import { WebSocket } from 'k6/websockets';
import { number, rooms, signedIn, WS } from './load/cast.js';
import { doubled, lost, READY, seqOf, swapped } from './load/listen.js';
import { speak } from './load/speak.js';
import { LEAN } from './load/steady.js';

export { handleSummary } from './load/summary.js';

const sockets = number('SOCKETS', 2000);
const missed = number('MISSED', 50);
const USERS = 10;
const ROOMS = Math.min(20, rooms.length);
const OPEN_MS = number('OPEN_SECONDS', 12) * 1000;
const AWAY_MS = number('AWAY_SECONDS', 6) * 1000;
const BACK_MS = 12_000;
const wholeMs = new Trend('whole_ms', true);
const resumed = new Counter('resumed');
const unfinished = new Counter('unfinished');

export const options = Object.assign(
  {
    scenarios: {
      people: { executor: 'per-vu-iterations', exec: 'person', vus: USERS, iterations: 1, maxDuration: `${(OPEN_MS + AWAY_MS + BACK_MS) / 1000 + 20}s` },
      speaker: { executor: 'per-vu-iterations', exec: 'speaker', vus: ROOMS, iterations: 1, startTime: `${OPEN_MS / 1000 + 0.5}s`, maxDuration: '60s' },
    },
    thresholds: {
      whole_ms: ['max<5000'],
      resumed: [`count==${sockets}`],
      failed: ['count==0'],
      messages_lost: ['count==0'],
      messages_doubled: ['count==0'],
      messages_swapped: ['count==0'],
    },
  },
  LEAN,
);

let told = 0;

/** Messages of the room between the two sockets of one person: exactly the cursor's successors, then `synced`. */
function comeBack(at, roomId, cursor, epoch, backAt) {
  const socket = new WebSocket(`${WS}/ws`, null, signedIn(at));
  let next = cursor + 1;
  socket.onmessage = ({ data }) => {
    const seq = seqOf(data);
    if (seq >= 0) {
      if (seq === next) next++;
      else if (seq > next) {
        lost.add(seq - next);
        next = seq + 1;
      } else (seq === next - 1 ? doubled : swapped).add(1);
      return;
    }
    if (data.startsWith(READY)) {
      socket.send(JSON.stringify({ type: 'subscribe', id: 1, rooms: [{ roomId, after: cursor, epoch }] }));
      return;
    }
    const frame = JSON.parse(data);
    if (frame.type === 'synced') {
      wholeMs.add(Date.now() - backAt);
      if (next !== cursor + 1 + missed) lost.add(Math.abs(cursor + 1 + missed - next));
      resumed.add(1);
      setTimeout(() => socket.close(), 500);
    } else if (frame.type === 'gap') lost.add(missed);
    else if (frame.type === 'error') {
      // As websocket.md has it: what is temporary is asked for again, from where one is.
      if (frame.error.temporary) setTimeout(() => socket.send(JSON.stringify({ type: 'subscribe', id: 1, rooms: [{ roomId, after: next - 1, epoch }] })), 250);
      else if (told++ < 3) console.error(data);
    }
  };
  socket.onerror = ({ error }) => {
    if (told++ < 3) console.error(`a socket that came back failed: ${error}`);
  };
  // Who is not whole by then counts as lost.
  let over = false;
  socket.onclose = () => {
    over = true;
  };
  setTimeout(() => {
    if (over) return;
    unfinished.add(1);
    socket.close();
  }, BACK_MS);
}

export function person() {
  const begin = Number(exec.scenario.startTime);
  const lostAt = begin + OPEN_MS;
  const backAt = lostAt + AWAY_MS;
  const user = exec.scenario.iterationInTest;
  for (let at = user; at < sockets; at += USERS) {
    const roomId = rooms.at(at % ROOMS);
    const socket = new WebSocket(`${WS}/ws`, null, signedIn(at));
    let synced;
    socket.onmessage = ({ data }) => {
      if (data.startsWith(READY)) {
        socket.send(JSON.stringify({ type: 'subscribe', id: 1, rooms: [{ roomId }] }));
        return;
      }
      const frame = JSON.parse(data);
      if (frame.type === 'synced') synced = frame;
      else if (frame.type === 'ping') socket.send('{"type":"pong"}');
    };
    socket.onerror = () => {};
    setTimeout(() => socket.close(), lostAt - Date.now());
    setTimeout(() => {
      if (synced) comeBack(at, roomId, synced.seq, synced.epoch, backAt);
      else lost.add(missed);
    }, backAt - Date.now());
  }
}

export function speaker() {
  const roomId = rooms.at(exec.scenario.iterationInTest);
  for (let n = 0; n < missed; n++) speak(roomId, Date.now());
}

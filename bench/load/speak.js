/** Sends one message over REST, stamped with the time at which it was meant to be sent. */
import http from 'k6/http';
import { Counter, Trend } from 'k6/metrics';
import { API, as, RUN, texts } from './cast.js';

export const failed = new Counter('failed');
/** Of acknowledged sends only, so that its count is theirs: a second metric would be a tenth of what a send costs k6. */
const sendMs = new Trend('send_ms', true);
let n = 0;
let failures = 0;

/** Lines that one virtual user says in turn; all users together say all. */
const LINES = 8;
const GREETING = '"Good morning, has anybody seen the photographs?"';

/** `due`: milliseconds since 1970. The same virtual user is the same sender, so that his order can be told from his numbers. */
export function speak(roomId, due) {
  const text = texts.length > 0 ? texts.at(__VU * LINES + (n % LINES)) : GREETING;
  const body = `{"content":"@${due.toFixed(1)} ${text.slice(1)},"clientMessageId":"${RUN}-${__VU}-${n++}"}`;
  const { status } = http.post(`${API}/rooms/${roomId}/messages`, body, as(__VU));
  if (status === 201) sendMs.add(Date.now() - due);
  else {
    failed.add(1);
    if (failures++ < 3) console.error(`a send was answered with ${status}`);
  }
}

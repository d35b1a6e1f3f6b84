/** Sends one message over REST, stamped with the time at which it was meant to be sent; counts what was acknowledged. */
import http from 'k6/http';
import { Counter, Trend } from 'k6/metrics';
import { BASE, json, people, RUN, texts } from './cast.js';

export const acknowledged = new Counter('acknowledged');
export const failed = new Counter('failed');
const sendMs = new Trend('send_ms', true);
let n = 0;

/** `due`: milliseconds since 1970. The same virtual user is the same sender, so that his order can be told from his numbers. */
export function speak(roomId, due, tags) {
  const text = texts.length > 0 ? texts[(n * 31 + __VU) % texts.length] : 'Good morning, has anybody seen the photographs?';
  const body = JSON.stringify({ content: `@${due.toFixed(1)} ${text}`, clientMessageId: `${RUN}-${__VU}-${n++}` });
  const answer = http.post(`${BASE}/api/v1/rooms/${roomId}/messages`, body, Object.assign({ tags: { name: 'send' } }, json(people[__VU % people.length])));
  sendMs.add(Date.now() - due, tags);
  if (answer.status === 201) acknowledged.add(1);
  else {
    failed.add(1);
    if (failures++ < 3) console.error(`a send was answered with ${answer.status} ${String(answer.body).slice(0, 200)}`);
  }
}
let failures = 0;

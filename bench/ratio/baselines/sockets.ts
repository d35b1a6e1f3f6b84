/**
 * The limit for sockets: bare Bun.serve, one subscription for each, frames echoed; what comes in on the control port is published
 * to all with the next number, encoded but for it. For R3, R4, R8 and R9, and the peer named `bare Bun`.
 */
import { eventOf } from '../event.ts';

const TOPIC = 'room';
const NUMBER = '"seq":1,';
const text = JSON.stringify(eventOf('019b7f3e-5c00-7000-8000-00000000000a', 1));
const at = text.indexOf(NUMBER);
const [before, behind] = [text.slice(0, at), text.slice(at + NUMBER.length)];
let seq = 0;

const server = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  fetch: (request, self) => (self.upgrade(request) ? undefined : new Response(null, { status: 426 })),
  websocket: {
    perMessageDeflate: false,
    closeOnBackpressureLimit: true,
    backpressureLimit: 1_048_576,
    open(socket) {
      socket.subscribe(TOPIC);
      socket.send('{"type":"synced"}');
    },
    message: (socket, text) => void socket.send(text),
  },
});
const control = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  fetch: (request, self) => (self.upgrade(request) ? undefined : new Response(null, { status: 426 })),
  websocket: { message: () => void server.publish(TOPIC, `${before}"seq":${++seq},${behind}`) },
});
console.log(JSON.stringify({ event: 'listening', url: `http://127.0.0.1:${server.port}`, control: control.port }));

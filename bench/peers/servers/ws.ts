/** Peer: npm's ws on node:http, as its documentation shows broadcasting. Echo on the main port; the control port publishes to all. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import { eventOf } from '../../ratio/event.ts';

const server = createServer();
const sockets = new WebSocketServer({ server, perMessageDeflate: false });
sockets.on('connection', (socket) => {
  socket.on('message', (data) => socket.send(data.toString()));
  socket.send('{"type":"synced"}');
});

let seq = 0;
const control = createServer();
new WebSocketServer({ server: control, perMessageDeflate: false }).on('connection', (socket) => {
  socket.on('message', () => {
    const text = JSON.stringify(eventOf('019b7f3e-5c00-7000-8000-00000000000a', ++seq));
    for (const client of sockets.clients) client.send(text);
  });
});

control.listen(0, '127.0.0.1', () =>
  server.listen(0, '127.0.0.1', () => {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    console.log(JSON.stringify({ event: 'listening', url, control: (control.address() as AddressInfo).port }));
  }),
);

/** Peer: Socket.IO over WebSocket alone, one room, events named `m`. Echo on the main port; the control port publishes to the room. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server } from 'socket.io';
import { WebSocketServer } from 'ws';
import { eventOf } from '../../ratio/event.ts';

const ROOM = 'room';
const server = createServer();
const io = new Server(server, { transports: ['websocket'], perMessageDeflate: false, serveClient: false });
io.on('connection', (socket) => {
  void socket.join(ROOM);
  socket.on('m', (value) => socket.emit('m', value));
});

let seq = 0;
const control = createServer();
new WebSocketServer({ server: control, perMessageDeflate: false }).on('connection', (socket) => {
  socket.on('message', () => io.to(ROOM).emit('m', eventOf('019b7f3e-5c00-7000-8000-00000000000a', ++seq)));
});

control.listen(0, '127.0.0.1', () =>
  server.listen(0, '127.0.0.1', () => {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    console.log(JSON.stringify({ event: 'listening', url, control: (control.address() as AddressInfo).port }));
  }),
);

/** The peers that a clone of this project can start: bare Bun, Parlour, ws and Socket.IO. */
import { version as socketIo } from 'socket.io/package.json';
import { version as ws } from 'ws/package.json';
import { version } from '../../package.json';
import type { Opened, Peer } from './adapter.ts';

const ECHO = '{"type":"pong","id":$}';

/** Servers that publish to everybody whatever comes in on their control port. */
const plain = (name: string, itsVersion: string, file: string, more: Partial<Opened> = {}): Peer => ({
  name,
  version: itsVersion,
  async open(stage) {
    const { host, port, pid, control } = await stage.program(file);
    const fanout = { hello: '', ready: '"synced"', control: { host, port: control, path: '/' }, publish: '$' };
    return { host, port, pid, path: '/ws', tokens: [], echo: ECHO, fanout, ...more };
  },
});

/** `durable`: every published message is committed first, as a user's would be; else events come from a port of their own. */
const parlour = (durable: boolean): Peer => ({
  name: durable ? 'Parlour, each message stored first' : 'Parlour',
  version,
  async open(stage) {
    const { host, port, pid, line } = await stage.open(durable ? {} : { program: ['bench/ratio/ours/publish.ts'] });
    // A room for each: the seqs of one node's own events are in its memory alone, and another's would come behind them.
    const roomId = stage.house.rooms[durable ? 1 : 0]!;
    const token = stage.tokens[0];
    const content = 'Has anybody seen the photographs of the garden? I had them here yesterday.';
    return {
      host,
      port,
      pid,
      path: '/ws',
      tokens: stage.tokens,
      echo: '{"type":"ping","id":$}',
      fanout: {
        hello: JSON.stringify({ type: 'subscribe', id: 1, rooms: [{ roomId }] }),
        ready: '"synced"',
        control: durable ? { host, port, path: '/ws', token } : { host, port: Number(line.control), path: '/' },
        // Ids of their own for each round: a repeated one would be a repeat, and nobody is told of those.
        get publish() {
          const mark = crypto.randomUUID().slice(0, 8);
          return durable ? JSON.stringify({ type: 'message.send', roomId, content, clientMessageId: `${mark}-$` }) : `${roomId} $`;
        },
      },
    };
  },
});

export const PEERS: Peer[] = [
  plain('bare Bun', Bun.version, 'ratio/baselines/sockets.ts'),
  parlour(false),
  parlour(true),
  plain('ws', ws, 'peers/servers/ws.ts'),
  plain('socket.io', socketIo, 'peers/servers/socket-io.ts', { path: '/socket.io/?EIO=4&transport=websocket', dialect: 'socket.io' }),
];

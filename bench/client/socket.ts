/**
 * A lean WebSocket client over raw TCP: text frames only, masked with zeros (RFC 6455 asks for a key, not for a good one).
 * Thousands of them in one process leave the core to the server. It never reconnects.
 */
import type { Socket } from 'bun';
import type { Dialect } from './jobs.ts';

export type Lean = {
  send: (text: string) => void;
  /** Several frames in one write. */
  sendAll: (texts: readonly string[]) => void;
  close: () => void;
};

export type LeanOptions = {
  host: string;
  port: number;
  path: string;
  token?: string;
  dialect?: Dialect;
  /** The bytes of each text frame; valid only during the call. */
  onFrame: (payload: Buffer, self: Lean) => void;
  onClose?: (code: number) => void;
};

/** What our own servers say when one is ready. */
const SYNCED = Buffer.from('{"type":"synced"}');
const HEAD_END = Buffer.from('\r\n\r\n');

/** Resolves when the server has accepted the upgrade; rejects with the status otherwise. */
export function openLean({ host, port, path, token, dialect, onFrame, onClose }: LeanOptions): Promise<Lean> {
  return new Promise((accept, refuse) => {
    let open = false;
    let rest: Buffer | undefined;
    let code = 1006;
    const unsent: Buffer[] = [];
    let socket: Socket;
    const write = (bytes: Buffer): void => {
      if (unsent.length > 0) return void unsent.push(bytes);
      const written = socket.write(bytes);
      if (written < bytes.length) unsent.push(bytes.subarray(Math.max(0, written)));
    };
    const wrap = dialect === 'socket.io' ? (text: string) => `42["m",${text}]` : (text: string) => text;
    const self: Lean = {
      send: (text) => write(frame(wrap(text))),
      sendAll: (texts) => write(Buffer.concat(texts.map((text) => frame(wrap(text))))),
      close: () => socket.end(),
    };

    function take(data: Buffer): void {
      let at = 0;
      while (data.length - at >= 2) {
        const second = data[at + 1]! & 127;
        const head = second < 126 ? 2 : second === 126 ? 4 : 10;
        if (data.length - at < head) break;
        const length = second < 126 ? second : second === 126 ? data.readUInt16BE(at + 2) : Number(data.readBigUInt64BE(at + 2));
        if (data.length - at < head + length) break;
        const opcode = data[at]! & 15;
        const from = at + head;
        at = from + length;
        if (opcode === 1) {
          if (dialect === 'socket.io') unwrap(data.subarray(from, at));
          else onFrame(data.subarray(from, at), self);
        } else if (opcode === 9) write(pong(data.subarray(from, at)));
        else if (opcode === 8) {
          code = length >= 2 ? data.readUInt16BE(from) : 1005;
          socket.end();
        }
      }
      rest = at < data.length ? Buffer.from(data.subarray(at)) : undefined;
    }

    /** Engine.IO opens and pings, Socket.IO connects; events named `m` hold what the others send bare. */
    function unwrap(payload: Buffer): void {
      if (payload[0] === 0x34 && payload[1] === 0x32) onFrame(payload.subarray(7, payload.length - 1), self);
      else if (payload[0] === 0x30) write(frame('40'));
      else if (payload[0] === 0x32) write(frame('3'));
      else if (payload[0] === 0x34 && payload[1] === 0x30) onFrame(SYNCED, self);
    }

    Bun.connect({
      hostname: host,
      port,
      socket: {
        open(opened) {
          socket = opened;
          const auth = token ? `Authorization: Bearer ${token}\r\n` : '';
          const upgrade = `Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n`;
          opened.write(`GET ${path} HTTP/1.1\r\nHost: ${host}:${port}\r\n${upgrade}${auth}\r\n`);
        },
        data(_socket, chunk) {
          let data = rest ? Buffer.concat([rest, chunk]) : (chunk as Buffer);
          rest = undefined;
          if (!open) {
            const end = data.indexOf(HEAD_END);
            if (end < 0) {
              rest = Buffer.from(data);
              return;
            }
            if (data.toString('latin1', 9, 12) !== '101') {
              refuse(new Error(`the upgrade was answered with ${data.toString('utf8', 9, 200)}`));
              socket.end();
              return;
            }
            open = true;
            accept(self);
            data = data.subarray(end + 4);
          }
          take(data);
        },
        drain() {
          while (unsent.length > 0) {
            const written = socket.write(unsent[0]!);
            if (written < unsent[0]!.length) {
              unsent[0] = unsent[0]!.subarray(Math.max(0, written));
              return;
            }
            unsent.shift();
          }
        },
        close() {
          if (!open) refuse(new Error('the connection was closed before the upgrade'));
          onClose?.(code);
        },
        error: (_socket, error) => refuse(error),
        connectError: (_socket, error) => refuse(error),
      },
    }).catch(refuse);
  });
}

/** One masked text frame; with a key of zeros the payload stands as it is. */
function frame(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const head = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const bytes = Buffer.alloc(head + 4 + length);
  bytes[0] = 0x81;
  bytes[1] = 0x80 | (length < 126 ? length : length < 65_536 ? 126 : 127);
  if (head === 4) bytes.writeUInt16BE(length, 2);
  else if (head === 10) bytes.writeBigUInt64BE(BigInt(length), 2);
  bytes.write(text, head + 4);
  return bytes;
}

function pong(payload: Buffer): Buffer {
  const bytes = Buffer.alloc(6 + payload.length);
  bytes[0] = 0x8a;
  bytes[1] = 0x80 | payload.length;
  payload.copy(bytes, 6);
  return bytes;
}

/**
 * A lean HTTP/1.1 client over raw TCP: keep-alive, one request in flight per connection, answers read by their
 * Content-Length. It costs a fraction of fetch, so that on two cores the server is what is measured. No TLS, no chunks.
 */
import type { Socket } from 'bun';

export type Answer = { status: number; body: () => string };
/** The next request as its bytes in one text; undefined ends this connection's work. */
export type Next = (connection: number) => string | Uint8Array | undefined;

export type HttpRun = { answered: number; failed: number; firstFailure?: string; seconds: number; latencies: Float64Array };

const HEAD_END = Buffer.from('\r\n\r\n');

/**
 * Keeps `connections` busy until `next` has nothing more for any of them. Latencies in milliseconds, from write to the whole
 * answer. `done` sees each answer. Statuses other than 2xx count as failed.
 */
export async function httpRun(
  host: string,
  port: number,
  connections: number,
  next: Next,
  done?: (connection: number, answer: Answer) => void,
): Promise<HttpRun> {
  const latencies: number[] = [];
  let failed = 0;
  let firstFailure: string | undefined;
  const started = performance.now();
  let last = started;

  const one = (connection: number): Promise<void> =>
    new Promise((finish, fail) => {
      let since = 0;
      let rest: Buffer | undefined;
      let awaited = false;
      const ask = (socket: Socket): void => {
        const request = next(connection);
        if (request === undefined) {
          socket.end();
          finish();
          return;
        }
        awaited = true;
        since = performance.now();
        socket.write(request);
      };
      Bun.connect({
        hostname: host,
        port,
        socket: {
          open: ask,
          data(socket, chunk) {
            const data = rest ? Buffer.concat([rest, chunk]) : (chunk as Buffer);
            const end = data.indexOf(HEAD_END);
            const length = end < 0 ? -1 : contentLength(data, end);
            if (end < 0 || data.length < end + 4 + length) {
              rest = Buffer.from(data);
              return;
            }
            rest = undefined;
            awaited = false;
            last = performance.now();
            latencies.push(last - since);
            const status = (data[9]! - 48) * 100 + (data[10]! - 48) * 10 + (data[11]! - 48);
            const body = () => data.toString('utf8', end + 4, end + 4 + length);
            if (status < 200 || status > 299) {
              failed++;
              firstFailure ??= `${status} ${body().slice(0, 300)}`;
            }
            done?.(connection, { status, body });
            ask(socket);
          },
          close() {
            if (!awaited) return;
            failed++;
            firstFailure ??= 'the connection was closed instead of an answer';
            finish();
          },
          error: (_socket, error) => fail(error),
          connectError: (_socket, error) => fail(error),
        },
      }).catch(fail);
    });

  await Promise.all(Array.from({ length: connections }, (_, at) => one(at)));
  return { answered: latencies.length - failed, failed, firstFailure, seconds: (last - started) / 1_000, latencies: Float64Array.from(latencies) };
}

/** Searched as bytes in any case of letters: `-length: ` is in the head once. */
function contentLength(data: Buffer, end: number): number {
  for (let at = 17; at < end - 8; at++) {
    if (data[at] !== 0x2d || (data[at + 1]! | 0x20) !== 0x6c || (data[at + 2]! | 0x20) !== 0x65 || data[at + 7] !== 0x3a) continue;
    let value = 0;
    for (let digit = at + 8; digit < end; digit++) {
      const byte = data[digit]!;
      if (byte === 0x20) continue;
      if (byte < 0x30 || byte > 0x39) break;
      value = value * 10 + byte - 0x30;
    }
    return value;
  }
  return 0;
}

/** A request as text. */
export function request(method: string, path: string, { token, body }: { token?: string; body?: string } = {}): string {
  const auth = token ? `Authorization: Bearer ${token}\r\n` : '';
  const content = body === undefined ? '' : `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`;
  return `${method} ${path} HTTP/1.1\r\nHost: bench.local\r\n${auth}${content}\r\n${body ?? ''}`;
}

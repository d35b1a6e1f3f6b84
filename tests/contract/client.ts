/** A plain HTTP client for the contract's tests: it sends exactly what it is told and never follows, retries or converts. */
import { connect } from 'node:net';

// biome-ignore lint/suspicious/noExplicitAny: what comes back is what the tests are about, so nothing is known of it.
export type Json = any;
export type Answer = { status: number; headers: Headers; text: string; json: Json };
export type Request = {
  token?: string | null;
  /** Sent as JSON. */
  body?: unknown;
  /** Sent as it is, with `type` as its content type (none when undefined). */
  raw?: string | Uint8Array;
  type?: string;
  headers?: Record<string, string>;
};
export type Client = {
  url: string;
  ask: (method: string, path: string, request?: Request) => Promise<Answer>;
};

/** `path` with a leading `/` as it is; without one under /api/v1. */
export function clientOf(url: string): Client {
  return {
    url,
    async ask(method, path, { token, body, raw, type, headers = {} } = {}) {
      const sent: Record<string, string> = { ...headers };
      if (token != null) sent['authorization'] = `Bearer ${token}`;
      if (body !== undefined) sent['content-type'] ??= 'application/json';
      if (type !== undefined) sent['content-type'] = type;
      const payload = raw !== undefined ? bytesOf(raw) : body === undefined ? undefined : bytesOf(JSON.stringify(body));
      const response = await fetch(url + (path.startsWith('/') ? path : `/api/v1/${path}`), { method, headers: sent, body: payload, redirect: 'manual' });
      const text = await response.text();
      return {
        status: response.status,
        headers: response.headers,
        text,
        json: text !== '' && response.headers.get('content-type')?.includes('json') ? JSON.parse(text) : undefined,
      };
    },
  };
}

/** As bytes, so that fetch does not add a content type of its own. */
const bytesOf = (raw: string | Uint8Array): Uint8Array<ArrayBuffer> => (typeof raw === 'string' ? new TextEncoder().encode(raw) : new Uint8Array(raw));

/** The pointers and codes of a problem, `/name:blank`, sorted. */
export const blamed = (answer: Answer): string[] =>
  ((answer.json?.errors ?? []) as { pointer: string; code: string }[]).map((e) => `${e.pointer}:${e.code}`).sort();

export type RawAnswer = { status: number; head: string; body: string; all: string };

/** Writes bytes to a connection of its own and reads until the answer is whole, the peer closes, or `limitMs` have passed. */
export function raw(url: string, bytes: string | Uint8Array | readonly (string | Uint8Array)[], limitMs = 2_000): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  return new Promise((done, fail) => {
    let received = '';
    const socket = connect({ host: hostname, port: Number(port) });
    const finish = (): void => {
      clearTimeout(timer);
      socket.destroy();
      const [head = '', ...rest] = received.split('\r\n\r\n');
      done({ status: Number(/^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1] ?? 0), head, body: rest.join('\r\n\r\n'), all: received });
    };
    const timer = setTimeout(finish, limitMs);
    socket.on('connect', () => {
      for (const part of typeof bytes === 'string' || bytes instanceof Uint8Array ? [bytes] : bytes) socket.write(part);
    });
    socket.on('data', (data) => {
      received += data.toString('latin1');
      if (whole(received)) finish();
    });
    socket.on('close', finish);
    socket.on('error', (error: NodeJS.ErrnoException) => (error.code === 'ECONNREFUSED' ? fail(error) : finish()));
  });
}

function whole(received: string): boolean {
  const end = received.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const head = received.slice(0, end);
  const length = /\r\ncontent-length: (\d+)/i.exec(head);
  if (length) return received.length >= end + 4 + Number(length[1]);
  return / (?:204|304) /.test(head.split('\r\n')[0]!);
}

/** A TCP proxy on 127.0.0.1 that can swallow and cut what runs through it, for faults between two processes that no signal makes. */
import type { Socket } from 'bun';

type Side = { other?: Socket<Side>; waiting: Buffer[] };

export type Proxy = {
  port: number;
  /** What the server says is swallowed from now on; what the client says still arrives. */
  deafen: () => void;
  /** Nothing arrives any more, and neither side is told: as when a machine is gone. */
  isolate: () => void;
  /** Ends every connection, and hears again. */
  cut: () => void;
  readonly connections: number;
  [Symbol.asyncDispose]: () => Promise<void>;
};

export function openProxy(target: { port: number }): Proxy {
  const clients = new Set<Socket<Side>>();
  let deaf = false;
  let dumb = false;

  const pass = (to: Socket<Side> | undefined, from: Side, data: Buffer): void => {
    if (!to) from.waiting.push(Buffer.from(data));
    else if (to.data.waiting.length > 0) to.data.waiting.push(Buffer.from(data));
    else {
      const written = to.write(data);
      if (written < data.length) to.data.waiting.push(Buffer.from(data.subarray(Math.max(0, written))));
    }
  };
  const drain = (socket: Socket<Side>): void => {
    const { waiting } = socket.data;
    while (waiting.length > 0) {
      const written = socket.write(waiting[0]!);
      if (written < waiting[0]!.length) {
        waiting[0] = waiting[0]!.subarray(Math.max(0, written));
        return;
      }
      waiting.shift();
    }
  };
  const end = ({ data }: Socket<Side>): void => void data.other?.end();

  const listener = Bun.listen<Side>({
    hostname: '127.0.0.1',
    port: 0,
    data: { waiting: [] },
    socket: {
      open(client) {
        client.data = { waiting: [] };
        clients.add(client);
        void Bun.connect<Side>({
          hostname: '127.0.0.1',
          port: target.port,
          data: { waiting: [], other: client },
          socket: {
            open(server) {
              client.data.other = server;
              for (const data of client.data.waiting.splice(0)) pass(server, server.data, data);
            },
            data(server, data) {
              if (!deaf) pass(client, server.data, data);
            },
            drain,
            close: end,
            error: end,
          },
        }).catch(() => client.end());
      },
      data(client, data) {
        if (!dumb) pass(client.data.other, client.data, data);
      },
      drain,
      close(client) {
        clients.delete(client);
        end(client);
      },
      error: end,
    },
  });

  return {
    port: listener.port,
    deafen() {
      deaf = true;
    },
    isolate() {
      deaf = true;
      dumb = true;
    },
    cut() {
      for (const client of clients) {
        client.data.other?.terminate();
        client.terminate();
      }
      clients.clear();
      deaf = false;
      dumb = false;
    },
    get connections() {
      return clients.size;
    },
    async [Symbol.asyncDispose]() {
      this.cut();
      listener.stop(true);
    },
  };
}

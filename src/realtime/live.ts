/** The node's live side: until the gateway is opened nobody listens, so there is nobody to tell. */
import type { Live } from '../events.ts';
import type { NodePorts, SocketPorts } from './ports.ts';

export type Gateway = { draining: boolean; [Symbol.asyncDispose]: () => Promise<void> };

export function createLive(_ports: NodePorts): Live & { openGateway: (ports: SocketPorts) => Gateway; [Symbol.asyncDispose]: () => Promise<void> } {
  return {
    publish() {},
    added() {},
    removed() {},
    read() {},
    ended() {},
    openGateway: () => ({ draining: false, async [Symbol.asyncDispose]() {} }),
    async [Symbol.asyncDispose]() {},
  };
}

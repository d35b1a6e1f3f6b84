/** A whole node on a port of its own, over a fresh database; or a second node over the first one's. */
import { SECRET, openNode } from './chat.ts';
import { freshDatabase } from './postgres.ts';

export { SECRET };

export type NodeOptions = { env?: Record<string, string>; databaseUrl?: string; redisUrl?: string };
export type TestNode = Awaited<ReturnType<typeof startNode>>;

export async function startNode({ env, databaseUrl, redisUrl }: NodeOptions = {}) {
  const fresh = databaseUrl === undefined ? await freshDatabase() : undefined;
  const url = databaseUrl ?? fresh!.url;
  const node = await openNode({ databaseUrl: url, ...(redisUrl === undefined ? {} : { redisUrl }), ...(env ? { env } : {}) });
  return {
    url: node.url,
    databaseUrl: url,
    ...node.services,
    async [Symbol.asyncDispose]() {
      await node[Symbol.asyncDispose]();
      await fresh?.[Symbol.asyncDispose]();
    },
  };
}

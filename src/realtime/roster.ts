/** Which sockets this node has, and whose they are. It never looks at what they hear. */
import type { Connection } from './connection.ts';

const NONE: readonly Connection[] = [];

export class Roster {
  readonly all = new Set<Connection>();
  /** One socket is the rule, so that one needs no list. */
  private readonly byUser = new Map<string, Connection | Connection[]>();

  get users(): IterableIterator<string> {
    return this.byUser.keys();
  }

  has(userId: string): boolean {
    return this.byUser.has(userId);
  }

  /** Oldest first. */
  of(userId: string): readonly Connection[] {
    const found = this.byUser.get(userId);
    return found === undefined ? NONE : Array.isArray(found) ? found : [found];
  }

  /** True when it is the user's first one here. */
  enter(userId: string, connection: Connection): boolean {
    const found = this.byUser.get(userId);
    if (found === undefined) this.byUser.set(userId, connection);
    else if (Array.isArray(found)) found.push(connection);
    else this.byUser.set(userId, [found, connection]);
    return found === undefined;
  }

  /** True when it was the user's last one here. */
  leave(userId: string, connection: Connection): boolean {
    const rest = this.of(userId).filter((other) => other !== connection);
    if (rest.length === 0) return this.byUser.delete(userId);
    this.byUser.set(userId, rest.length === 1 ? rest[0]! : rest);
    return false;
  }
}

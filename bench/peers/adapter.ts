/**
 * Who is compared on the same work: an adapter starts (or names) a server and says how the lean client talks to it. A server that is
 * already running elsewhere (Centrifugo, Tinode) is one more adapter whose `open` starts nothing.
 */
import type { Dialect, FanoutJob } from '../client/jobs.ts';
import type { Stage } from '../ratio/stage.ts';

export type Peer = {
  name: string;
  version: string;
  /** A new server process, ended with the stage. */
  open: (stage: Stage) => Promise<Opened>;
};

export type Opened = {
  host: string;
  port: number;
  /** For memory and processor time; 0 when it is not ours to look at. */
  pid: number;
  path: string;
  dialect?: Dialect;
  tokens: string[];
  /** A command that is answered, with `$` for its number. Undefined: cannot be compared. */
  echo?: string;
  /** What a subscriber says when it is let in, and where publishes come in. */
  fanout: Pick<FanoutJob, 'hello' | 'ready' | 'control' | 'publish'>;
};

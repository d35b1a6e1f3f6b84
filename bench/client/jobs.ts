/** The words between a bench and its load driver, which is a process of its own (drive.ts): jobs in, outcomes out, both JSON. */

export type Where = { host: string; port: number };
/** How frames are wrapped; nothing: as they are. */
export type Dialect = 'socket.io';

/** GET of one path over and over. */
export type GetJob = { job: 'get'; where: Where; connections: number; ms: number; requests: string[] };
/** REST sends: connection n sends into rooms n, n + connections, … in turn, each with an id of its own. */
export type SendsJob = { job: 'sends'; where: Where; connections: number; ms: number; runName: string; tokens: string[]; rooms: string[]; texts: string[] };
/** The same over sockets that keep `inFlight` commands unanswered each. */
export type SocketSendsJob = SendsJob & { inFlight: number };
/** A command with an answer, `inFlight` per socket. `text` has `$` where the number goes. */
export type EchoJob = {
  job: 'echo';
  where: Where;
  path: string;
  dialect?: Dialect;
  tokens: string[];
  sockets: number;
  inFlight: number;
  ms: number;
  text: string;
};
/**
 * Sockets that hear one room, and a publisher that keeps `inFlight` publishes on the way (or, with `rate`, begins so many a
 * second). `hello` is sent by each subscriber first; it is ready when a frame contains `ready`. A publish is `publish` with
 * its number for `$`, sent to `control`, and heard as a frame that contains `"seq":<number>` behind `first`.
 */
export type FanoutJob = {
  job: 'fanout';
  where: Where;
  path: string;
  dialect?: Dialect;
  tokens: string[];
  subscribers: number;
  hello: string;
  ready: string;
  control: Where & { path: string; dialect?: Dialect; token?: string };
  publish: string;
  inFlight: number;
  rate?: number;
  ms: number;
};
/** Sockets that do nothing, held until a line comes on stdin. */
export type IdleJob = { job: 'idle'; where: Where; path: string; dialect?: Dialect; tokens: string[]; sockets: number; hello: string; ready: string };

/** All sockets are lost at once, `missed` messages are said in each room, all come back at once and resume. */
export type StormJob = { job: 'storm'; where: Where; tokens: string[]; rooms: string[]; sockets: number; missed: number; runName: string };

/** Two servers that do the same, in turns of `ms`. */
export type DuelJob = { job: 'duel'; ours: FanoutJob & { pid: number }; limit: FanoutJob & { pid: number }; ms: number; turns: number };
/** `rate` durable sends a second over sockets on `where`, each heard by another client on `other`; room n has sender n and receiver n. */
export type DeliveryJob = {
  job: 'delivery';
  where: Where;
  other: Where;
  tokens: string[];
  rooms: string[];
  texts: string[];
  rate: number;
  ms: number;
  runName: string;
};

export type Job = GetJob | SendsJob | SocketSendsJob | EchoJob | FanoutJob | DuelJob | DeliveryJob | IdleJob | StormJob;

export type Turn = { value: number; cpuMicros: number };

export type Outcome = {
  /** Per second. */
  rate: number;
  done: number;
  seconds: number;
  p50: number;
  p99: number;
  max: number;
  /** What went wrong; then the figures are not to be believed. */
  loss?: string;
  note?: string;
  /** Of a duel: ours and the limit, turn by turn. */
  sides?: [Turn[], Turn[]];
};

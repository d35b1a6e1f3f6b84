/** Why an aim or a budget is not met, as measured: shown by `bun run bench report` beside those that are not, and only there. Written by hand. */

/** By ratio (its id, or id and title where several share one) or k6 script. */
export const REASONS: Record<string, string> = {
  send: 'k6 (0.6 of a core), the server (0.3) and Postgres (0.8) share two cores: in its first two seconds the server needs half as much again, and a merge of the search indexes takes a core for 0.2 s in every 1.3; then more is wanted than there is, and sends wait 60 to 200 ms. Between merges none takes 40',
  login: 'argon2 has its threads at a lower priority, but of two cores a storm of 60 logins/s takes 0.7; the median goes from 3 to 4 ms',
  R1: 'bare Bun takes 9 µs a request; what the contract has every request read and every answer say takes 1 µs of Bun itself (R1c’s limit), finding the route 0.5 µs, and the door (id, counters, checks) some 2 µs',
  R1c: 'the route (Elysia, 0.5 µs), the counters and the log’s times, the door’s checks and its headers of limits: some 2 µs beside 10',
  R2: 'a signed-in request also looks up its token (400 characters to hash) and its session',
  'R4 fan-out to 1,000 / bare server.publish':
    'by rate it is met; with one publish in flight each event is also put in order, kept in its ring and counted, which is 6 % of the processor’s time of one publish to 1,000',
  R9: 'an idle socket keeps some 400 bytes that nobody shares (who it is, its room, its clocks); the rest is memory between the objects of 10,000 openings (see Memory per socket)',
  R10: 'beside 10.5 ms of argon2 a login takes 0.65 ms of Postgres (a lock, two rows, a commit) and 0.75 ms of JavaScript; on two cores these come out of the hashing',
  'R12 search endpoint / in pgbench only the statement that finds the page':
    'no aim of its own: the limit is told the way that ours first has to find (two statements more, for each search), and makes no JSON; the row above is R12',
};

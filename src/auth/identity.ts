/**
 * Who is asking? A token proves who it was issued to; this page also knows whether its session still lives. The answer is at
 * most a second old, and on this node a session's end takes effect at once. It never answers from memory alone for longer.
 */
import { AppError } from '../errors.ts';
import { createRecent } from '../lib/recent.ts';
import { type Soon, after } from '../lib/soon.ts';
import type { Caller } from '../users/model.ts';
import { type AccessTokens, type Claims, refused } from './access-token.ts';
import type { AuthQueries, Standing } from './queries.ts';

/** rest.md: on other nodes a session's end takes effect within a second; half of it is left for the answer's way. */
const FRESH_MS = 900;
/** From here on a request that hits asks again behind its own back, so that busy sessions never wait. */
const RENEW_MS = 450;
const REMEMBERED = 8_192;
/** Questions on their way to Postgres; what comes meanwhile goes together with the next one. */
const IN_FLIGHT = 2;

const SCHEME = /^Bearer +(\S+)$/i;

type Known = { askedAt: number; caller: Caller };
type Question = { claims: Claims; answer: PromiseWithResolvers<Caller> };

export type Identity = ReturnType<typeof createIdentity>;

/** The access token in an Authorization header. Throws unauthenticated: no header, another scheme, no token. */
export function bearer(authorization: string | null): string {
  if (authorization?.startsWith('Bearer ') && authorization.indexOf(' ', 7) < 0) return authorization.slice(7);
  const token = authorization === null ? undefined : SCHEME.exec(authorization)?.[1];
  if (token === undefined) throw refused();
  return token;
}

/** Who a standing is, or why not: a disabled account comes first, whatever became of the session. */
export function callerOf(standing: Standing, userId: string): Caller {
  if (standing.disabled && !standing.deleted) throw new AppError('account_disabled', 'This account is disabled.');
  if (standing.deleted || !standing.living || standing.role === null) throw new AppError('session_revoked', 'This session has ended; sign in again.');
  return { userId, sessionId: standing.sessionId, role: standing.role };
}

export function createIdentity({ queries, tokens, clock = () => performance.now() }: { queries: AuthQueries; tokens: AccessTokens; clock?: () => number }) {
  const sessions = createRecent<string, Known>(REMEMBERED);
  /** Unanswered questions by session; one that was forgotten is no longer here, and its answer is not remembered. */
  const asking = new Map<string, Question>();
  let gathered: Question[] = [];
  let inFlight = 0;

  async function flush(): Promise<void> {
    const questions = gathered;
    gathered = [];
    inFlight++;
    const askedAt = clock();
    try {
      const standings = new Map((await queries.standings(questions.map(({ claims }) => claims))).map((standing) => [standing.sessionId, standing]));
      for (const question of questions) {
        const { userId, sessionId } = question.claims;
        const remembered = asking.get(sessionId) === question;
        if (remembered) asking.delete(sessionId);
        try {
          const caller = callerOf(standings.get(sessionId)!, userId);
          question.answer.resolve(caller);
          if (remembered) sessions.set(sessionId, { askedAt, caller });
        } catch (error) {
          // A refusal is not remembered: an account that is enabled again must not stay disabled for a second.
          question.answer.reject(error);
          if (remembered) sessions.delete(sessionId);
        }
      }
      const unseen = [...standings.values()].filter((standing) => standing.unseen && standing.living);
      if (unseen.length > 0) queries.touch(unseen.map(({ sessionId }) => sessionId)).catch(() => {});
    } catch (error) {
      for (const question of questions) {
        if (asking.get(question.claims.sessionId) === question) asking.delete(question.claims.sessionId);
        question.answer.reject(error);
      }
    } finally {
      inFlight--;
      if (gathered.length > 0) void flush();
    }
  }

  function ask(claims: Claims): Promise<Caller> {
    const same = asking.get(claims.sessionId);
    if (same) return same.answer.promise;
    const question: Question = { claims, answer: Promise.withResolvers() };
    question.answer.promise.catch(() => {});
    asking.set(claims.sessionId, question);
    if (gathered.push(question) === 1 && inFlight < IN_FLIGHT) queueMicrotask(() => void (gathered.length > 0 && flush()));
    return question.answer.promise;
  }

  /** Without waiting when the session was asked about within the last second: most requests come this way. */
  function current(claims: Claims): Soon<Caller> {
    const known = sessions.get(claims.sessionId);
    const age = known ? clock() - known.askedAt : FRESH_MS;
    if (age >= FRESH_MS) return ask(claims);
    if (age >= RENEW_MS) void ask(claims);
    return known!.caller;
  }

  return {
    /**
     * The caller behind an Authorization header, at most a second old.
     * Throws or rejects with unauthenticated, token_expired, session_revoked, account_disabled; unavailable without Postgres.
     */
    identify: (authorization: string | null): Soon<Caller> => after(tokens.read(bearer(authorization)), current),
    current,
    /** The next request of these sessions asks Postgres; also the one whose question is on its way just now. */
    forget(sessionIds: readonly string[]): void {
      for (const id of sessionIds) {
        sessions.delete(id);
        asking.delete(id);
      }
    },
  };
}

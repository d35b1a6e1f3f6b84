/**
 * The rules of sessions: signing in, exchanging refresh tokens, proving who one is, ending sessions. Each write is one statement;
 * what ended is told after its commit, on this node at once and to the others through `live`.
 */
import type { Config } from '../config.ts';
import type { Sql } from '../db/client.ts';
import { AppError, type Issue, forbidden, invalid, issue, notFound } from '../errors.ts';
import type { Live } from '../events.ts';
import { createGather } from '../lib/gather.ts';
import { PAGE_DEFAULT } from '../limits.ts';
import { cursorScope, decodeCursor, pageOf } from '../lib/cursor.ts';
import { type Caller, type CountedPage, type User, userOf } from '../users/model.ts';
import { type AccessTokens, type Claims, refused } from './access-token.ts';
import { bearer, callerOf, createIdentity } from './identity.ts';
import type { Login, Register, Session, SignedIn, Ticket, Tokens, Verified } from './model.ts';
import { type Passwords, weakness } from './password.ts';
import { createAuthQueries } from './queries.ts';
import { createSuccession, hashOf, newSecret } from './secret-token.ts';
import type { Throttle } from './throttle.ts';

/** Where a request comes from, as sessions remember it. */
export type Visit = { address: string; userAgent: string };

/** A proof that was accepted: who, and until when the access token behind it lives. */
export type Proof = { caller: Caller; user: User; expiresAt: number };

/** What is needed to make an account; its names and password have been judged. */
export type NewAccount = { username: string; passwordHash: string; email?: string | null; firstName?: string; lastName?: string };

export type SessionsOptions = {
  sql: Sql;
  config: Pick<Config, 'refreshTokenSeconds' | 'refreshGraceSeconds' | 'ticketSeconds' | 'registration'>;
  /** As for the access tokens: refresh tokens are derived with keys of their own out of them. */
  secret: string;
  previousSecret?: string;
  tokens: AccessTokens;
  passwords: Passwords;
  throttle: Throttle;
  live: Pick<Live, 'ended'>;
  /** users.create: throws conflict with `taken`. */
  createUser: (account: NewAccount) => Promise<User>;
};

/** Ended sessions and used tokens are recognised this long after their life. */
const KEEP_DAYS = 30;
const SWEEP_MS = 3_600_000;
const USER_AGENT_LENGTH = 256;

export type Sessions = ReturnType<typeof createSessions>;

export function createSessions({ sql, config, secret, previousSecret, tokens, passwords, throttle, live, createUser }: SessionsOptions) {
  const queries = createAuthQueries(sql);
  const identity = createIdentity({ queries, tokens });
  /** Sockets come back together after an outage. */
  const personOf = createGather(queries.persons, { most: 128, inFlight: 2 });
  const successions = [secret, previousSecret].flatMap((key) => (key === undefined ? [] : [createSuccession(key)]));
  const sweeper = setInterval(() => void queries.sweep(KEEP_DAYS).catch(() => {}), SWEEP_MS);
  sweeper.unref();

  const wrong = (): AppError => new AppError('invalid_credentials', 'Wrong login or password.');
  const disabled = (): AppError => new AppError('account_disabled', 'This account is disabled.');
  const revoked = (): AppError => new AppError('session_revoked', 'This session has ended; sign in again.');

  async function tokensOf(userId: string, sessionId: string, refreshToken: string, seconds = tokens.seconds): Promise<Tokens> {
    return { accessToken: await tokens.sign(userId, sessionId, seconds), refreshToken, tokenType: 'Bearer', expiresIn: seconds };
  }

  /** A new session. `passwordHash`: what the given password was compared with; null when none was asked for. */
  async function open(userId: string, passwordHash: string | null, visit: Visit, seconds = tokens.seconds): Promise<Tokens> {
    const id = Bun.randomUUIDv7();
    const refreshToken = newSecret();
    const outcome = await queries.openSession({
      id,
      userId,
      passwordHash,
      refreshHash: hashOf(refreshToken),
      userAgent: visit.userAgent.slice(0, USER_AGENT_LENGTH).toWellFormed().replaceAll('\0', ''),
      address: visit.address,
      refreshSeconds: config.refreshTokenSeconds,
      sessionSeconds: seconds,
    });
    if (outcome === 'disabled') throw disabled();
    if (outcome !== 'opened') throw wrong();
    return tokensOf(userId, id, refreshToken, seconds);
  }

  /** After the commit that ended them: forgotten here at once, told to sockets and to the other nodes. */
  function ended(sessionIds: readonly string[], why: 'revoked' | 'disabled'): void {
    if (sessionIds.length === 0) return;
    identity.forget(sessionIds);
    live.ended(sessionIds, why);
  }

  return {
    /** For the door: see identity.ts. */
    identify: identity.identify,
    /** Other nodes ended these, or something about their callers changed: ask Postgres again. */
    sessionsEnded: identity.forget,
    ended,

    /**
     * Whether this request may register at all. Throws, while registration is closed, forbidden for all but admins, and what
     * a bad token gets anywhere.
     */
    async admit(authorization: string | null): Promise<void> {
      if (config.registration === 'open') return;
      if (authorization === null || (await identity.identify(authorization)).role !== 'admin')
        throw forbidden('Registration is closed here; ask an admin for an account.');
    },

    /** A new account with its first session. Throws invalid (mismatch, weak), conflict (taken), overloaded. */
    async register(draft: Register, visit: Visit): Promise<SignedIn> {
      const issues: Issue[] = [];
      const weak = await weakness(draft.password, draft, '/password');
      if (weak) issues.push(weak);
      if (draft.passwordConfirm !== undefined && draft.passwordConfirm !== draft.password) {
        issues.push(issue('/passwordConfirm', 'mismatch', 'must be the same as the password'));
      }
      if (issues.length > 0) throw invalid(...issues);
      const passwordHash = await passwords.hash(draft.password);
      const { username, email, firstName, lastName } = draft;
      const user = await createUser({ username, passwordHash, email, firstName, lastName });
      return { user, ...(await open(user.id, null, visit)) };
    },

    /**
     * A new session for the right password. Throws invalid_credentials, after the same work whether the account exists or not;
     * account_disabled for the right password; rate_limited, overloaded.
     */
    async logIn({ login, password }: Login, visit: Visit): Promise<SignedIn> {
      const account = await queries.byLogin(login);
      const right = await throttle.guard(login, visit.address, () => passwords.matches(account?.passwordHash, password));
      if (!right || !account) throw wrong();
      if (account.disabledAt !== null) throw disabled();
      return { user: userOf(account), ...(await open(account.id, account.passwordHash, visit)) };
    },

    /** The successor of a refresh token, the same one again within the grace. Throws unauthenticated, token_expired, session_revoked, account_disabled. */
    async refresh(refreshToken: string): Promise<Tokens> {
      const successors = successions.map((derive) => derive(refreshToken));
      const { outcome, sessionId, userId, successor } = await queries.refresh({
        hash: hashOf(refreshToken),
        successors: successors.map(hashOf),
        graceSeconds: config.refreshGraceSeconds,
        refreshSeconds: config.refreshTokenSeconds,
        sessionSeconds: tokens.seconds,
      });
      switch (outcome) {
        case 'fresh':
        case 'repeated':
          return tokensOf(userId, sessionId, successors[successor - 1]!);
        case 'unknown':
          throw refused();
        case 'expired':
          throw new AppError('token_expired', 'The refresh token has expired; sign in again.');
        case 'disabled':
          throw disabled();
        case 'replayed':
          ended([sessionId], 'revoked');
          throw revoked();
        default:
          throw revoked();
      }
    },

    /** Whose token this is, and until when. Throws what the token would get anywhere else. */
    async verify(token: string): Promise<Verified> {
      const claims = await tokens.read(token);
      const { userId, sessionId } = await identity.current(claims);
      return { userId, sessionId, expiresAt: new Date(claims.expiresAt).toISOString() };
    },

    /** Ends the caller's own session. */
    async logOut(caller: Caller): Promise<void> {
      ended(await queries.endSessions(caller.userId, { only: caller.sessionId }), 'revoked');
    },

    /** The caller's living sessions, newest first. */
    async list(caller: Caller, query: { limit?: number; cursor?: string; total?: boolean }): Promise<CountedPage<Session>> {
      const scope = cursorScope('listSessions');
      const [createdAt, id] = query.cursor === undefined ? [] : (decodeCursor(scope, query.cursor, ['time', 'id']) as [string, string]);
      const limit = query.limit ?? PAGE_DEFAULT;
      const rows = await queries.list(caller.userId, createdAt === undefined ? undefined : { createdAt, id: id! }, limit + 1);
      const page = pageOf(
        rows,
        limit,
        scope,
        (row) => [row.createdAt, row.id],
        ({ id, createdAt, lastSeenAt, userAgent, address }) => ({ id, current: id === caller.sessionId, createdAt, lastSeenAt, userAgent, address }),
      );
      return query.total ? { ...page, total: null } : page;
    },

    /** Ends one of the caller's sessions. Throws not_found when it is not a living one of his. */
    async end(caller: Caller, sessionId: string): Promise<void> {
      const gone = await queries.endSessions(caller.userId, { only: sessionId });
      if (gone.length === 0) throw notFound();
      ended(gone, 'revoked');
    },

    /** Ends all of the caller's sessions but this one. */
    async endOthers(caller: Caller): Promise<void> {
      ended(await queries.endSessions(caller.userId, { except: caller.sessionId }), 'revoked');
    },

    /** A ticket that opens one socket. It ends with the access token that bought it. */
    async buyTicket(caller: Caller, authorization: string | null): Promise<Ticket> {
      const claims = await tokens.read(bearer(authorization));
      const ticket = newSecret();
      const { sessionId, userId } = caller;
      await queries.addTicket({ hash: hashOf(ticket), sessionId, userId, seconds: config.ticketSeconds, tokenExpiresAt: new Date(claims.expiresAt) });
      return { ticket, expiresIn: config.ticketSeconds };
    },

    /**
     * For sockets: the person behind an access token, asked of Postgres now. `expiresAt` in milliseconds since 1970.
     * Throws unauthenticated, token_expired, session_revoked, account_disabled.
     */
    async prove(token: string): Promise<Proof> {
      const claims: Claims = await tokens.read(token, false);
      const person = await personOf(claims);
      if (!person) throw revoked();
      return { caller: callerOf(person, claims.userId), user: userOf(person), expiresAt: claims.expiresAt };
    },

    /** For sockets: the person behind a ticket, which is used up by this. Throws as `prove`; unauthenticated for a used or old one. */
    async redeem(ticket: string): Promise<Proof> {
      const found = await queries.takeTicket(hashOf(ticket));
      if (!found?.fresh) throw refused();
      const expiresAt = Date.parse(found.tokenExpiresAt);
      if (expiresAt <= Date.now()) throw new AppError('token_expired', 'The access token behind the ticket has expired.');
      return { caller: callerOf(found, found.id), user: userOf(found), expiresAt };
    },

    /** A session without a password, for the command line. `seconds`: the access token's life. Throws account_disabled, invalid_credentials (no such person). */
    mint(userId: string, seconds?: number): Promise<Tokens> {
      return open(userId, null, { address: '', userAgent: 'parlour' }, seconds);
    },

    /** Removes what nobody can use any more; also done hourly. */
    sweep: () => queries.sweep(KEEP_DAYS),
    [Symbol.dispose]: () => clearInterval(sweeper),
  };
}

/**
 * The rules of accounts: who is found, what people may change of themselves and admins of others, how an account ends. Passwords
 * are judged and compared by what auth hands in; leaving rooms is the rooms' own verb.
 */
import type { Counts } from '../cache.ts';
import type { Sql } from '../db/client.ts';
import { AppError, type Issue, conflict, forbidden, invalid, issue, notFound } from '../errors.ts';
import { PAGE_DEFAULT } from '../limits.ts';
import { type Shape, check } from '../lib/check.ts';
import { cursorScope, decodeCursor, pageOf } from '../lib/cursor.ts';
import {
  type Caller,
  type ChangeMe,
  type ChangePassword,
  type ChangeUser,
  type CountedPage,
  type ListUsers,
  NewAccount,
  type PublicUser,
  type User,
  publicUser,
  userOf,
  type UserRow,
} from './model.ts';
import { type AccountRow, type Change, createUserQueries } from './queries.ts';

export type UsersOptions = {
  sql: Sql;
  counts: Pick<Counts, 'get' | 'drop'>;
  passwords: { hash: (password: string) => Promise<string>; matches: (kept: string | null, given: string) => Promise<boolean> };
  /** auth/password.ts: what is wrong with a new password. */
  weakness: (password: string, person: { username: string; email?: string | null }, pointer: string) => Promise<Issue | undefined>;
  /** The throttle of sign-in: routes that ask for the current password count with it. */
  guard: (login: string, address: string, attempt: () => Promise<boolean>) => Promise<boolean>;
  /** sessions.ended: these have ended by a commit. */
  ended: (sessionIds: readonly string[], why: 'revoked' | 'disabled') => void;
  /** sessions.sessionsEnded: something about these sessions' callers has changed. */
  changed: (sessionIds: readonly string[]) => void;
  /** rooms.leaveAll: ends all memberships of an account that is marked as deleted; may be repeated. */
  leaveAll: (userId: string, actorId?: string | null) => Promise<void>;
};

/** The totals that accounts make stale: all that are not deleted, and the enabled ones among them. */
export const USER_COUNTS = { present: 'users', enabled: 'users:enabled' } as const;

export type Users = ReturnType<typeof createUsers>;

export function createUsers({ sql, counts, passwords, weakness, guard, ended, changed, leaveAll }: UsersOptions) {
  const queries = createUserQueries(sql);
  const countsMoved = (): void => counts.drop(USER_COUNTS.present, USER_COUNTS.enabled);

  async function existing(id: string): Promise<AccountRow> {
    const account = await queries.find(id);
    if (!account) throw notFound('There is no such person.');
    return account;
  }

  /** Throws rate_limited while there were too many failures, invalid with `incorrect`. */
  async function confirm(account: AccountRow, password: string, address: string, pointer: string): Promise<void> {
    const right = await guard(account.username, address, () => passwords.matches(account.passwordHash, password));
    if (!right) throw incorrect(pointer);
  }

  async function judged(password: string, person: { username: string; email?: string | null }, pointer: string): Promise<string> {
    const weak = await weakness(password, person, pointer);
    if (weak) throw invalid(weak);
    return passwords.hash(password);
  }

  /** A new account whose names and password have been judged. Throws conflict with `taken`. */
  async function create(account: {
    username: string;
    passwordHash: string | null;
    email?: string | null;
    firstName?: string;
    lastName?: string;
    role?: 'user' | 'admin';
  }): Promise<User> {
    const { username, passwordHash, email = null, firstName = '', lastName = '', role = 'user' } = account;
    // No account is ever called so: it is what a deleted one is shown as.
    if (username.toLowerCase() === 'deleted') throw reserved();
    const id = Bun.randomUUIDv7();
    const { createdAt, usernameTaken, emailTaken } = await queries.create({ id, username, email, firstName, lastName, role, passwordHash });
    if (createdAt === null) throw taken(usernameTaken, emailTaken);
    countsMoved();
    return userOf({ id, username, email, firstName, lastName, role, disabledAt: null, deletedAt: null, createdAt, updatedAt: createdAt });
  }

  /** Applies a change that is allowed, and tells whom it concerns. Throws conflict with `taken`, not_found. */
  async function apply(id: string, change: Change): Promise<User> {
    const { outcome, usernameTaken, emailTaken, ended: over, affected } = await queries.change(id, change);
    if (outcome === 'gone') throw notFound('There is no such person.');
    if (outcome === 'taken') throw taken(usernameTaken, emailTaken);
    if (over) ended(affected, 'disabled');
    else changed(affected);
    if (outcome === 'changed' && change.disabled !== undefined) countsMoved();
    return userOf(await existing(id));
  }

  /** After the mark nobody can sign in or be added; what is left of an interrupted departure is finished by rooms.resumeDepartures. */
  async function remove(id: string, was: string | null, actorId: string | null): Promise<void> {
    const { outcome, ended: sessions } = await queries.remove(id, was);
    if (outcome === 'stale') throw incorrect('/password');
    if (outcome === 'gone') throw notFound('There is no such person.');
    ended(sessions, 'revoked');
    countsMoved();
    await leaveAll(id, actorId);
  }

  return {
    create,

    /** The directory: PublicUser, or User for admins. Throws forbidden when somebody else filters by `disabled`, invalid for a cursor. */
    async list(caller: Caller, { limit = PAGE_DEFAULT, cursor, total, ...filters }: ListUsers): Promise<CountedPage<PublicUser | User>> {
      const admin = caller.role === 'admin';
      const scope = cursorScope('listUsers', filters);
      const [after] = cursor === undefined ? [] : (decodeCursor(scope, cursor, ['text']) as [string]);
      if (filters.disabled !== undefined && !admin) throw forbidden('Only admins see who is disabled.');
      const rows = await queries.list({ callerId: caller.userId, all: admin, ...filters, after }, limit + 1);
      const page = pageOf<UserRow & { place: string }, PublicUser | User>(rows, limit, scope, (row) => [row.place], admin ? userOf : publicOf);
      if (!total) return page;
      if (Object.values(filters).some((filter) => filter !== undefined)) return { ...page, total: null };
      const counted = await counts.get(admin ? USER_COUNTS.present : USER_COUNTS.enabled, () => queries.count({ enabled: !admin }));
      // The walk never shows the caller, who is counted among both.
      return { ...page, total: Math.max(0, counted.value - 1) };
    },

    /** One person, also a disabled one: User for himself and for admins. Throws not_found, also for a deleted account. */
    async read(caller: Caller, id: string): Promise<PublicUser | User> {
      const account = await existing(id);
      return id === caller.userId || caller.role === 'admin' ? userOf(account) : publicOf(account);
    },

    /** One's own account. Throws session_revoked when it is gone since the session was looked at. */
    async me(caller: Caller): Promise<User> {
      const account = await queries.find(caller.userId);
      if (!account) throw gone();
      return userOf(account);
    },

    /** Changes one's own account; another username needs the password. Throws invalid (required, incorrect at /password), conflict (taken), rate_limited. */
    async changeMe(caller: Caller, { password, ...change }: ChangeMe, address: string): Promise<User> {
      const account = await queries.find(caller.userId);
      if (!account) throw gone();
      if (change.username !== undefined && change.username !== account.username) {
        if (password === undefined) throw invalid(issue('/password', 'required', 'is required to change the username'));
        await confirm(account, password, address, '/password');
      }
      return apply(caller.userId, change);
    },

    /**
     * Changes an account by its id: one's own as `changeMe`, with role and state for admins; another's by admins alone.
     * Throws not_found, forbidden, conflict (taken).
     */
    async change(caller: Caller, id: string, { password, role, disabled, ...change }: ChangeUser, address: string): Promise<User> {
      const account = await existing(id);
      const own = id === caller.userId;
      if (!own && caller.role !== 'admin') throw forbidden('Only admins change other people’s accounts.');
      if (own && change.username !== undefined && change.username !== account.username) {
        if (password === undefined) throw invalid(issue('/password', 'required', 'is required to change the username'));
        await confirm(account, password, address, '/password');
      }
      return apply(id, caller.role === 'admin' ? { ...change, role, disabled } : change);
    },

    /** Changes one's own password and ends all other sessions. Throws invalid (weak, incorrect), rate_limited, overloaded. */
    async changePassword(caller: Caller, { currentPassword, newPassword }: ChangePassword, address: string): Promise<void> {
      const account = await queries.find(caller.userId);
      if (!account) throw gone();
      const weak = await weakness(newPassword, account, '/newPassword');
      if (weak) throw invalid(weak);
      await confirm(account, currentPassword, address, '/currentPassword');
      const { outcome, ended: sessions } = await queries.changePassword(
        caller.userId,
        account.passwordHash,
        await passwords.hash(newPassword),
        caller.sessionId,
      );
      if (outcome === 'gone') throw gone();
      if (outcome === 'stale') throw incorrect('/currentPassword');
      ended(sessions, 'revoked');
    },

    /** An admin sets another's password, which ends all of that person's sessions. Throws not_found, forbidden (also for oneself), invalid (weak). */
    async setPassword(caller: Caller, id: string, newPassword: string): Promise<void> {
      const weak = await weakness(newPassword, { username: '' }, '/newPassword');
      if (weak) throw invalid(weak);
      const account = await existing(id);
      if (caller.role !== 'admin') throw forbidden('Only admins set other people’s passwords.');
      if (id === caller.userId) throw forbidden('Change your own password at /users/me/password.');
      await replacePassword(account, newPassword);
    },

    /** Deletes one's own account. Throws invalid (incorrect at /password), rate_limited; unavailable when it is marked but not yet out of all rooms. */
    async deleteMe(caller: Caller, password: string, address: string): Promise<void> {
      const account = await queries.find(caller.userId);
      if (!account) throw gone();
      await confirm(account, password, address, '/password');
      await remove(caller.userId, account.passwordHash, caller.userId);
    },

    /** An admin deletes another's account. Throws not_found, forbidden (also for oneself). */
    async delete(caller: Caller, id: string): Promise<void> {
      await existing(id);
      if (id === caller.userId) throw forbidden('Delete your own account at /users/me/delete.');
      if (caller.role !== 'admin') throw forbidden('Only admins delete other people’s accounts.');
      await remove(id, null, caller.userId);
    },

    /**
     * For the command line: judges everything as registration does. Without a password nobody can log in until one is set.
     * `passwordHash`: of a password that was hashed before, for many accounts at once. Throws invalid, conflict (taken).
     */
    async make(account: {
      username: string;
      password?: string;
      passwordHash?: string;
      email?: string | null;
      role?: 'user' | 'admin';
      firstName?: string;
      lastName?: string;
    }): Promise<User> {
      const { password, passwordHash, role, ...names } = account;
      const { email = null, ...checked } = check<NewAccount>(NewAccount as Shape, names);
      if (password !== undefined) check(NewAccount as Shape, { ...names, password });
      const hash = password === undefined ? (passwordHash ?? null) : await judged(password, { ...checked, email }, '/password');
      return create({ ...checked, email, role, passwordHash: hash });
    },

    /** For the command line. Undefined when nobody is called so. */
    async named(username: string): Promise<User | undefined> {
      const row = await queries.findByUsername(username);
      return row && userOf(row);
    },

    /** For the command line: sets a password and ends all sessions. Throws invalid (too_short, too_long, weak), not_found. */
    async resetPassword(id: string, newPassword: string): Promise<void> {
      const account = await existing(id);
      check(NewAccount as Shape, { username: account.username, password: newPassword });
      await replacePassword(account, newPassword);
    },

    /** For the command line. Throws not_found. */
    setRole: (id: string, role: 'user' | 'admin'): Promise<User> => apply(id, { role }),
    /** For the command line: disabling ends all sessions. Throws not_found. */
    setDisabled: (id: string, disabled: boolean): Promise<User> => apply(id, { disabled }),
  };

  async function replacePassword(account: AccountRow, newPassword: string): Promise<void> {
    const hash = await judged(newPassword, account, '/newPassword');
    const { outcome, ended: sessions } = await queries.changePassword(account.id, null, hash, null);
    if (outcome !== 'changed') throw notFound('There is no such person.');
    ended(sessions, 'revoked');
  }
}

const publicOf = (row: UserRow): PublicUser => publicUser(row.id, row.username, row.firstName, row.lastName, row.deletedAt !== null);

const incorrect = (pointer: string): AppError => invalid(issue(pointer, 'incorrect', 'is not the current password'));
const reserved = (): AppError => invalid(issue('/username', 'format', 'must not be “deleted”'));
const gone = (): AppError => new AppError('session_revoked', 'This session has ended; sign in again.');

function taken(username: boolean, email: boolean): AppError {
  const issues: Issue[] = [];
  if (username) issues.push(issue('/username', 'taken', 'is taken'));
  if (email) issues.push(issue('/email', 'taken', 'is taken'));
  return conflict('Somebody else has this name or address.', ...issues);
}

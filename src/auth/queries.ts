/** The SQL of sessions, refresh tokens and tickets. Only hashes of secrets come here; what is allowed is decided by service.ts. */
import type { Sql } from '../db/client.ts';
import type { UserRow } from '../users/model.ts';
import type { Claims } from './access-token.ts';

/** What decides about a token's session: null where there is no such person or session (of his). */
export type Standing = {
  sessionId: string;
  role: 'user' | 'admin' | null;
  disabled: boolean;
  deleted: boolean;
  living: boolean;
  /** Nobody has noted this minute that the session is in use. */
  unseen: boolean;
};

export type SessionRow = { id: string; createdAt: string; lastSeenAt: string; userAgent: string; address: string };

export type AuthQueries = ReturnType<typeof createAuthQueries>;

export function createAuthQueries(sql: Sql) {
  const userColumns = () =>
    sql`u.id, u.username, u.first_name as "firstName", u.last_name as "lastName", u.email, u.role, u.disabled_at as "disabledAt",
      u.deleted_at as "deletedAt", u.created_at as "createdAt", u.updated_at as "updatedAt"`;

  return {
    /** The account that a login means, with the hash of its password. A login with an @ is an e-mail. */
    async byLogin(login: string): Promise<(UserRow & { passwordHash: string | null }) | undefined> {
      const named = login.includes('@') ? sql`lower(u.email) = lower(${login})` : sql`lower(u.username) collate "C" = lower(${login}) collate "C"`;
      const rows = await sql<UserRow & { passwordHash: string | null }>`
        select ${userColumns()}, u.password_hash as "passwordHash" from users u where ${named} and u.deleted_at is null`;
      return rows[0];
    },

    /** How the sessions behind these tokens stand, in one round trip for all who ask at once. */
    standings(claims: readonly Claims[]): Promise<Standing[]> {
      return sql<Standing>`
        select session_id as "sessionId", role, disabled, deleted, living, unseen
        from session_standings(${claims.map((claim) => claim.sessionId)}::uuid[], ${claims.map((claim) => claim.userId)}::uuid[])`;
    },

    /** The same with the whole person behind each, read now, in the order of the claims; undefined where there is no such person. */
    async persons(claims: readonly Claims[]): Promise<((UserRow & Standing) | undefined)[]> {
      const rows = await sql<UserRow & Standing & { ord: number }>`
        select w.ord, w.session_id as "sessionId", u.*, s.*, false as unseen
        from unnest(${claims.map((claim) => claim.sessionId)}::uuid[], ${claims.map((claim) => claim.userId)}::uuid[]) with ordinality as w(session_id, user_id, ord)
        cross join lateral (
          select ${userColumns()}, u.disabled_at is not null as disabled, u.deleted_at is not null as deleted from users u where u.id = w.user_id limit 1
        ) u
        cross join lateral (
          select count(*) > 0 as living from sessions s where s.id = w.session_id and s.user_id = w.user_id and s.ended_at is null
        ) s`;
      const persons = new Array<(UserRow & Standing) | undefined>(claims.length).fill(undefined);
      for (const row of rows) persons[row.ord - 1] = row;
      return persons;
    },

    /** Notes that these sessions are in use; rows that somebody is changing just now can do without. */
    async touch(sessionIds: readonly string[]): Promise<void> {
      await sql`update sessions set last_seen_at = now()
        where id in (select s.id from sessions s where s.id = any(${sessionIds}::uuid[]) for no key update skip locked)`;
    },

    async openSession(session: {
      id: string;
      userId: string;
      passwordHash: string | null;
      refreshHash: Uint8Array;
      userAgent: string;
      address: string;
      refreshSeconds: number;
      sessionSeconds: number;
    }): Promise<'opened' | 'disabled' | 'gone' | 'changed'> {
      const rows = await sql`select open_session(${session.id}, ${session.userId}, ${session.passwordHash}, ${session.refreshHash},
        ${session.userAgent}, ${session.address}, ${session.refreshSeconds}, ${session.sessionSeconds}) as outcome`;
      return rows[0]!.outcome;
    },

    async refresh(exchange: {
      hash: Uint8Array;
      successors: readonly Uint8Array[];
      graceSeconds: number;
      refreshSeconds: number;
      sessionSeconds: number;
    }): Promise<{
      outcome: 'fresh' | 'repeated' | 'unknown' | 'expired' | 'disabled' | 'revoked' | 'replayed';
      sessionId: string;
      userId: string;
      /** From 1. */
      successor: number;
    }> {
      const rows = await sql`select outcome, session_id as "sessionId", user_id as "userId", successor
        from refresh_session(${exchange.hash}, ${sql.array([...exchange.successors], 17)}, ${exchange.graceSeconds}, ${exchange.refreshSeconds}, ${exchange.sessionSeconds})`;
      return rows[0]! as never;
    },

    /** Ids of what was ended: `only` that one, or all but `except`. */
    async endSessions(userId: string, { only = null, except = null }: { only?: string | null; except?: string | null }): Promise<string[]> {
      const rows = await sql<{ id: string }>`select end_sessions(${userId}, ${only}, ${except}) as id`;
      return rows.map(({ id }) => id);
    },

    /** Living sessions, the newest first, from behind `after`. */
    list(userId: string, after: { createdAt: string; id: string } | undefined, limit: number): Promise<SessionRow[]> {
      const place = after ? sql`and (s.created_at, s.id) < (${after.createdAt}, ${after.id})` : sql``;
      return sql<SessionRow>`
        select s.id, s.created_at as "createdAt", date_trunc('minute', s.last_seen_at) as "lastSeenAt", s.user_agent as "userAgent", s.address
        from sessions s where s.user_id = ${userId} and s.ended_at is null and s.expires_at > now() ${place}
        order by s.created_at desc, s.id desc limit ${limit}`;
    },

    async addTicket(ticket: { hash: Uint8Array; sessionId: string; userId: string; seconds: number; tokenExpiresAt: Date }): Promise<void> {
      await sql`insert into tickets (hash, session_id, user_id, expires_at, token_expires_at)
        values (${ticket.hash}, ${ticket.sessionId}, ${ticket.userId}, now() + make_interval(secs => ${ticket.seconds}), ${ticket.tokenExpiresAt})`;
    },

    /** Takes the ticket away, whoever asks first, and says whose it was; undefined for an unknown or used one. */
    async takeTicket(hash: Uint8Array): Promise<(UserRow & Standing & { fresh: boolean; tokenExpiresAt: string }) | undefined> {
      const rows = await sql<UserRow & Standing & { fresh: boolean; tokenExpiresAt: string }>`
        with t as (delete from tickets where hash = ${hash} returning session_id, user_id, expires_at, token_expires_at)
        select ${userColumns()}, t.session_id as "sessionId", u.disabled_at is not null as disabled, u.deleted_at is not null as deleted,
          coalesce(s.ended_at is null and s.id is not null, false) as living, false as unseen,
          t.expires_at > now() as fresh, t.token_expires_at as "tokenExpiresAt"
        from t join users u on u.id = t.user_id left join sessions s on s.id = t.session_id and s.user_id = t.user_id`;
      return rows[0];
    },

    /**
     * Removes what nobody can use any more, some thousand rows at a time. Used tokens and ended sessions stay for `keepDays`
     * after their end, so that a replay is still called one.
     */
    async sweep(keepDays: number): Promise<void> {
      await sql`delete from tickets where expires_at < now() - interval '1 minute'`;
      await sql`delete from refresh_tokens where hash in (
        select t.hash from refresh_tokens t where t.expires_at < now() - make_interval(days => ${keepDays}) limit 5000)`;
      await sql`delete from sessions where id in (
        select s.id from sessions s where s.expires_at < now() - make_interval(days => ${keepDays})
          and not exists (select from refresh_tokens t where t.session_id = s.id) limit 5000)`;
    },
  };
}

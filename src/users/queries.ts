/** The SQL of accounts. Rows leave as UserRow, never with a hash but where a password is to be compared. */
import type { Sql } from '../db/client.ts';
import type { UserRow } from './model.ts';

export type AccountRow = UserRow & { passwordHash: string | null };

export type Change = {
  username?: string;
  /** Null takes the address away. */
  email?: string | null;
  firstName?: string;
  lastName?: string;
  role?: 'user' | 'admin';
  disabled?: boolean;
};

export type Directory = {
  callerId: string;
  /** Admins see disabled accounts. */
  all: boolean;
  query?: string;
  username?: string;
  exclude?: readonly string[];
  disabled?: boolean;
  /** The lower-cased username of the last one seen. */
  after?: string;
};

/** As many people as are looked at one by one. */
const FEW = 5_000;
/** Behind every text that begins with something, put behind it. */
const LAST = '\u{10ffff}';

export type UserQueries = ReturnType<typeof createUserQueries>;

export function createUserQueries(sql: Sql) {
  const columns = () =>
    sql`u.id, u.username, u.first_name as "firstName", u.last_name as "lastName", u.email, u.role, u.disabled_at as "disabledAt",
      u.deleted_at as "deletedAt", u.created_at as "createdAt", u.updated_at as "updatedAt"`;

  return {
    async create(account: {
      id: string;
      username: string;
      email: string | null;
      firstName: string;
      lastName: string;
      role: 'user' | 'admin';
      passwordHash: string | null;
    }): Promise<{ createdAt: string | null; usernameTaken: boolean; emailTaken: boolean }> {
      const rows = await sql<{ createdAt: string | null; usernameTaken: boolean; emailTaken: boolean }>`
        select created_at as "createdAt", username_taken as "usernameTaken", email_taken as "emailTaken" from create_account(
          ${account.id}, ${account.username}, ${account.email}, ${account.firstName}, ${account.lastName}, ${account.role}, ${account.passwordHash})`;
      return rows[0]!;
    },

    /** Undefined also for a deleted account. */
    async find(id: string): Promise<AccountRow | undefined> {
      const rows = await sql<AccountRow>`select ${columns()}, u.password_hash as "passwordHash" from users u where u.id = ${id} and u.deleted_at is null`;
      return rows[0];
    },

    async findByUsername(username: string): Promise<UserRow | undefined> {
      const rows = await sql<UserRow>`select ${columns()} from users u
        where lower(u.username) collate "C" = lower(${username}) collate "C" and u.deleted_at is null`;
      return rows[0];
    },

    /**
     * In the order of the lower-cased usernames' code points. `query`: a beginning of the username, the first or the last name. When few have
     * such a first or last name, those are found by their indexes; when many have, the list is walked, because then it meets them soon.
     */
    list({ callerId, all, query, username, exclude, disabled, after }: Directory, limit: number): Promise<(UserRow & { place: string })[]> {
      const shown = () => sql`u.deleted_at is null
          ${all ? sql`` : sql`and u.disabled_at is null`}
          ${disabled === undefined ? sql`` : disabled ? sql`and u.disabled_at is not null` : sql`and u.disabled_at is null`}
          ${username === undefined ? sql`and u.id <> ${callerId}` : sql`and lower(u.username) collate "C" = lower(${username}) collate "C"`}
          ${exclude === undefined ? sql`` : sql`and u.id <> all(${exclude}::uuid[])`}
          ${after === undefined ? sql`` : sql`and lower(u.username) collate "C" > ${after}`}`;
      const inOrder = () => sql`order by lower(u.username) collate "C" limit ${limit}::int`;
      if (query === undefined)
        return sql<UserRow & { place: string }>`select ${columns()}, lower(u.username) as place from users u where ${shown()} ${inOrder()}`;

      // A range and not starts_with(), because of a parameter Postgres makes no range by itself.
      const begins = (column: 'username' | 'first_name' | 'last_name') => {
        const name = sql.unsafe(`lower(u.${column}) collate "C"`);
        return sql`${name} >= lower(${query}) collate "C" and ${name} < (lower(${query}) || ${LAST}) collate "C"`;
      };
      return sql<UserRow & { place: string }>`
        with first as materialized (select u.id from users u where u.deleted_at is null and ${begins('first_name')} limit ${FEW + 1}::int),
        last as materialized (select u.id from users u where u.deleted_at is null and ${begins('last_name')} limit ${FEW + 1}::int),
        size as materialized (select (select count(*) from first) <= ${FEW}::int and (select count(*) from last) <= ${FEW}::int as few)
        select ${columns()}, lower(u.username) as place from (
          select u.* from (
            select id from first union select id from last
            union select id from (select u.id from users u where ${shown()} and ${begins('username')} ${inOrder()}) named
          ) f cross join lateral (select * from users where id = f.id offset 0) u where (select few from size) and ${shown()}
          union all
          (select u.* from users u where not (select few from size) and ${shown()}
            and ((${begins('username')}) or (${begins('first_name')}) or (${begins('last_name')})) ${inOrder()})
        ) u ${inOrder()}`;
    },

    /** Accounts that are not deleted. */
    async count({ enabled }: { enabled: boolean }): Promise<number> {
      const rows = enabled
        ? await sql<{ n: number }>`select count(*) as n from users where deleted_at is null and disabled_at is null`
        : await sql<{ n: number }>`select count(*) as n from users where deleted_at is null`;
      return rows[0]!.n;
    },

    async change(
      id: string,
      { username, email, firstName, lastName, role, disabled }: Change,
    ): Promise<{ outcome: 'changed' | 'unchanged' | 'taken' | 'gone'; usernameTaken: boolean; emailTaken: boolean; ended: boolean; affected: string[] }> {
      const rows = await sql`
        select outcome, username_taken as "usernameTaken", email_taken as "emailTaken", ended, affected from change_account(
          ${id}, ${username ?? null}, ${email ?? null}, ${email === null}, ${firstName ?? null}, ${lastName ?? null}, ${role ?? null}, ${disabled ?? null})`;
      return rows[0]! as never;
    },

    /** `was`: the hash that the current password was compared with; null when an admin sets it. `except`: the session that goes on. */
    async changePassword(
      id: string,
      was: string | null,
      hash: string,
      except: string | null,
    ): Promise<{ outcome: 'changed' | 'stale' | 'gone'; ended: string[] }> {
      const rows = await sql`select outcome, ended from change_password(${id}, ${was}, ${hash}, ${except})`;
      return rows[0]! as never;
    },

    /** `was` as above. */
    async remove(id: string, was: string | null): Promise<{ outcome: 'deleted' | 'stale' | 'gone'; ended: string[] }> {
      const rows = await sql`select outcome, ended from delete_account(${id}, ${was})`;
      return rows[0]! as never;
    },
  };
}

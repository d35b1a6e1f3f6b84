/** People as they look on the wire, and what may be asked about them. Shapes only: no rule, no SQL. */
import { type Static, type TSchema, t } from 'elysia';
import { EMAIL_LENGTH, EXCLUDED_USERS, PAGE_MAX, PASSWORD_MAX, PASSWORD_MIN, PERSON_NAME_LENGTH, USERNAME_MAX, USERNAME_MIN } from '../limits.ts';

/** Elysia's own `t.Integer` is a union with its text, and texts are never numbers here. */
export const Integer = (bounds: { minimum?: number; maximum?: number } = {}) => t.Unsafe<number>({ type: 'integer', ...bounds });
export const Id = t.String({ format: 'uuid' });
export const Time = t.String({ format: 'date-time' });
const orNull = { nullable: true } as const;

export const PublicUser = t.Object({ id: Id, username: t.String(), firstName: t.String(), lastName: t.String(), deleted: t.Boolean() }, { $id: 'PublicUser' });
export type PublicUser = Static<typeof PublicUser>;

export const User = t.Object(
  {
    ...PublicUser.properties,
    email: t.Unsafe<string | null>({ type: 'string', ...orNull }),
    role: t.Unsafe<'user' | 'admin'>({ type: 'string', enum: ['user', 'admin'] }),
    disabledAt: t.Unsafe<string | null>({ type: 'string', format: 'date-time', ...orNull }),
    createdAt: Time,
    updatedAt: Time,
  },
  { $id: 'User' },
);
export type User = Static<typeof User>;

/** The proven identity that every verb takes first. `role` is at most one second old. */
export type Caller = { userId: string; sessionId: string; role: 'user' | 'admin' };

export const Username = t.String({ minLength: USERNAME_MIN, maxLength: USERNAME_MAX, format: 'username' });
export const Email = t.String({ minLength: 1, maxLength: EMAIL_LENGTH, format: 'email' });
export const PersonName = t.String({ maxLength: PERSON_NAME_LENGTH, format: 'name' });
export const NewPassword = t.String({ minLength: PASSWORD_MIN, maxLength: PASSWORD_MAX });
/** A password to compare: any length, for whether it is right is all that is asked. */
export const GivenPassword = t.String();

export const paging = {
  limit: t.Optional(Integer({ minimum: 1, maximum: PAGE_MAX })),
  cursor: t.Optional(t.String({ maxLength: 1_024 })),
};
export const total = { total: t.Optional(t.Boolean()) };
/** The shape of a list of `item`; `total` only when it was asked for. */
export const list = (item: TSchema) =>
  t.Object({
    items: t.Array(item),
    nextCursor: t.Unsafe<string | null>({ type: 'string', nullable: true }),
    total: t.Optional(t.Unsafe<number | null>({ type: 'integer', nullable: true })),
  });
export type Page<T> = { items: T[]; nextCursor: string | null };
export type CountedPage<T> = Page<T> & { total?: number | null };

export const ListUsers = t.Object({
  query: t.Optional(t.String({ maxLength: 200 })),
  username: t.Optional(t.String({ maxLength: 200 })),
  exclude: t.Optional(t.Array(Id, { maxItems: EXCLUDED_USERS })),
  disabled: t.Optional(t.Boolean()),
  ...paging,
  ...total,
});
export type ListUsers = Static<typeof ListUsers>;

/** `email: null` takes the address away; in every other optional field null is the same as leaving it out. */
const Profile = {
  email: t.Optional(t.Unsafe<string | null>({ ...Email, ...orNull })),
  firstName: t.Optional(PersonName),
  lastName: t.Optional(PersonName),
  username: t.Optional(Username),
};
export const ChangeMe = t.Object({ ...Profile, password: t.Optional(GivenPassword) });
export type ChangeMe = Static<typeof ChangeMe>;

export const ChangeUser = t.Object({
  ...Profile,
  password: t.Optional(GivenPassword),
  role: t.Optional(t.Unsafe<'user' | 'admin'>({ type: 'string', enum: ['user', 'admin'] })),
  disabled: t.Optional(t.Boolean()),
});
export type ChangeUser = Static<typeof ChangeUser>;

export const ChangePassword = t.Object({ currentPassword: GivenPassword, newPassword: NewPassword });
export type ChangePassword = Static<typeof ChangePassword>;
export const SetPassword = t.Object({ newPassword: NewPassword });
/** What the command line may make; over the network it is Register of auth/model.ts. */
export const NewAccount = t.Object({
  username: Username,
  password: t.Optional(NewPassword),
  email: t.Optional(Email),
  firstName: t.Optional(PersonName),
  lastName: t.Optional(PersonName),
});
export type NewAccount = Static<typeof NewAccount>;
export const DeleteMe = t.Object({ password: GivenPassword });

export type PublicUserRow = { id: string; username: string; firstName: string; lastName: string; deleted: boolean };

/** A person as everybody may see him; of a deleted account nothing but its old id is left. */
export const publicUser = (id: string, username: string, firstName: string, lastName: string, deleted: boolean): PublicUser =>
  deleted ? { id, username: 'deleted', firstName: '', lastName: '', deleted } : { id, username, firstName, lastName, deleted };

/** An account as it is stored, without its password. */
export type UserRow = {
  id: string;
  username: string;
  firstName: string;
  lastName: string;
  email: string | null;
  role: User['role'];
  disabledAt: string | null;
  deletedAt: string | null;
  createdAt: string;
  updatedAt: string;
};

/** An account as its person and admins see it. */
export const userOf = (row: UserRow): User => ({
  ...publicUser(row.id, row.username, row.firstName, row.lastName, row.deletedAt !== null),
  email: row.email,
  role: row.role,
  disabledAt: row.disabledAt,
  createdAt: row.createdAt,
  updatedAt: row.updatedAt,
});

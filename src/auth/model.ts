/** Accounts' ways in: what is sent to sign in, and what comes back. Shapes only. */
import { type Static, t } from 'elysia';
import { Email, GivenPassword, Id, Integer, NewPassword, PersonName, Time, User, Username, paging } from '../users/model.ts';

export const Tokens = t.Object(
  {
    accessToken: t.String(),
    refreshToken: t.String(),
    tokenType: t.Unsafe<'Bearer'>({ type: 'string', enum: ['Bearer'] }),
    /** Seconds. */
    expiresIn: Integer(),
  },
  { $id: 'Tokens' },
);
export type Tokens = Static<typeof Tokens>;

export const SignedIn = t.Object({ user: User, ...Tokens.properties }, { $id: 'SignedIn' });
export type SignedIn = Static<typeof SignedIn>;

export const Session = t.Object(
  { id: Id, current: t.Boolean(), createdAt: Time, lastSeenAt: Time, userAgent: t.String(), address: t.String() },
  { $id: 'Session' },
);
export type Session = Static<typeof Session>;

export const Register = t.Object({
  username: Username,
  password: NewPassword,
  passwordConfirm: t.Optional(t.String()),
  email: t.Optional(Email),
  firstName: t.Optional(PersonName),
  lastName: t.Optional(PersonName),
});
export type Register = Static<typeof Register>;

export const Login = t.Object({ login: t.String(), password: GivenPassword });
export type Login = Static<typeof Login>;

export const Refresh = t.Object({ refreshToken: t.String() });
export const Verify = t.Object({ token: t.String() });
export const Verified = t.Object({ userId: Id, sessionId: Id, expiresAt: Time }, { $id: 'Verified' });
export type Verified = Static<typeof Verified>;
export const Ticket = t.Object({ ticket: t.String(), expiresIn: Integer() }, { $id: 'Ticket' });
export type Ticket = Static<typeof Ticket>;
export const ListSessions = t.Object({ ...paging, total: t.Optional(t.Boolean()) });

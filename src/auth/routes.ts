/** Signing in and sessions over HTTP: paths, documentation and one verb each. */
import { Elysia } from 'elysia';
import type { Door } from '../http/door.ts';
import { list } from '../users/model.ts';
import { ListSessions, Login, Refresh, Register, Session, SignedIn, Ticket, Tokens, Verified, Verify } from './model.ts';
import type { Sessions, Visit } from './service.ts';

const tag = 'Sessions';

const visitOf = ({ address, request }: { address: string; request: Request }): Visit => ({ address, userAgent: request.headers.get('user-agent') ?? '' });

export const authRoutes = (sessions: Sessions, door: Door) =>
  new Elysia({ name: 'auth' })
    .post(
      '/api/v1/auth/register',
      ...door.open(
        'register',
        {
          summary: 'Make an account and sign in',
          description:
            'Where registration is closed, an `Authorization` header of an admin is required; the tokens answered are the new account’s. ' +
            'A password is `weak` when it is digits only, one of the most common ones, or the username or e-mail address with trimmings.',
          tag,
          rate: 'auth',
          admit: sessions.admit,
          body: Register,
          answers: { 201: SignedIn },
          fails: ['unauthenticated', 'token_expired', 'session_revoked', 'account_disabled', 'forbidden', 'conflict', 'overloaded'],
        },
        (inputs) => sessions.register(inputs.body, visitOf(inputs)),
      ),
    )
    .post(
      '/api/v1/auth/login',
      ...door.open(
        'login',
        {
          summary: 'Sign in with username or e-mail address',
          description:
            'A login with an @ is an e-mail address. After five failures for one login from one address each further attempt has to wait, also with the right password.',
          tag,
          rate: 'auth',
          body: Login,
          answers: { 200: SignedIn },
          fails: ['invalid_credentials', 'account_disabled', 'overloaded'],
        },
        (inputs) => sessions.logIn(inputs.body, visitOf(inputs)),
      ),
    )
    .post(
      '/api/v1/auth/refresh',
      ...door.open(
        'refresh',
        {
          summary: 'Exchange a refresh token for new tokens',
          description: 'A used token gets the same successor again for ten seconds, while that one is unused; later it is a replay, and the session ends.',
          tag,
          rate: 'open',
          body: Refresh,
          answers: { 200: Tokens },
          fails: ['unauthenticated', 'token_expired', 'session_revoked', 'account_disabled'],
        },
        ({ body }) => sessions.refresh(body.refreshToken),
      ),
    )
    .post(
      '/api/v1/auth/verify',
      ...door.open(
        'verify',
        {
          summary: 'Whose access token this is',
          tag,
          rate: 'open',
          body: Verify,
          answers: { 200: Verified },
          fails: ['unauthenticated', 'token_expired', 'session_revoked', 'account_disabled'],
        },
        ({ body }) => sessions.verify(body.token),
      ),
    )
    .post(
      '/api/v1/auth/logout',
      ...door.signedIn('logout', { summary: 'End this session', tag, rate: 'write', answers: { 204: null } }, ({ caller }) => sessions.logOut(caller)),
    )
    .get(
      '/api/v1/auth/sessions',
      ...door.signedIn(
        'listSessions',
        { summary: 'My living sessions, newest first', tag, rate: 'read', query: ListSessions, answers: { 200: list(Session) } },
        ({ caller, query }) => sessions.list(caller, query),
      ),
    )
    .delete(
      '/api/v1/auth/sessions/:sessionId',
      ...door.signedIn(
        'endSession',
        { summary: 'End one of my sessions', tag, rate: 'write', answers: { 204: null }, fails: ['not_found'] },
        ({ caller, params }) => sessions.end(caller, params.sessionId!),
      ),
    )
    .delete(
      '/api/v1/auth/sessions',
      ...door.signedIn('endOtherSessions', { summary: 'End all of my sessions but this one', tag, rate: 'write', answers: { 204: null } }, ({ caller }) =>
        sessions.endOthers(caller),
      ),
    )
    .post(
      '/api/v1/auth/tickets',
      ...door.signedIn(
        'buyTicket',
        {
          summary: 'A ticket that opens one socket',
          description: 'Single use; the socket ends with the access token that bought it.',
          tag,
          rate: 'write',
          answers: { 201: Ticket },
        },
        ({ caller, request }) => sessions.buyTicket(caller, request.headers.get('authorization')),
      ),
    );

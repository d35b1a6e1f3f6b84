/** People over HTTP: paths, documentation and one verb each. A person's rooms and conversations are in rooms/routes.ts. */
import { Elysia, t } from 'elysia';
import type { Door } from '../http/door.ts';
import { ChangeMe, ChangePassword, ChangeUser, DeleteMe, ListUsers, PublicUser, SetPassword, User, list } from './model.ts';
import type { Users } from './service.ts';

const tag = 'Users';

export const userRoutes = (users: Users, door: Door) =>
  new Elysia({ name: 'users' })
    .get(
      '/api/v1/users',
      ...door.signedIn(
        'listUsers',
        {
          summary: 'The directory, in the order of usernames',
          description: 'Never the caller (but for `username`) and never deleted accounts; disabled ones only for admins, who get `User` items.',
          tag,
          rateOf: (query) => (query.get('query') ? 'search' : 'read'),
          query: ListUsers,
          answers: { 200: list(t.Union([User, PublicUser])) },
          fails: ['forbidden'],
        },
        ({ caller, query }) => users.list(caller, query),
      ),
    )
    .get('/api/v1/users/me', ...door.signedIn('readMe', { summary: 'My account', tag, rate: 'read', answers: { 200: User } }, ({ caller }) => users.me(caller)))
    .patch(
      '/api/v1/users/me',
      ...door.signedIn(
        'changeMe',
        {
          summary: 'Change my account',
          description: 'Another username needs the `password`. `"email": null` takes the address away.',
          tag,
          rate: 'write',
          body: ChangeMe,
          answers: { 200: User },
          fails: ['conflict', 'overloaded'],
        },
        ({ caller, body, address }) => users.changeMe(caller, body, address),
      ),
    )
    .put(
      '/api/v1/users/me/password',
      ...door.signedIn(
        'changeMyPassword',
        {
          summary: 'Change my password and end all my other sessions',
          tag,
          rate: 'write',
          body: ChangePassword,
          answers: { 204: null },
          fails: ['overloaded'],
        },
        ({ caller, body, address }) => users.changePassword(caller, body, address),
      ),
    )
    .post(
      '/api/v1/users/me/delete',
      ...door.signedIn(
        'deleteMe',
        {
          summary: 'Delete my account',
          description: 'Sessions and memberships end, messages stay. Owned rooms pass to the longest-standing moderator, else member, else are deleted.',
          tag,
          rate: 'write',
          body: DeleteMe,
          answers: { 204: null },
          fails: ['overloaded'],
        },
        ({ caller, body, address }) => users.deleteMe(caller, body.password, address),
      ),
    )
    .get(
      '/api/v1/users/:userId',
      ...door.signedIn(
        'readUser',
        {
          summary: 'A person',
          description: '`User` for oneself and for admins.',
          tag,
          rate: 'read',
          answers: { 200: t.Union([User, PublicUser]) },
          fails: ['not_found'],
        },
        ({ caller, params }) => users.read(caller, params.userId!),
      ),
    )
    .patch(
      '/api/v1/users/:userId',
      ...door.signedIn(
        'changeUser',
        {
          summary: 'Change an account',
          description: 'Another’s account is changed by admins, who may also set `role` and `disabled`. On oneself it is as `PATCH /users/me`.',
          tag,
          rate: 'write',
          body: ChangeUser,
          answers: { 200: User },
          fails: ['forbidden', 'not_found', 'conflict', 'overloaded'],
        },
        ({ caller, params, body, address }) => users.change(caller, params.userId!, body, address),
      ),
    )
    .delete(
      '/api/v1/users/:userId',
      ...door.signedIn(
        'deleteUser',
        { summary: 'Delete another’s account (admins)', tag, rate: 'write', answers: { 204: null }, fails: ['forbidden', 'not_found'] },
        ({ caller, params }) => users.delete(caller, params.userId!),
      ),
    )
    .put(
      '/api/v1/users/:userId/password',
      ...door.signedIn(
        'setPassword',
        {
          summary: 'Set another’s password (admins)',
          description: 'All of that person’s sessions end. One’s own password is changed at `/users/me/password`.',
          tag,
          rate: 'write',
          body: SetPassword,
          answers: { 204: null },
          fails: ['forbidden', 'not_found', 'overloaded'],
        },
        ({ caller, params, body }) => users.setPassword(caller, params.userId!, body.newPassword),
      ),
    );

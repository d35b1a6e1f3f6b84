/** `parlour user …`: the only place where admins are made. */
import type { User } from '../users/model.ts';
import { notFound } from '../errors.ts';
import type { Services } from '../services.ts';
import { withServices } from './open.ts';
import { obtainPassword } from './password.ts';
import { readArgs, say, UsageError } from './terms.ts';

const PASSWORD_STDIN = { 'password-stdin': { type: 'boolean', default: false } } as const;

export async function userCommand([verb, ...args]: string[]): Promise<number> {
  switch (verb) {
    case 'create':
      return create(args);
    case 'password':
      return setPassword(args);
    case 'role': {
      const [name, role] = readArgs(args, {}, ['NAME', 'user|admin']).positionals;
      if (role !== 'user' && role !== 'admin') throw new UsageError('the role must be user or admin');
      return change(name, (services, user) => services.users.setRole(user.id, role));
    }
    case 'disable':
    case 'enable': {
      const [name] = readArgs(args, {}, ['NAME']).positionals;
      return change(name, (services, user) => services.users.setDisabled(user.id, verb === 'disable'));
    }
    default:
      throw new UsageError(verb === undefined ? 'user needs one of create, password, role, disable, enable' : `there is no command user ${verb}`);
  }
}

function create(args: string[]): Promise<number> {
  const { options, positionals } = readArgs(args, { admin: { type: 'boolean', default: false }, email: { type: 'string' }, ...PASSWORD_STDIN }, ['NAME']);
  const [username] = positionals;
  return withServices(async ({ users }) => {
    const { password, generated } = await obtainPassword(options['password-stdin'] ?? false);
    const { id, username: name, role } = await users.make({ username, password, email: options.email, role: options.admin ? 'admin' : 'user' });
    say({ id, username: name, role, ...(generated ? { password } : {}) });
    return 0;
  });
}

function setPassword(args: string[]): Promise<number> {
  const { options, positionals } = readArgs(args, PASSWORD_STDIN, ['NAME']);
  return withServices(async (services) => {
    const { id, username, role } = await named(services, positionals[0]);
    const { password, generated } = await obtainPassword(options['password-stdin'] ?? false);
    await services.users.resetPassword(id, password);
    say({ id, username, role, ...(generated ? { password } : {}) });
    return 0;
  });
}

function change(name: string, apply: (services: Services, user: User) => Promise<User>): Promise<number> {
  return withServices(async (services) => {
    const { id, username, role, disabledAt } = await apply(services, await named(services, name));
    say({ id, username, role, disabledAt });
    return 0;
  });
}

/** Throws not_found. */
export async function named({ users }: Pick<Services, 'users'>, name: string): Promise<User> {
  const user = await users.named(name);
  if (!user) throw notFound(`There is nobody called ${JSON.stringify(name)}.`);
  return user;
}

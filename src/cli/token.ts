/** `parlour token NAME`: a new session without a password, for scripts of whoever runs the server. */
import { withServices } from './open.ts';
import { readArgs, say, wholeNumber } from './terms.ts';
import { named } from './user.ts';

const TEN_YEARS = 315_360_000;

export function tokenCommand(args: string[]): Promise<number> {
  const { options, positionals } = readArgs(args, { seconds: { type: 'string' } }, ['NAME']);
  const seconds = options.seconds === undefined ? undefined : wholeNumber(options.seconds, '--seconds', 1, TEN_YEARS);
  return withServices(async (services) => {
    const { id } = await named(services, positionals[0]);
    say(await services.sessions.mint(id, seconds));
    return 0;
  });
}

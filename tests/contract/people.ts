/** People who act over HTTP, and rooms with everybody in them whom the contract tells apart. */
import type { Answer, Client, Json, Request } from './client.ts';

export type Person = {
  id: string;
  username: string;
  password: string;
  token: string;
  refreshToken: string;
  ask: (method: string, path: string, body?: unknown, more?: Request) => Promise<Answer>;
  /** As `ask`, but throws when the status is another: for what a test needs, not for what it is about. */
  does: (status: number, method: string, path: string, body?: unknown) => Promise<Json>;
};

export const PASSWORD = 'correct horse battery';
let registered = 0;

/** Registers a person; usernames are unique within the process. */
export async function person(client: Client, name = 'person', more: Record<string, unknown> = {}): Promise<Person> {
  const username = `${name}.${++registered}`;
  const answer = await client.ask('POST', 'auth/register', { body: { username, password: PASSWORD, ...more } });
  if (answer.status !== 201) throw new Error(`${username} could not register: ${answer.status} ${answer.text}`);
  return personOf(client, answer.json, PASSWORD);
}

export function personOf(client: Client, signedIn: Json, password: string): Person {
  const { user, accessToken, refreshToken } = signedIn;
  const ask: Person['ask'] = (method, path, body, request = {}) => client.ask(method, path, { token: accessToken, body, ...request });
  return {
    id: user.id,
    username: user.username,
    password,
    token: accessToken,
    refreshToken,
    ask,
    async does(status, method, path, body) {
      const answer = await ask(method, path, body);
      if (answer.status !== status) throw new Error(`${user.username} ${method} ${path}: ${answer.status} instead of ${status}: ${answer.text}`);
      return answer.json;
    },
  };
}

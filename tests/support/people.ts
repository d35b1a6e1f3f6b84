/**
 * People who do things through a server's doors: `const server = await start(); const ann = await server.person('ann');
 * await ann.get('/users/me')`. Answers come back as they are, whatever their status; asserting is the test's part.
 */
import { type NodeOptions, type TestNode, startNode } from './server.ts';

// biome-ignore lint/suspicious/noExplicitAny: what comes back is what the tests are about
export type Answer = { status: number; body: any; headers: Headers };
type Headers_ = Record<string, string>;

export const PASSWORD = 'correct horse battery';

/** The verbs of one client; `token` undefined: nobody is signed in. Paths are those behind /api/v1. */
function client(url: string, token?: string) {
  async function ask(method: string, path: string, body?: unknown, headers: Headers_ = {}): Promise<Answer> {
    const response = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) };
  }
  return {
    ask,
    get: (path: string, headers?: Headers_) => ask('GET', path, undefined, headers),
    post: (path: string, body?: unknown, headers?: Headers_) => ask('POST', path, body, headers),
    put: (path: string, body?: unknown, headers?: Headers_) => ask('PUT', path, body, headers),
    patch: (path: string, body?: unknown, headers?: Headers_) => ask('PATCH', path, body, headers),
    delete: (path: string, headers?: Headers_) => ask('DELETE', path, undefined, headers),
  };
}

/** Somebody with an account and a session, as register or login answered. */
function personOf(url: string, signedIn: Answer['body'], password: string) {
  const { user, accessToken, refreshToken } = signedIn;
  return {
    ...client(url, accessToken),
    id: user.id as string,
    username: user.username as string,
    password,
    accessToken: accessToken as string,
    refreshToken: refreshToken as string,
    /** The same person at another node, with the same token. */
    at: (node: { url: string }) => personOf(node.url, signedIn, password),
    /** Another session of the same person. */
    async again(headers?: Headers_) {
      return personOf(url, done(await client(url).post('/auth/login', { login: user.username, password }, headers), 200), password);
    },
  };
}

export type Person = ReturnType<typeof personOf>;
export type Server = Awaited<ReturnType<typeof start>>;

/** The body of an answer that must have this status: for what a test needs, not for what it is about. */
export function done(answer: Answer, ...statuses: number[]): Answer['body'] {
  if (!statuses.includes(answer.status)) throw new Error(`${answer.status} instead of ${statuses.join(' or ')}: ${JSON.stringify(answer.body)}`);
  return answer.body;
}

/** Every field to blame: `/email taken`. */
export const blamed = (answer: Answer): string[] =>
  (answer.body.errors ?? []).map((issue: { pointer: string; code: string }) => `${issue.pointer} ${issue.code}`).sort();

/** A node over a fresh database; `await using` closes both. */
export async function start(options: NodeOptions = {}) {
  const node: TestNode = await startNode(options);
  async function person(username: string, more: Record<string, unknown> = {}): Promise<Person> {
    const answer = await client(node.url).post('/auth/register', { username, password: PASSWORD, ...more });
    return personOf(node.url, done(answer, 201), (more.password as string) ?? PASSWORD);
  }
  return {
    ...node,
    /** Nobody is signed in. */
    anyone: client(node.url),
    /** Signed in by a token. */
    holder: (token: string) => client(node.url, token),
    person,
    async admin(username: string): Promise<Person> {
      const made = await person(username);
      await node.users.setRole(made.id, 'admin');
      return made;
    },
  };
}

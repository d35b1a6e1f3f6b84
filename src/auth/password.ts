/**
 * Passwords: what is good enough to be chosen, and how they are kept (argon2id, OWASP's second set: m=19456 t=2 p=1, 6 to 11 ms).
 * Only hashes leave this file; it never logs or repeats what it is given.
 */
import { hash, verify } from '@node-rs/argon2';
import { type Issue, issue } from '../errors.ts';
import { createTurns } from '../lib/turns.ts';
import { lowerPoolPriority } from './background.ts';

const PARAMETERS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

/** Beyond this many waiting, the last one would wait more than a second or two: better to say so at once. */
const QUEUE = 256;

export type Passwords = ReturnType<typeof createPasswords>;

/**
 * `atOnce`: hashes computed at the same time, at most the cores of this machine. More would take the processor from the chat
 * without answering a single login sooner.
 */
export function createPasswords({ atOnce, queue = QUEUE }: { atOnce: number; queue?: number }) {
  const turn = createTurns({ atOnce, waiting: queue });
  let dummy: Promise<string> | undefined;
  /** Threads come with the work, so the first few rounds of it look for them. */
  let looks = 4 * atOnce;

  const inTurn = <T>(work: () => Promise<T>): Promise<T> =>
    turn(async () => {
      try {
        return await work();
      } finally {
        if (looks > 0 && looks-- % atOnce === 0) lowerPoolPriority();
      }
    });

  const hashed = (password: string): Promise<string> => inTurn(() => hash(password, PARAMETERS));

  return {
    /** The text to keep, in PHC format with its own salt. Throws overloaded. */
    hash: hashed,

    /**
     * Whether this is the password that was kept. Without one, for an account that doesn't exist or has no password, a dummy is
     * verified and the answer is no: otherwise the time to answer would tell which names exist. Throws overloaded.
     */
    async matches(kept: string | null | undefined, given: string): Promise<boolean> {
      if (kept) return inTurn(() => verify(kept, given));
      dummy ??= hashed(crypto.randomUUID());
      const nobody = await dummy.catch((error: unknown) => {
        dummy = undefined;
        throw error;
      });
      await inTurn(() => verify(nobody, given));
      return false;
    },
  };
}

/** Digits and punctuation at both ends, which people add to a name to call it a password. */
const TRIMMINGS = /^[\p{N}\p{P}\p{S}\s]+|[\p{N}\p{P}\p{S}\s]+$/gu;

/**
 * What is wrong with a new password for this person; length has been checked already. `weak`: digits only, on the list of
 * common ones, or the username, the e-mail or its part before the @, without regard to case and to the trimmings.
 */
export async function weakness(password: string, person: { username: string; email?: string | null }, pointer: string): Promise<Issue | undefined> {
  const lower = password.toLowerCase();
  const core = lower.replace(TRIMMINGS, '');
  const names = [person.username, person.email, person.email?.split('@')[0]].flatMap((name) => (name ? [name.toLowerCase()] : []));
  const named = names.some((name) => lower === name || (core !== '' && (core === name || core === name.replace(TRIMMINGS, ''))));
  if (/^\p{Nd}+$/u.test(password)) return issue(pointer, 'weak', 'must not be digits only');
  if (named) return issue(pointer, 'weak', 'must not be the username or the e-mail address');
  if (await isCommon(lower)) return issue(pointer, 'weak', 'is one of the most common passwords');
  return undefined;
}

let common: Promise<string> | undefined;

/** The list is one text, read when the first password is judged: a set of its lines would take twenty times the memory. */
async function isCommon(lower: string): Promise<boolean> {
  common ??= Bun.file(new URL('./common-passwords.txt', import.meta.url)).text();
  return (await common).includes(`\n${lower}\n`);
}

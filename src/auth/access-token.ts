/**
 * Access tokens: short-lived JWTs that name a person and a session. A token only proves that this server issued it; whether
 * its session still lives is asked elsewhere. It never puts anything into a token that could change while it is valid.
 */
import { createHash } from 'node:crypto';
import { jwt } from '@elysiajs/jwt';
import { AppError } from '../errors.ts';
import { isUuid } from '../lib/check.ts';
import { createRecent } from '../lib/recent.ts';

export type Claims = { readonly userId: string; readonly sessionId: string /** Milliseconds since 1970. */; readonly expiresAt: number };

export type AccessTokens = Awaited<ReturnType<typeof createAccessTokens>>;

const ISSUER = 'parlour';
const AUDIENCE = 'parlour';
/** RFC 9068: so that no other kind of token is ever taken for an access token. */
const TYPE = 'at+jwt';
/** Ours have about 400; anything much longer is not worth its HMAC. */
const LONGEST = 2_048;
/** Verified tokens remembered: an HMAC costs 20 to 66 µs, half of what a whole signed-in request may cost (field notes). */
const REMEMBERED = 8_192;

/** The signing key imported once, under a name that tokens carry, so that a rotation knows which key to try. */
async function keyOf(secret: string) {
  const key = await crypto.subtle.importKey('raw', new TextEncoder().encode(secret), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify']);
  const kid = createHash('sha256').update(`kid:${secret}`).digest('hex').slice(0, 8);
  const { sign, verify } = jwt({ secret: key, alg: 'HS256', typ: TYPE, kid, iss: ISSUER, aud: AUDIENCE, exp: undefined }).decorator.jwt;
  return { kid, sign, verify };
}

/** One answer for every kind of forgery, for access and refresh tokens and for tickets: why something was refused helps only forgers. */
export const refused = (): AppError => new AppError('unauthenticated', 'A valid token is required.');

/** `seconds`: how long a token lives. `previous`: a secret that is still accepted, but signs no more. */
export async function createAccessTokens({ secret, previous, seconds }: { secret: string; previous?: string; seconds: number }) {
  const current = await keyOf(secret);
  const former = previous === undefined ? undefined : await keyOf(previous);
  const known = createRecent<string, Claims>(REMEMBERED);

  async function verified(token: string, remember: boolean): Promise<Claims> {
    if (token.length > LONGEST || !isCanonical(token)) throw refused();
    const key = former && kidOf(token) === former.kid ? former : current;
    // The plugin swallows the reason of a failure. So the clock is set to 1970, where no token of ours has expired, and `exp` is
    // judged here: that alone tells an expired genuine token from a forged one.
    const payload = (await key.verify(token, {
      algorithms: ['HS256'],
      typ: TYPE,
      issuer: ISSUER,
      audience: AUDIENCE,
      requiredClaims: ['sub', 'sid', 'jti', 'iat', 'exp'],
      currentDate: new Date(0),
    })) as Record<string, unknown> | false;
    if (!payload) throw refused();
    const { sub, sid, jti, iat, exp } = payload;
    if (typeof sub !== 'string' || !isUuid(sub) || typeof sid !== 'string' || !isUuid(sid) || typeof jti !== 'string') throw refused();
    if (!Number.isSafeInteger(iat) || !Number.isSafeInteger(exp)) throw refused();
    const claims = { userId: sub.toLowerCase(), sessionId: sid.toLowerCase(), expiresAt: (exp as number) * 1_000 };
    if (remember) known.set(token, claims);
    return claims;
  }

  const living = (claims: Claims): Claims => {
    if (claims.expiresAt <= Date.now()) throw new AppError('token_expired', 'The access token has expired.');
    return claims;
  };

  return {
    seconds,
    /** A new token for a session, for `lifetime` seconds. */
    sign(userId: string, sessionId: string, lifetime: number = seconds): Promise<string> {
      return current.sign({ sub: userId, sid: sessionId, jti: crypto.randomUUID(), exp: Math.floor(Date.now() / 1_000) + lifetime } as never);
    },

    /**
     * Its claims; without waiting when it was seen before. Throws unauthenticated, or token_expired for a genuine one past its time.
     * `remember` false: for who shows it once, such as a socket; half a KiB is kept for each that is remembered.
     */
    read(token: string, remember = true): Claims | Promise<Claims> {
      const claims = known.get(token);
      return claims ? living(claims) : verified(token, remember).then(living);
    },
  };
}

/** Three parts, each spelt the one way base64url spells it: decoders ignore spare bits, and a changed token must not stay valid. */
function isCanonical(token: string): boolean {
  const parts = token.split('.');
  return parts.length === 3 && parts.every((part) => part !== '' && Buffer.from(part, 'base64url').toString('base64url') === part);
}

/** The key's name in the header, unproven. */
function kidOf(token: string): unknown {
  try {
    return (JSON.parse(Buffer.from(token.slice(0, token.indexOf('.')), 'base64url').toString()) as { kid?: unknown }).kid;
  } catch {
    return undefined;
  }
}

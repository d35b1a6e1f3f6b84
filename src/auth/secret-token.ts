/** Opaque secrets: refresh tokens and tickets. They are random, or derived so that only this server can; only their hashes are stored. */
import { createHash, createHmac, hkdfSync, randomBytes } from 'node:crypto';

export const newSecret = (): string => randomBytes(32).toString('base64url');

export const hashOf = (secret: string): Buffer => createHash('sha256').update(secret).digest();

/**
 * Derives a refresh token's successor from it: an answer that got lost can be given again though nothing but hashes is stored,
 * and ten exchanges at once lead to one and the same token. The key keeps a stolen token's holder from going on by himself.
 */
export function createSuccession(secret: string): (token: string) => string {
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'parlour refresh successor', 32));
  return (token) => createHmac('sha256', key).update(token).digest('base64url');
}

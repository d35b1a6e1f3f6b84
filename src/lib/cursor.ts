/**
 * The place in a list, as a text that clients hand back. A cursor belongs to one route with its filters and sort; it holds a
 * position and no rights, so it is checksummed against damage but not secret, works on every node and never expires.
 */
import { type AppError, invalid, issue } from '../errors.ts';
import { isUuid } from './check.ts';

export type Position = readonly (string | number)[];
/** What a place in a position must be: `time` is an ISO time of this server, `id` a lower-case UUID. */
export type Kind = 'text' | 'number' | 'time' | 'id';

const SUM_BYTES = 9;
const decoder = new TextDecoder('utf-8', { fatal: true });

/** Truncated SHA-256: a client's flipped bit must not become another position, and one list's cursor not another's. */
function checksum(scope: string, payload: string): Buffer {
  return Buffer.from(new Bun.CryptoHasher('sha256').update(`${scope}\n${payload}`).digest()).subarray(0, SUM_BYTES);
}

/**
 * What a cursor belongs to: the route (its operationId) and whatever chooses or orders the items. Leave `limit` and `total` in:
 * they are no filters and are taken out here, as are `cursor` and what is absent. Keys may come in any order.
 */
export function cursorScope(route: string, filters: Readonly<Record<string, unknown>> = {}): string {
  const names = Object.keys(filters).filter((name) => filters[name] !== undefined && name !== 'limit' && name !== 'cursor' && name !== 'total');
  return JSON.stringify([route, names.sort().map((name) => [name, filters[name]])]);
}

/** A text of base64url that leads back to `position` within the same `scope`. */
export function encodeCursor(scope: string, position: Position): string {
  const payload = JSON.stringify(position);
  return Buffer.concat([checksum(scope, payload), Buffer.from(payload)]).toString('base64url');
}

/** The position, one value per kind. Throws `invalid` (`/cursor`, `format`) for a damaged one and for one of another list. */
export function decodeCursor(scope: string, cursor: string, kinds: readonly Kind[]): (string | number)[] {
  const bytes = Buffer.from(cursor, 'base64url');
  // Buffer skips what isn't base64url and ignores the last character's spare bits: only the canonical spelling is ours.
  if (bytes.length <= SUM_BYTES || bytes.toString('base64url') !== cursor) throw damaged();
  let payload: string;
  try {
    payload = decoder.decode(bytes.subarray(SUM_BYTES));
  } catch {
    throw damaged();
  }
  if (!checksum(scope, payload).equals(bytes.subarray(0, SUM_BYTES))) throw damaged();
  // The sum can be computed by anybody, so what is inside is still checked before it meets SQL.
  let position: unknown;
  try {
    position = JSON.parse(payload);
  } catch {
    throw damaged();
  }
  if (!Array.isArray(position) || position.length !== kinds.length || !kinds.every((kind, at) => fits(kind, position[at]))) throw damaged();
  return position;
}

/**
 * A page out of `limit + 1` rows: the one too many only tells that something follows.
 * `positionOf` names the place right behind an item.
 */
export function pageOf<Row, Item>(
  rows: readonly Row[],
  limit: number,
  scope: string,
  positionOf: (row: Row) => Position,
  itemOf: (row: Row) => Item,
): { items: Item[]; nextCursor: string | null } {
  const shown = rows.length > limit ? rows.slice(0, limit) : rows;
  return { items: shown.map(itemOf), nextCursor: rows.length > limit ? encodeCursor(scope, positionOf(shown.at(-1)!)) : null };
}

function fits(kind: Kind, value: unknown): boolean {
  if (kind === 'number') return typeof value === 'number' && Number.isFinite(value);
  if (typeof value !== 'string' || !value.isWellFormed() || value.includes('\0')) return false;
  if (kind === 'id') return isUuid(value) && value === value.toLowerCase();
  return kind === 'text' || /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/.test(value);
}

const damaged = (): AppError => invalid(issue('/cursor', 'format', 'is not a cursor of this list with these filters'));

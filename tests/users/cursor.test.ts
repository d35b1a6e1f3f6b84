/** lib/cursor.ts alone: a cursor leads back to its place in its own list, and any damage to it is a field error. */
import { expect, test } from 'bun:test';
import { AppError } from '../../src/errors.ts';
import { cursorScope, decodeCursor, encodeCursor, pageOf } from '../../src/lib/cursor.ts';

const scope = cursorScope('listUsers', { query: 'a', limit: 3, cursor: undefined });
const id = '019db9a0-1111-7000-8000-000000000001';
const position = ['änn', 7, '2026-11-20T10:17:28.830Z', id];
const kinds = ['text', 'number', 'time', 'id'] as const;

function refused(run: () => unknown): boolean {
  try {
    run();
    return false;
  } catch (error) {
    return error instanceof AppError && error.code === 'invalid' && error.issues?.[0]?.pointer === '/cursor' && error.issues[0].code === 'format';
  }
}

test('a cursor leads back to its position, whatever the page size', () => {
  const cursor = encodeCursor(scope, position);
  expect(decodeCursor(cursorScope('listUsers', { limit: 9, total: true, query: 'a', cursor }), cursor, kinds)).toEqual(position);
});

test('every flipped bit, every cut and every foreign character is refused', () => {
  const cursor = encodeCursor(scope, position);
  for (let at = 0; at < cursor.length; at++) {
    for (let bit = 0; bit < 7; bit++) {
      const flipped = cursor.slice(0, at) + String.fromCharCode(cursor.charCodeAt(at) ^ (1 << bit)) + cursor.slice(at + 1);
      expect(refused(() => decodeCursor(scope, flipped, kinds))).toBe(true);
    }
    expect(refused(() => decodeCursor(scope, cursor.slice(0, at), kinds))).toBe(true);
  }
  for (const other of ['=', '%', ' ', 'A', '\u00e9']) expect(refused(() => decodeCursor(scope, cursor + other, kinds))).toBe(true);
});

test('a cursor of another route, filter or shape is refused', () => {
  const cursor = encodeCursor(scope, position);
  expect(refused(() => decodeCursor(cursorScope('listRooms', { query: 'a' }), cursor, kinds))).toBe(true);
  expect(refused(() => decodeCursor(cursorScope('listUsers', { query: 'b' }), cursor, kinds))).toBe(true);
  expect(refused(() => decodeCursor(cursorScope('listUsers'), cursor, kinds))).toBe(true);
  expect(refused(() => decodeCursor(scope, cursor, ['text', 'number', 'time']))).toBe(true);
  expect(refused(() => decodeCursor(scope, cursor, ['text', 'number', 'time', 'number']))).toBe(true);
  expect(refused(() => decodeCursor(scope, encodeCursor(scope, ['a\0']), ['text']))).toBe(true);
});

test('a page hands out a cursor only when something follows', () => {
  const position = (row: number) => [row];
  expect(pageOf([1, 2, 3], 3, scope, position, String)).toEqual({ items: ['1', '2', '3'], nextCursor: null });
  const page = pageOf([1, 2, 3, 4], 3, scope, position, String);
  expect(page.items).toEqual(['1', '2', '3']);
  expect(decodeCursor(scope, page.nextCursor!, ['number'])).toEqual([3]);
});

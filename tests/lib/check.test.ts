/** The checker of fields: codes, code points, null, and times. */
import { expect, test } from 'bun:test';
import { AppError } from '../../src/errors.ts';
import { check, checkQuery, dateOf, isDateTime, type Shape } from '../../src/lib/check.ts';

const codes = (shape: Shape, value: unknown): string[] => {
  try {
    check(shape, value);
    return [];
  } catch (error) {
    return (error as AppError).issues!.map((issue) => `${issue.pointer} ${issue.code}`);
  }
};
const text = (more: Shape): Shape => ({ type: 'object', properties: { a: { type: 'string', ...more } }, required: ['a'] });

test('lengths count code points', () => {
  expect(codes(text({ maxLength: 3 }), { a: '😀😀😀' })).toEqual([]);
  expect(codes(text({ maxLength: 3 }), { a: '😀😀😀😀' })).toEqual(['/a too_long']);
  expect(codes(text({ minLength: 2 }), { a: '😀' })).toEqual(['/a too_short']);
  expect(codes(text({ minLength: 1 }), { a: '' })).toEqual(['/a too_short']);
});

test('every fault has its code', () => {
  expect(codes(text({}), {})).toEqual(['/a required']);
  expect(codes(text({}), { a: null })).toEqual(['/a required']);
  expect(codes(text({}), { a: 5 })).toEqual(['/a type']);
  expect(codes(text({}), { a: 'x\0' })).toEqual(['/a format']);
  expect(codes(text({}), { a: '\ud800' })).toEqual(['/a format']);
  expect(codes(text({ blank: false }), { a: ' \u3000\n' })).toEqual(['/a blank']);
  expect(codes(text({ enum: ['x'] }), { a: 'y' })).toEqual(['/a enum']);
  expect(codes(text({ format: 'uuid' }), { a: 'y' })).toEqual(['/a format']);
  expect(codes(text({ format: 'name' }), { a: 'a\u202eb' })).toEqual(['/a format']);
  const number: Shape = { type: 'object', properties: { n: { type: 'integer', minimum: 1, maximum: 100 } } };
  expect(codes(number, { n: '5' })).toEqual(['/n type']);
  expect(codes(number, { n: 1.5 })).toEqual(['/n type']);
  expect(codes(number, { n: 0 })).toEqual(['/n too_small']);
  expect(codes(number, { n: 2 ** 53 })).toEqual(['/n too_large']);
  expect(codes(number, { n: JSON.parse('1e400') })).toEqual(['/n too_large']);
  expect(codes(number, [])).toEqual([' type']);
});

test('null leaves an optional field out, and unknown fields fall away, __proto__ included', () => {
  const shape: Shape = { type: 'object', properties: { a: { type: 'string' }, e: { type: 'string', nullable: true } } };
  expect(check(shape, JSON.parse('{"a":null,"e":null,"x":1,"__proto__":{"a":"b"}}')) as object).toEqual({ e: null });
});

test('a query holds digits, booleans and lists, and what is empty is absent', () => {
  const shape: Shape = {
    type: 'object',
    properties: { n: { type: 'integer' }, b: { type: 'boolean' }, l: { type: 'array', items: { type: 'string' } }, e: { type: 'string' } },
  };
  expect(checkQuery(shape, new Map(Object.entries({ n: '05', b: 'true', l: 'x,y', e: '' }))) as object).toEqual({ n: 5, b: true, l: ['x', 'y'] });
  for (const bad of ['1e2', '0x10', '-1', '+1', ' 1']) expect(() => checkQuery(shape, new Map([['n', bad]]))).toThrow(AppError);
});

test('times are real moments with an offset, rounded up to the millisecond', () => {
  for (const good of ['2026-11-20T10:17:28Z', '2026-11-20t10:17:28.123456+02:00', '2024-02-29T00:00:00-11:30', '2016-12-31T23:59:60Z'])
    expect(isDateTime(good)).toBe(true);
  for (const bad of ['2026-11-20', '2026-11-20T10:17:28', '2026-02-30T00:00:00Z', '2026-13-01T00:00:00Z', '2026-01-01T24:00:00Z', 'now'])
    expect(isDateTime(bad)).toBe(false);
  expect(dateOf('2026-11-20T10:17:28.8300001Z').toISOString()).toBe('2026-11-20T10:17:28.831Z');
  expect(dateOf('2026-11-20T10:17:28.830000+00:00').toISOString()).toBe('2026-11-20T10:17:28.830Z');
  expect(dateOf('2016-12-31T23:59:60Z').toISOString()).toBe('2017-01-01T00:00:00.000Z');
});

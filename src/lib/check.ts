/**
 * Checks a value against a shape (the JSON Schema that model.ts writes with TypeBox) and names every field to blame,
 * for bodies, queries and socket commands alike. It never converts: `"5"` is no integer. Unknown fields fall away.
 *
 * Own code, because a general validator answers neither of the contract's questions: lengths in code points, null as
 * absent in optional fields, and one closed code per fault.
 */
import { type Issue, type IssueCode, invalid, issue } from '../errors.ts';

/** The part of JSON Schema that the models use. `blank: false` refuses what `trim()` leaves empty; `nullable` lets null through. */
export type Shape = {
  type?: string;
  properties?: Record<string, Shape>;
  required?: string[];
  items?: Shape;
  minItems?: number;
  maxItems?: number;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  enum?: readonly unknown[];
  pattern?: string;
  format?: string;
  blank?: boolean;
  nullable?: boolean;
};

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const RFC3339 = /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.\d+)?(?:[Zz]|[+-](\d{2}):(\d{2}))$/;
/** Control characters and the marks that turn the direction of text: in a name they let one person look like another. */
const HIDDEN = /[\p{Cc}\u2028\u2029\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]/u;

export const isUuid = (value: string): boolean => UUID.test(value);

/** Any RFC 3339 date-time with an offset that names a real day (ECMAScript's Date would roll 30 February over). */
export function isDateTime(value: string): boolean {
  const match = RFC3339.exec(value);
  if (!match) return false;
  const [year, month, day, hour, minute, second, offsetHour = 0, offsetMinute = 0] = match.slice(1).map((part) => Number(part ?? 0)) as number[];
  if (month! < 1 || month! > 12 || day! < 1 || day! > new Date(Date.UTC(2000 + (year! % 400), month!, 0)).getUTCDate()) return false;
  return hour! < 24 && minute! < 60 && second! <= 60 && offsetHour! < 24 && offsetMinute! < 60;
}

/**
 * The moment of a date-time, up to the next millisecond: stored times are whole milliseconds, and rounded up both `since`
 * (inclusive) and `until` (exclusive) keep their meaning. A leap second is the first moment of the next minute: POSIX time has
 * no other name for it.
 */
export function dateOf(value: string): Date {
  const text = value.replace(' ', 'T').toUpperCase();
  const leap = /^(.{17})60(.*)$/.exec(text);
  const time = leap ? new Date(`${leap[1]}59${leap[2]}`).getTime() + 1_000 : new Date(text).getTime();
  return new Date(/\.\d{3}\d*[1-9]/.test(text) ? time + 1 : time);
}

/** What a `format` asks of a text, and the form in which it is handed on. */
const FORMATS: Record<string, { test: (value: string) => boolean; says: string; hand?: (value: string) => string }> = {
  uuid: { test: isUuid, says: 'must be a UUID', hand: (value) => value.toLowerCase() },
  'date-time': { test: isDateTime, says: 'must be an RFC 3339 date-time with an offset', hand: (value) => dateOf(value).toISOString() },
  username: {
    // A deleted account is shown as `deleted`, so nobody else may be called so.
    test: (value) => /^[A-Za-z0-9_.+-]+$/.test(value) && value.toLowerCase() !== 'deleted',
    says: 'may hold A-Z a-z 0-9 _ . + - only, and must not be “deleted”',
  },
  email: { test: (value) => /^[^\s@]+@[^\s@]+\.[^\s@]+$/u.test(value), says: 'must look like name@example.org', hand: (value) => value.toLowerCase() },
  name: { test: (value) => !HIDDEN.test(value), says: 'must not hold control or bidi-override characters' },
  token: { test: (value) => /^[\x21-\x7e]+$/.test(value), says: 'may hold visible ASCII characters only' },
};

/** Lengths are those of JSON Schema: code points. A string of n units has at least n/2 of them, so most need no walk. */
const longerThan = (value: string, most: number): boolean => value.length > most && (value.length > 2 * most || codePoints(value) > most);

function codePoints(value: string): number {
  let count = 0;
  for (const _ of value) count++;
  return count;
}

function checkText(shape: Shape, value: string, pointer: string, found: Issue[]): string {
  const blame = (code: IssueCode, message: string) => void found.push(issue(pointer, code, message));
  const format = shape.format === undefined ? undefined : FORMATS[shape.format];
  if (!value.isWellFormed() || value.includes('\0')) blame('format', 'must be well-formed Unicode without U+0000');
  else if (shape.maxLength !== undefined && longerThan(value, shape.maxLength)) blame('too_long', `must have at most ${shape.maxLength} characters`);
  else if (shape.minLength !== undefined && value.length < 2 * shape.minLength && codePoints(value) < shape.minLength)
    blame('too_short', `must have at least ${shape.minLength} characters`);
  else if (shape.enum && !shape.enum.includes(value)) blame('enum', `must be one of ${shape.enum.join(', ')}`);
  else if (shape.blank === false && value.trim() === '') blame('blank', 'must not be blank');
  else if (shape.pattern !== undefined && !new RegExp(shape.pattern, 'u').test(value)) blame('format', `must match ${shape.pattern}`);
  else if (format && !format.test(value)) blame('format', format.says);
  else return format?.hand ? format.hand(value) : value;
  return value;
}

function checkNumber(shape: Shape, value: number, pointer: string, found: Issue[]): number {
  const blame = (code: IssueCode, message: string) => void found.push(issue(pointer, code, message));
  const most = Math.min(shape.maximum ?? Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  const least = Math.max(shape.minimum ?? Number.MIN_SAFE_INTEGER, Number.MIN_SAFE_INTEGER);
  if (value > most) blame('too_large', `must be at most ${most}`);
  else if (value < least) blame('too_small', `must be at least ${least}`);
  else if (!Number.isInteger(value)) blame('type', 'must be an integer');
  return value === 0 ? 0 : value;
}

function checkValue(shape: Shape, value: unknown, pointer: string, found: Issue[]): unknown {
  const wrong = () =>
    void found.push(
      issue(pointer, 'type', `must be ${shape.type === 'integer' || shape.type === 'object' || shape.type === 'array' ? 'an' : 'a'} ${shape.type}`),
    );
  switch (shape.type) {
    case 'string':
      return typeof value === 'string' ? checkText(shape, value, pointer, found) : wrong();
    case 'integer':
      return typeof value === 'number' ? checkNumber(shape, value, pointer, found) : wrong();
    case 'boolean':
      return typeof value === 'boolean' ? value : wrong();
    case 'array': {
      if (!Array.isArray(value)) return wrong();
      if (value.length > (shape.maxItems ?? Number.POSITIVE_INFINITY))
        return void found.push(issue(pointer, 'too_long', `must have at most ${shape.maxItems} items`));
      if (value.length < (shape.minItems ?? 0)) return void found.push(issue(pointer, 'too_short', `must have at least ${shape.minItems} items`));
      return value.map((item, at) => (shape.items ? checkValue(shape.items, item, `${pointer}/${at}`, found) : item));
    }
    case 'object':
      return value !== null && typeof value === 'object' && !Array.isArray(value)
        ? checkFields(shape, value as Record<string, unknown>, pointer, found)
        : wrong();
    default:
      return value;
  }
}

function checkFields(shape: Shape, value: Record<string, unknown>, pointer: string, found: Issue[]): Record<string, unknown> {
  const checked: Record<string, unknown> = {};
  for (const name in shape.properties) {
    const field = shape.properties[name]!;
    const given = Object.hasOwn(value, name) ? value[name] : undefined;
    const at = `${pointer}/${name}`;
    if (given === null && field.nullable) checked[name] = null;
    else if (given === undefined || given === null) {
      if (shape.required?.includes(name)) found.push(issue(at, 'required', 'is required'));
    } else checked[name] = checkValue(field, given, at, found);
  }
  return checked;
}

/** The fields of `shape` out of `value`, in the form in which services take them. Throws `invalid` naming every fault. */
export function check<T>(shape: Shape, value: unknown, pointer = ''): T {
  const found: Issue[] = [];
  const checked = checkValue(shape, value, pointer, found);
  if (found.length > 0) throw invalid(...found);
  return checked as T;
}

/** The value that a query parameter's text stands for, before `check`: integers are digits only, lists are comma-separated. */
function readParameter(shape: Shape, text: string): unknown {
  switch (shape.type) {
    case 'integer':
      return /^\d+$/.test(text) ? Number(text) : text;
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text;
    case 'array':
      return text.split(',').map((part) => (shape.items ? readParameter(shape.items, part) : part));
    default:
      return text;
  }
}

/** The same for a query: of repeated parameters the last counts, an empty value is none, unknown ones are ignored. */
export function checkQuery<T>(shape: Shape, query: Map<string, string>): T {
  const value: Record<string, unknown> = {};
  for (const name in shape.properties) {
    const text = query.get(name);
    if (text !== undefined && text !== '') value[name] = readParameter(shape.properties[name]!, text);
  }
  return check<T>(shape, value);
}

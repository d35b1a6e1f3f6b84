/** Who takes part: people with tokens minted ahead, and rooms that all of them are in. Made by `bun run bench`, named in CAST. */
import { SharedArray } from 'k6/data';

export const BASE = (__ENV.BASE_URL || 'http://127.0.0.1:3000').replace(/\/$/, '');
export const WS = BASE.replace(/^http/, 'ws');
export const RUN = __ENV.RUN || 'run';

function cast(part) {
  if (!__ENV.CAST) throw new Error('This script needs people with tokens: start it with `bun run bench`.');
  return JSON.parse(open(__ENV.CAST))[part] || [];
}

export const people = new SharedArray('people', () => cast('people'));
export const rooms = new SharedArray('rooms', () => cast('rooms'));
export const texts = new SharedArray('texts', () => cast('texts'));
/** Search terms by kind, rooms of the data set; one element, because a SharedArray is a list. */
export const dataset = new SharedArray('dataset', () => [cast('dataset')]);

export const number = (name, otherwise) => Number(__ENV[name] || otherwise);

/** `90s`, `2m` or a bare number of seconds, as seconds. */
export function seconds(name, otherwise) {
  const match = /^(\d+(?:\.\d+)?)(s|m|h)?$/.exec(__ENV[name] || otherwise);
  if (!match) throw new Error(`${name} is a time such as 30s or 5m`);
  return Number(match[1]) * { s: 1, m: 60, h: 3600 }[match[2] || 's'];
}

export const json = (person) => ({ headers: { Authorization: `Bearer ${person.accessToken}`, 'Content-Type': 'application/json' } });
export const bearer = (person) => ({ headers: { Authorization: `Bearer ${person.accessToken}` } });

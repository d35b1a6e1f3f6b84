/**
 * Who takes part: people with tokens minted ahead, and rooms that all of them are in. Made by `bun run bench`, named in CAST.
 * Touching an element of a SharedArray parses and freezes it anew, a sixth of all that a send cost k6; so each virtual user keeps what it touched.
 */
import { SharedArray } from 'k6/data';

export const BASE = (__ENV.BASE_URL || 'http://127.0.0.1:3000').replace(/\/$/, '');
export const API = `${BASE}/api/v1`;
export const WS = BASE.replace(/^http/, 'ws');
export const RUN = __ENV.RUN || 'run';

function cast(part) {
  if (!__ENV.CAST) throw new Error('This script needs people with tokens: start it with `bun run bench`.');
  return JSON.parse(open(__ENV.CAST))[part] || [];
}

/** `at(n)` begins again behind the last one. */
function shared(name, made) {
  const list = new SharedArray(name, made);
  const { length } = list;
  const own = new Map();
  return {
    length,
    at(n) {
      const place = n % length;
      let one = own.get(place);
      if (one === undefined) {
        one = list[place];
        own.set(place, one);
      }
      return one;
    },
  };
}

export const people = shared('people', () => cast('people'));
export const rooms = shared('rooms', () => cast('rooms'));
/** As JSON, with their quotes. */
export const texts = shared('texts', () => cast('texts').map((text) => JSON.stringify(text)));
/** Questions as query strings with their kinds. */
export const queries = shared('queries', () => cast('dataset').queries || []);
/** The last seq of each of `rooms` when the run began; 1,000 where it isn't known. */
export const heads = shared('heads', () => {
  const known = cast('dataset').heads || {};
  return cast('rooms').map((id) => known[id] || 1000);
});

export const number = (name, otherwise) => Number(__ENV[name] || otherwise);

/** `90s`, `2m` or a bare number of seconds, as seconds. */
export function seconds(name, otherwise) {
  const match = /^(\d+(?:\.\d+)?)(s|m|h)?$/.exec(__ENV[name] || otherwise);
  if (!match) throw new Error(`${name} is a time such as 30s or 5m`);
  return Number(match[1]) * { s: 1, m: 60, h: 3600 }[match[2] || 's'];
}

const made = new Map();

/** For a socket of person `at`. */
export const signedIn = (at) => ({ headers: as(at).headers });

/** What k6 needs to ask as person `at`; the same object each time. The body is read but thrown away unless `keepBody`. */
export function as(at, keepBody = false) {
  const key = keepBody ? -1 - (at % people.length) : at % people.length;
  let params = made.get(key);
  if (params === undefined) {
    const headers = { Authorization: `Bearer ${people.at(at).accessToken}`, 'Content-Type': 'application/json' };
    params = { headers, responseType: keepBody ? 'text' : 'none' };
    made.set(key, params);
  }
  return params;
}

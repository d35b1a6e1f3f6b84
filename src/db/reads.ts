/**
 * Which statements only read, judged by their text: those may be asked a second time when the connection was lost under them.
 * It knows what reads and takes everything else for a write: a new function is not asked twice until it is named here.
 */

/** Functions that read, besides those whose names are a single word, and those of drizzle/ that begin with parlour_. */
const READING = new Set([
  'clock_timestamp',
  'date_trunc',
  'gen_random_uuid',
  'generate_series',
  'json_agg',
  'jsonb_agg',
  'jsonb_build_object',
  'make_interval',
  'member_shape',
  'public_user',
  'room_shapes',
  'room_standing',
  'rooms_of',
  'row_number',
  'session_standings',
  'starts_with',
  'ts_rank',
  'wire_time',
]);

/** Also as parts of CTEs; `for update` and its kind lock, which a read that is asked twice has no business to do. */
const WRITING = /\b(insert|update|delete|merge|truncate|lock|share|into|call|do|copy|nextval|setval|lowrite)\b/i;
const CALLED = /\b([a-z0-9]+_[a-z0-9_]*)"?\s*\(/gi;

/** Whether this text, with all of its fragments, reads and does nothing else. */
export function onlyReads(text: string): boolean {
  if (!/^\s*(explain \(format json\)\s)?\s*\(?\s*(select|with|values)\b/i.test(text) || WRITING.test(text)) return false;
  for (const [, name] of text.matchAll(CALLED)) if (!READING.has(name!.toLowerCase()) && !name!.startsWith('parlour_')) return false;
  return true;
}

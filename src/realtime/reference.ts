/**
 * The reference page of the socket protocol, made from the vocabulary in model.ts, so that it can't say anything else. The inner
 * HTML of a page; it knows no socket and no person.
 */
import { CLOSE_REASONS, COMMANDS, FRAMES, RATE_OF } from './model.ts';

type Schema = {
  $id?: string;
  type?: string;
  enum?: readonly unknown[];
  format?: string;
  properties?: Record<string, Schema>;
  patternProperties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  anyOf?: Schema[];
  oneOf?: Schema[];
  nullable?: boolean;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maxItems?: number;
};

const html = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

/** A shape in a few words: `integer ≥ 0`, `"left" | "removed"`, `Message`. */
function words(schema: Schema): string {
  if (schema.$id) return `<a href="/openapi.json">${schema.$id}</a>${schema.nullable ? ' | null' : ''}`;
  if (schema.anyOf?.some(({ type }) => type === 'integer')) return words(schema.anyOf.find(({ type }) => type === 'integer')!);
  if (schema.oneOf) return schema.oneOf.map(words).join(' | ');
  if (schema.enum) return schema.enum.map((value) => html(JSON.stringify(value))).join(' | ');
  if (schema.type === 'array') return `[ ${words(schema.items ?? {})}, … ]${schema.maxItems ? ` (at most ${schema.maxItems})` : ''}`;
  if (schema.patternProperties) return `{ [id]: ${words(Object.values(schema.patternProperties)[0]!)} }`;
  if (schema.properties) return `{ ${fields(schema, []).join(', ')} }`;
  const bounds = [
    schema.minimum === undefined ? '' : `≥ ${schema.minimum}`,
    schema.maxLength === undefined ? '' : `${schema.minLength ?? 0}..${schema.maxLength} characters`,
  ].filter(Boolean);
  return (
    [schema.format === 'uuid' ? 'uuid' : schema.format === 'date-time' ? 'time' : (schema.type ?? 'any'), ...bounds].join(' ') +
    (schema.nullable ? ' | null' : '')
  );
}

const fields = ({ properties = {}, required = [] }: Schema, without: readonly string[]): string[] =>
  Object.entries(properties)
    .filter(([name]) => !without.includes(name))
    .map(([name, schema]) => `<code>${name}${required.includes(name) ? '' : '?'}</code>: ${words(schema)}`);

const rows = (shapes: Record<string, unknown>, more: (type: string) => string): string =>
  Object.entries(shapes)
    .map(([type, shape]) => `<tr><th><code>${type}</code></th><td>${fields(shape as Schema, ['type']).join('<br>')}</td><td>${more(type)}</td></tr>`)
    .join('\n');

const closes = Object.entries(CLOSE_REASONS)
  .map(([code, reason]) => `<tr><th>${code}</th><td>${html(reason)}</td></tr>`)
  .join('\n');

export const socketReference = `
<h1>The socket protocol, chat.v1</h1>
<p><code>GET /ws</code> carries all rooms of a person, <code>GET /ws/chat/:roomId?after=&amp;epoch=</code> one room. JSON text frames of at most 64 KiB,
subprotocol <code>chat.v1</code>. <code>hello</code> comes first; then a proof of identity: <code>Authorization: Bearer</code> or <code>?ticket=</code>
(POST /api/v1/auth/tickets) with the upgrade, or <code>auth</code> as the first frame within ten seconds; then <code>ready</code>.</p>
<p>A client keeps, for each room, its cursor: the seq of the last durable event, of <code>synced</code>, or the end of a <code>gap</code>. After a lost
connection it subscribes with <code>after</code> and <code>epoch</code> and gets exactly what it missed, or a <code>gap</code> that says where to fetch it.
It answers <code>ping</code> with <code>pong</code>, and when one of its <code>heads</code> is above the cursor, it subscribes again.</p>
<h2>What a client says</h2>
<p>Each command may carry an <code>id</code> (an integer, or a string of 1 to 64 characters) and then gets exactly one <code>ok</code> or <code>error</code>
with it. Without an id only failures are answered. In a socket for one room <code>roomId</code> may be left out.</p>
<table><tr><th>type</th><th>fields</th><th>rate</th></tr>
${rows(COMMANDS, (type) => RATE_OF[type as keyof typeof RATE_OF] ?? 'free')}
</table>
<h2>What the server says</h2>
<p>Shapes with a name are those of the REST reference. Types and keys that a client doesn't know are to be ignored.</p>
<table><tr><th>type</th><th>fields</th><th></th></tr>
${rows(FRAMES, (type) => (type.startsWith('m') || type === 'room.updated' ? 'durable' : ''))}
</table>
<h2>Close codes</h2>
<p>4000 to 4499: reconnect and resume. 4500 to 4999: don't. Below 4000: reconnect, except after 1003, 1007 and 1009.</p>
<table>
${closes}
</table>`;

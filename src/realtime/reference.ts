/** The reference page of the socket protocol, as the inner HTML of a page: made from the vocabulary of model.ts, so that it can't drift. */
import { CLOSE_REASONS, COMMANDS, FRAMES, PROTOCOL, RATE_OF } from './model.ts';

type Shape = {
  $id?: string;
  type?: string | string[];
  properties?: Record<string, Shape>;
  required?: string[];
  items?: Shape;
  enum?: readonly unknown[];
  format?: string;
  nullable?: boolean;
  oneOf?: Shape[];
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maxItems?: number;
};

const escaped = (text: string): string => text.replace(/[&<>]/g, (character) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[character]!);

/** What may stand in one place, in a few words. */
function words(shape: Shape): string {
  if (shape.$id) return `<a href="/docs#/">${shape.$id}</a>`;
  if (shape.oneOf) return shape.oneOf.map(words).join(' or ');
  if (shape.enum) return shape.enum.map((value) => JSON.stringify(value)).join(' | ');
  const bounds = [
    shape.minLength === undefined ? '' : `at least ${shape.minLength}`,
    shape.maxLength === undefined ? '' : `at most ${shape.maxLength} characters`,
    shape.minimum === undefined ? '' : `from ${shape.minimum}`,
    shape.maxItems === undefined ? '' : `at most ${shape.maxItems}`,
  ].filter(Boolean);
  const name = shape.format === 'uuid' ? 'id' : shape.format === 'date-time' ? 'time' : String(shape.type ?? 'object');
  const whole = shape.items ? `list of ${words(shape.items)}` : shape.properties ? `{ ${Object.keys(shape.properties).join(', ')} }` : name;
  return whole + (bounds.length > 0 ? ` (${bounds.join(', ')})` : '') + (shape.nullable ? ' or null' : '');
}

function table(shape: Shape): string {
  const rows = Object.entries(shape.properties ?? {}).filter(([name]) => name !== 'type');
  if (rows.length === 0) return '<p>No fields.</p>';
  const line = ([name, field]: [string, Shape]) => `<tr><td><code>${name}${shape.required?.includes(name) ? '' : '?'}</code></td><td>${words(field)}</td></tr>`;
  return `<table>${rows.map(line).join('')}</table>`;
}

const section = (name: string, shape: unknown, note: string): string => `<h3 id="${name}"><code>${name}</code></h3>${note}${table(shape as Shape)}`;

const EXAMPLE = `→ {"type":"auth","token":"eyJ…","id":1}
← {"type":"ready","user":{…},"sessionId":"…","expiresAt":"…","rooms":[{"roomId":"r1","epoch":"e1","lastSeq":42,"readSeq":40}],"next":null}
← {"type":"ok","id":1}
→ {"type":"subscribe","id":2,"rooms":[{"roomId":"r1","after":40,"epoch":"e1"}]}
← {"type":"message.created","roomId":"r1","seq":41, …}
← {"type":"message.created","roomId":"r1","seq":42, …}
← {"type":"synced","roomId":"r1","epoch":"e1","seq":42}
← {"type":"ok","id":2}
→ {"type":"message.send","id":3,"roomId":"r1","content":"hello","clientMessageId":"a-1"}
← {"type":"message.created","roomId":"r1","seq":43, …}
← {"type":"ok","id":3,"seq":43,"message":{…}}`;

const commands = Object.entries(COMMANDS).map(([name, shape]) =>
  section(
    name,
    shape,
    `<p>${RATE_OF[name as keyof typeof COMMANDS] ? `Counts against the class <code>${RATE_OF[name as keyof typeof COMMANDS]}</code>.` : 'Not counted.'}</p>`,
  ),
);
const frames = Object.entries(FRAMES).map(([name, shape]) => section(name, shape, ''));
const closes = Object.entries(CLOSE_REASONS).map(([code, why]) => `<tr><td><code>${code}</code></td><td>${escaped(why)}</td></tr>`);

export const socketReference = `<h1>The socket protocol, <code>${PROTOCOL}</code></h1>
<p>Open <code>GET /ws</code> for all rooms, or <code>GET /ws/chat/:roomId?after=&amp;epoch=</code> for one. Frames are JSON objects in text frames of at
most 64 KiB. <code>hello</code> comes first; then prove who you are: an <code>Authorization</code> header on the upgrade, <code>?ticket=</code> of
<code>POST /api/v1/auth/tickets</code>, or the first frame <code>auth</code>. <a href="/docs">REST reference</a></p>
<pre>${EXAMPLE}</pre>
<p>A client's cursor of a room moves with durable events, <code>synced</code> and <code>gap</code>, never with <code>ok</code>. After a reconnect, subscribe
with <code>after</code> and <code>epoch</code>: exactly what was missed comes, or one <code>gap</code> that says where to fetch it. Closed with 4000–4499:
reconnect and resume; with 4500–4999: don't.</p>
<h2>What a client says</h2><p>Each may carry <code>id</code>, an integer or a text of 1 to 64 characters, and then gets exactly one <code>ok</code> or <code>error</code> with it.</p>
${commands.join('')}
<h2>What the server says</h2>${frames.join('')}
<h2>Close codes</h2><table>${closes.join('')}</table>`;

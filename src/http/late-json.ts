/** Answers in JSON that are made later than in the tick in which their request came. */

/** Up to here Bun gathers head and body of a late answer into one write (16,384 bytes less 1,024 for the head, in Bun 1.4). */
const GATHERED_BYTES = 15_360;
/** Of a UTF-16 unit in UTF-8. */
const MOST_BYTES = 3;

/**
 * As `Response.json`, with Content-Length. Beyond 15 kB Bun writes each name, colon and value of a late answer's headers on its own, 24 calls of the
 * kernel and as many packets, a fifth of what a page of history cost; a stream whose end is known before anything of it is written goes
 * out like a small answer. Not for HEAD, where Bun tells the length of a text and not that of a stream.
 */
export function lateJson(value: unknown, init: ResponseInit): Response {
  const text = JSON.stringify(value);
  const most = text.length * MOST_BYTES;
  if (most < GATHERED_BYTES || Buffer.byteLength(text) < GATHERED_BYTES) return new Response(text, init);
  const source: Bun.DirectUnderlyingSource<string> = {
    type: 'direct',
    pull(sink) {
      sink.write(text);
      sink.end();
    },
  };
  // Bun's own kind of source; the mark keeps it from being written, chunk by chunk, before its end is known.
  return new Response(new ReadableStream(source as never, { highWaterMark: most }), init);
}

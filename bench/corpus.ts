/**
 * Turns a chat corpus of tab-separated lines (room, time, nickname, text) into the JSON lines of `parlour import`:
 *   zcat irc.tsv.gz | bun bench/corpus.ts | bun run parlour import -
 * A line's place within its room is its id, so that importing again adds nothing.
 */
const decoder = new TextDecoder();
const lines = new Map<string, number>();
let rest = '';
let out = '';

function convert(line: string): void {
  const [room, at, sender, ...text] = line.split('\t');
  if (!room || !at || !sender) return;
  const number = (lines.get(room) ?? 0) + 1;
  lines.set(room, number);
  out += `${JSON.stringify({ room, sender, content: text.join('\t'), at, id: `line-${number}` })}\n`;
}

for await (const chunk of Bun.stdin.stream()) {
  const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n');
  rest = parts.pop() ?? '';
  for (const line of parts) convert(line);
  process.stdout.write(out);
  out = '';
}
convert(rest);
process.stdout.write(out);

export {};

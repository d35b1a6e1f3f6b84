/**
 * `parlour import FILE|-`: history of another system from JSON lines. Messages go the way of all sends (the writer, one SQL
 * function), with their own times; what the file names and Parlour lacks is made. A line is taken or reported, never both.
 */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { AppError } from '../errors.ts';
import { withServices } from './open.ts';
import { createHistory, type Entry, type Totals } from './history.ts';
import { parseLine } from './import-line.ts';
import { progress } from './progress.ts';
import { readArgs, say, UsageError } from './terms.ts';

/** Lines whose people and memberships are made together, ahead of their messages. */
const CHUNK = 1_000;

export function importCommand(args: string[]): Promise<number> {
  const [path] = readArgs(args, {}, ['FILE']).positionals;
  return withServices(async (services) => {
    const totals: Totals = { rooms: 0, users: 0, messages: 0, skipped: 0 };
    const skip = (line: number, why: string): void => {
      totals.skipped++;
      bar.aside(`line ${line}: ${why}`);
    };
    const history = createHistory(services, totals, skip);
    const { stream, bytes } = await source(path);
    const bar = progress(bytes);
    let read = 0;
    let number = 0;
    let chunk: Entry[] = [];
    for await (const line of linesOf(stream)) {
      number++;
      read += line.bytes;
      if (line.text.trim() === '') continue;
      const parsed = parseLine(line.text);
      if ('problem' in parsed) skip(number, parsed.problem);
      else chunk.push({ ...parsed, line: number });
      if (chunk.length < CHUNK) continue;
      await history.add(chunk);
      chunk = [];
      bar.show(read, totals.messages);
    }
    await history.add(chunk);
    bar.end(totals.messages);
    say(totals);
    return totals.skipped > 0 ? 1 : 0;
  });
}

async function source(path: string): Promise<{ stream: AsyncIterable<Uint8Array>; bytes: number | undefined }> {
  if (path === '-') return { stream: process.stdin as AsyncIterable<Uint8Array>, bytes: undefined };
  try {
    const file = await open(path);
    const { size } = await file.stat();
    await file.close();
    return { stream: createReadStream(path, { highWaterMark: 1 << 18 }), bytes: size };
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'ENOENT'
      ? new UsageError(`there is no file ${JSON.stringify(path)}`)
      : new AppError('invalid', (error as Error).message);
  }
}

/** Lines without their ends, decoded whole, so that no character is cut by a chunk's border. A byte order mark at the start is not part of the first. */
async function* linesOf(stream: AsyncIterable<Uint8Array>): AsyncGenerator<{ text: string; bytes: number }> {
  let rest = Buffer.alloc(0);
  let first = true;
  const decode = (bytes: Uint8Array): { text: string; bytes: number } => {
    const text = Buffer.from(bytes).toString('utf8').replace(/\r$/, '');
    const bare = first && text.startsWith('\ufeff') ? text.slice(1) : text;
    first = false;
    return { text: bare, bytes: bytes.length + 1 };
  };
  for await (const chunk of stream) {
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    let from = 0;
    for (let end = bytes.indexOf(10, from); end !== -1; end = bytes.indexOf(10, from)) {
      yield decode(bytes.subarray(from, end));
      from = end + 1;
    }
    rest = Buffer.from(bytes.subarray(from));
  }
  if (rest.length > 0) yield decode(rest);
}

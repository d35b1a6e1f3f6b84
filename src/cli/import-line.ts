/** One line of an import: what it says, or what is wrong with it. Pure. */
import { type Shape, check } from '../lib/check.ts';
import { AppError } from '../errors.ts';
import { SendMessage } from '../messages/model.ts';
import { CreateRoom } from '../rooms/model.ts';
import { USERNAME_MAX, USERNAME_MIN } from '../limits.ts';
import { isDateTime } from '../lib/check.ts';

export type Line = { room: string; username: string; content: string; at: string | null; clientMessageId: string | null };

/** Content, room name and id are checked as sends and new rooms are. */
export function parseLine(text: string): Line | { problem: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { problem: 'is not JSON' };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { problem: 'is not a JSON object' };
  const { room, sender, content, at = null, id = null } = value as Record<string, unknown>;
  if (typeof sender !== 'string' || sender === '') return { problem: 'sender: must be a name' };
  if (!sender.isWellFormed()) return { problem: 'sender: must be well-formed Unicode' };
  if (typeof room !== 'string') return { problem: 'room: must be a name' };
  if (at !== null && (typeof at !== 'string' || !isDateTime(at))) return { problem: 'at: must be an RFC 3339 date-time with an offset' };
  try {
    const { name } = check<{ name: string }>(CreateRoom as Shape, { name: room });
    const { content: said, clientMessageId } = check<{ content: string; clientMessageId?: string }>(SendMessage as Shape, {
      content,
      ...(id === null ? {} : { clientMessageId: id }),
    });
    const time = at === null ? null : new Date(at).toISOString();
    return { room: name, username: usernameFor(sender), content: said, at: time, clientMessageId: clientMessageId ?? null };
  } catch (error) {
    if (!(error instanceof AppError) || !error.issues) throw error;
    const names: Record<string, string> = { '/name': 'room', '/clientMessageId': 'id', '/content': 'content' };
    return { problem: error.issues.map(({ pointer, message }) => `${names[pointer] ?? pointer}: ${message}`).join('; ') };
  }
}

/** A sender's name as a username: what it may not have becomes `_`, shorter ones are filled up with `_`, longer ones are cut. */
export function usernameFor(sender: string): string {
  const name = [...sender]
    .map((character) => (/^[A-Za-z0-9_.+-]$/.test(character) ? character : '_'))
    .join('')
    .slice(0, USERNAME_MAX)
    .padEnd(USERNAME_MIN, '_');
  // That is what everybody who was deleted is called.
  return name.toLowerCase() === 'deleted' ? `${name}_` : name;
}

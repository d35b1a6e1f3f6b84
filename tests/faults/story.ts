/** Gathers what the checker reads: logs and members from Postgres, streams and problems from readers. It changes nothing. */
import type { Sql } from '../../src/db/client.ts';
import type { Reader } from '../support/client.ts';
import { type Acknowledged, type Entry, type Verdict, check } from './checker.ts';

/** The whole log of these rooms, as it is stored. */
export async function readLogs(sql: Sql, roomIds: readonly string[]): Promise<Map<string, Entry[]>> {
  const rows = await sql<Entry & { roomId: string }>`
    select room_id as "roomId", seq, 'message.created' as type, id as "messageId", sender_id as "senderId", client_message_id as "clientMessageId",
      null as "leaverId", null as "joinerId"
    from messages where room_id = any(${roomIds}::uuid[])
    union all
    select room_id, seq, type, message_id, null, null,
      case when type = 'member.left' then payload -> 'member' -> 'user' ->> 'id' end,
      case when type = 'member.joined' then payload -> 'member' -> 'user' ->> 'id' end
    from room_events where room_id = any(${roomIds}::uuid[])
    order by "roomId", seq`;
  const logs = new Map<string, Entry[]>(roomIds.map((roomId) => [roomId, []]));
  for (const { roomId, messageId, leaverId, joinerId, ...row } of rows) {
    logs.get(roomId)!.push({ ...row, messageId: messageId ?? undefined, leaverId: leaverId ?? undefined, joinerId: joinerId ?? undefined });
  }
  return logs;
}

export async function readMembers(sql: Sql, roomIds: readonly string[]): Promise<Map<string, Set<string>>> {
  const members = new Map<string, Set<string>>(roomIds.map((roomId) => [roomId, new Set()]));
  const rows = await sql<{ roomId: string; userId: string }>`
    select room_id as "roomId", user_id as "userId" from memberships where room_id = any(${roomIds}::uuid[])`;
  for (const { roomId, userId } of rows) members.get(roomId)!.add(userId);
  return members;
}

/** Waits until every reader who is a member and follows a room is at its end, then judges everything. */
export async function judge(
  sql: Sql,
  {
    roomIds,
    readers,
    acknowledged,
    limitMs = 5_000,
  }: { roomIds: readonly string[]; readers: readonly Reader[]; acknowledged: readonly Acknowledged[]; limitMs?: number },
): Promise<Verdict & { logs: Map<string, Entry[]> }> {
  const [logs, members] = [await readLogs(sql, roomIds), await readMembers(sql, roomIds)];
  const late: string[] = [];
  await Promise.all(
    readers.flatMap((reader) =>
      [...reader.rooms.keys()]
        .filter((roomId) => members.get(roomId)?.has(reader.who.id))
        .map((roomId) => reader.reaches(roomId, logs.get(roomId)!.length, limitMs).catch((error) => void late.push(String(error)))),
    ),
  );
  // What should not have come would have come before this answer.
  await Promise.all(readers.map((reader) => reader.ask('ping').catch(() => {})));
  const verdict = check({ acknowledged, logs, members, streams: readers.flatMap((reader) => reader.streams()) });
  return { ...verdict, problems: [...verdict.problems, ...late, ...readers.flatMap(({ problems }) => problems)], logs };
}

-- R5's limit, for pgbench: one durable message at a time into the same tables with the same guarantees: the sender is a member, the
-- seq is the room's next one without holes, an id of the client's is used once, all indexes are kept. 16 clients, prepared.
\set room random(1, :rooms)
\set text random(1, :texts)
with raised as (
  update rooms r set last_seq = r.last_seq + 1, message_count = r.message_count + 1, last_activity_at = now()
  from bench_rooms b join memberships s on s.room_id = b.id and s.user_id = b.sender_id
  where b.n = :room and r.id = b.id
  returning r.id, r.last_seq, b.sender_id
)
insert into messages (id, room_id, seq, sender_id, client_message_id, request_hash, content)
select gen_random_uuid(), r.id, r.last_seq, r.sender_id, 'pgbench-' || gen_random_uuid(), sha256(convert_to(t.content, 'UTF8')), t.content
from raised r, bench_texts t where t.n = :text
returning id, seq, created_at;

-- The write path: one call writes a batch of sends. Lock first, look second: the first statement takes the rooms in one
-- order for everyone, so waits happen there and nowhere else; the second one has a newer snapshot, in which nothing that
-- decides an outcome can change any more. A seq is raised only by the number of rows that are really written.
-- Outcomes: stored · duplicate (the row as it is now) · conflict · stranger (no member; also: no such room) · forbidden
-- (the other person of a direct conversation is gone) · invalid_reply · retry_alone (its twin in the batch was not stored).
-- p_again: the same batch once more, because the connection was lost under it; what it wrote then is `stored` now as well.
-- enable_seqscan is off because a plan that was cached while the tables were empty is kept, at half the speed.
create function append_messages(p_ids uuid[], p_rooms uuid[], p_senders uuid[], p_client_ids text[], p_contents text[], p_replies uuid[], p_ats timestamptz[], p_again boolean)
returns table (ord int, outcome text, id uuid, seq bigint, epoch text, created_at timestamptz, updated_at timestamptz, edited_at timestamptz,
  deleted_at timestamptz, content text, username text, first_name text, last_name text, member_count int)
language plpgsql volatile set enable_seqscan = off as $$
#variable_conflict use_column
declare
  v_now timestamptz(3);
begin
  perform from rooms r where r.id = any(p_rooms) order by r.id for no key update;
  v_now := clock_timestamp();
  return query
  with input as materialized (
    select i.*, case when i.client_id is not null then sha256(convert_to(i.content || chr(1) || coalesce(i.reply_to::text, ''), 'UTF8')) end as hash
    from unnest(p_ids, p_rooms, p_senders, p_client_ids, p_contents, p_replies, p_ats) with ordinality
      as i(id, room_id, sender_id, client_id, content, reply_to, at, ord)
  ), judged as materialized (
    select i.*, m.user_id is not null as is_member, r.kind = 'direct' and r.member_count < 2 as alone, r.epoch, r.member_count,
      i.reply_to is not null and not exists (select from messages p where p.id = i.reply_to and p.room_id = i.room_id) as bad_reply,
      d.id as first_id, d.request_hash as first_hash, o.id as own_id,
      row_number() over same as nth, first_value(i.id) over same as twin, first_value(i.hash) over same as twin_hash
    from input i
    left join rooms r on r.id = i.room_id
    left join memberships m on m.room_id = i.room_id and m.user_id = i.sender_id
    left join messages d on d.room_id = i.room_id and d.sender_id = i.sender_id and d.client_message_id = i.client_id and d.client_message_id is not null
      and (not p_again or d.id <> i.id)
    left join messages o on p_again and o.id = i.id and o.room_id = i.room_id
    window same as (partition by i.room_id, i.sender_id, coalesce(i.client_id, i.id::text) order by i.ord)
  ), fresh as materialized (
    select j.*, row_number() over (partition by j.room_id order by j.ord) as k
    from judged j where j.is_member and not j.alone and not j.bad_reply and j.first_id is null and j.own_id is null and j.nth = 1
  ), raised as (
    update rooms r set last_seq = r.last_seq + c.n, message_count = r.message_count + c.n, last_activity_at = greatest(r.last_activity_at, c.at)
    from (select f.room_id, count(*)::int as n, max(coalesce(f.at, v_now)) as at from fresh f group by 1) c where r.id = c.room_id
    returning r.id, r.last_seq - c.n as base
  ), stored as (
    insert into messages (id, room_id, seq, sender_id, client_message_id, request_hash, content, reply_to, created_at, updated_at)
    select f.id, f.room_id, r.base + f.k, f.sender_id, f.client_id, f.hash, f.content, f.reply_to, coalesce(f.at, v_now), coalesce(f.at, v_now)
    from fresh f join raised r on r.id = f.room_id
    returning id, seq, created_at
  )
  select j.ord::int,
    case when j.own_id is not null then 'stored'
         when not j.is_member then 'stranger'
         when j.first_id is not null then case when j.first_hash = j.hash then 'duplicate' else 'conflict' end
         when j.alone then 'forbidden'
         when j.nth > 1 then case when t.id is null then 'retry_alone' when j.twin_hash = j.hash then 'duplicate' else 'conflict' end
         when j.bad_reply then 'invalid_reply'
         else 'stored' end,
    coalesce(s.id, d.id, t.id), coalesce(s.seq, d.seq, t.seq), j.epoch,
    coalesce(s.created_at, d.created_at, t.created_at), coalesce(s.created_at, d.updated_at, t.created_at), d.edited_at, d.deleted_at, d.content,
    u.username, u.first_name, u.last_name, j.member_count
  from judged j
  left join users u on u.id = j.sender_id
  left join messages d on d.id = coalesce(j.own_id, j.first_id)
  left join stored s on s.id = j.id
  left join stored t on t.id = j.twin and j.nth > 1
  order by j.ord;
end $$;

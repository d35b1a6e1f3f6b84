-- The write path: one call writes a batch of sends. Lock first, look second: the first statement takes the rooms in one
-- order for everyone, so waits happen there and nowhere else; the second one has a newer snapshot, in which nothing that
-- decides an outcome can change any more. A seq is raised only by the number of rows that are really written.
-- Outcomes: stored · duplicate (the row as it is now) · conflict · stranger (no member; also: no such room) · forbidden
-- (the other person of a direct conversation is gone) · invalid_reply · retry_alone (its twin in the batch was not stored).
-- p_again: the same batch once more, because the connection was lost under it; what it wrote then is `stored` now as well.
-- Its plan is made once a connection: weighed against each batch's own, which looks cheaper for the fewer rows it knows of, it was made
-- anew for every call, at half the price of the call. So it must be right for tables of any size, also when they were empty as it was
-- made and reading an index through looked as cheap as one entry of it: every lookup is fenced by `offset 0`, and scans are off.
create or replace function append_messages(p_ids uuid[], p_rooms uuid[], p_senders uuid[], p_client_ids text[], p_contents text[], p_replies uuid[], p_ats timestamptz[], p_again boolean)
returns table (ord int, outcome text, id uuid, seq bigint, epoch text, created_at timestamptz, updated_at timestamptz, edited_at timestamptz,
  deleted_at timestamptz, content text, username text, first_name text, last_name text, member_count int)
language plpgsql volatile set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_mergejoin = off as $$
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
  ), looked as materialized (
    select i.*, m.user_id is not null as is_member, r.kind = 'direct' and r.member_count < 2 as alone, r.epoch, r.member_count, r.last_seq as base,
      i.reply_to is not null and p.id is null as bad_reply, d.id as first_id, d.request_hash as first_hash, o.id as own_id,
      row_number() over same as nth, first_value(i.hash) over same as twin_hash
    from input i
    left join lateral (select r.kind, r.member_count, r.epoch, r.last_seq from rooms r where r.id = i.room_id offset 0) r on true
    left join lateral (select m.user_id from memberships m where m.room_id = i.room_id and m.user_id = i.sender_id offset 0) m on true
    left join lateral (
      select d.id, d.request_hash from messages d
      where d.room_id = i.room_id and d.sender_id = i.sender_id and d.client_message_id = i.client_id and d.client_message_id is not null
        and (not p_again or d.id <> i.id) offset 0
    ) d on true
    left join lateral (select o.id from messages o where p_again and o.id = i.id and o.room_id = i.room_id offset 0) o on true
    left join lateral (select p.id from messages p where p.id = i.reply_to and p.room_id = i.room_id offset 0) p on true
    window same as (partition by i.room_id, i.sender_id, coalesce(i.client_id, i.id::text) order by i.ord)
  ), judged as materialized (
    -- The room is locked, so its last seq is what the new rows follow, and their rank among them is known before they are written.
    select j.*, case when j.fresh then sum(j.fresh::int) over (partition by j.room_id order by j.ord) end as rank
    from (select l.*, l.is_member and not l.alone and not l.bad_reply and l.first_id is null and l.own_id is null and l.nth = 1 as fresh from looked l) j
  ), raised as (
    update rooms r set last_seq = r.last_seq + c.n, message_count = r.message_count + c.n, last_activity_at = greatest(r.last_activity_at, c.at)
    from (select j.room_id, max(j.rank)::int as n, max(coalesce(j.at, v_now)) as at from judged j where j.fresh group by 1) c
    where r.id = c.room_id and r.id = any(p_rooms)
  ), stored as (
    insert into messages (id, room_id, seq, sender_id, client_message_id, request_hash, content, reply_to, created_at, updated_at)
    select j.id, j.room_id, j.base + j.rank, j.sender_id, j.client_id, j.hash, j.content, j.reply_to, coalesce(j.at, v_now), coalesce(j.at, v_now)
    from judged j where j.fresh order by j.ord
  ), told as (
    -- A repeat within the batch speaks of its twin, if that was stored.
    select j.*, coalesce(j.rank, first_value(j.rank) over twins) as seq_rank,
      case when j.fresh then j.id else first_value(j.id) over twins end as seq_id, coalesce(j.at, first_value(j.at) over twins, v_now) as seq_at,
      j.nth > 1 and first_value(j.rank) over twins is null as orphan
    from judged j
    window twins as (partition by j.room_id, j.sender_id, coalesce(j.client_id, j.id::text) order by j.ord)
  )
  select j.ord::int,
    case when j.own_id is not null then 'stored'
         when not j.is_member then 'stranger'
         when j.first_id is not null then case when j.first_hash = j.hash then 'duplicate' else 'conflict' end
         when j.alone then 'forbidden'
         when j.nth > 1 then case when j.orphan then 'retry_alone' when j.twin_hash = j.hash then 'duplicate' else 'conflict' end
         when j.bad_reply then 'invalid_reply'
         else 'stored' end,
    coalesce(d.id, j.seq_id), coalesce(d.seq, j.base + j.seq_rank), j.epoch,
    coalesce(d.created_at, j.seq_at), coalesce(d.updated_at, j.seq_at), d.edited_at, d.deleted_at, d.content,
    u.username, u.first_name, u.last_name, j.member_count
  from told j
  left join lateral (select u.username, u.first_name, u.last_name from users u where u.id = j.sender_id offset 0) u on true
  left join lateral (
    select d.id, d.seq, d.created_at, d.updated_at, d.edited_at, d.deleted_at, d.content from messages d where d.id = coalesce(j.own_id, j.first_id) offset 0
  ) d on true
  order by j.ord;
end $$;

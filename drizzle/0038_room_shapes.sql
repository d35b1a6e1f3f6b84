-- Rooms as one person sees them, in the order of p_rooms: his own membership, what is unread (others' messages behind his
-- marker, counted to p_most), the newest message and, in a conversation, the other person. For the rows of one page.
-- Every look-up is a walk on one index, for few rows; the planner may not choose otherwise, because with tables that were
-- empty when it looked, or with many unread messages, it reads them all (5 s instead of 5 ms, measured).
create function room_shapes(p_viewer uuid, p_rooms uuid[], p_most int)
returns table (id uuid, kind text, name text, description text, visibility text, owner_id uuid, peer json, epoch text, last_seq bigint,
  member_count int, message_count int, created_at timestamptz, updated_at timestamptz, last_activity_at timestamptz,
  role text, read_seq bigint, unread int, last_message json)
language plpgsql stable set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
begin
  return query
  select r.id, r.kind, r.name, r.description, r.visibility, r.owner_id, other.person, r.epoch, r.last_seq,
    r.member_count, r.message_count, r.created_at, r.updated_at, r.last_activity_at,
    me.role, me.read_seq, others.unread, newest.message
  from unnest(p_rooms) with ordinality as w(room_id, ord)
  join rooms r on r.id = w.room_id
  left join memberships me on me.room_id = r.id and me.user_id = p_viewer
  left join lateral (
    select public_user(u) as person from users u
    where u.id = (case when left(r.direct_key, 36) = p_viewer::text then right(r.direct_key, 36) else left(r.direct_key, 36) end)::uuid
  ) other on r.kind = 'direct'
  left join lateral (
    select count(*)::int as unread from (
      select from messages m where m.room_id = r.id and m.seq > me.read_seq and m.sender_id <> p_viewer and m.deleted_at is null limit p_most
    ) counted
  ) others on me.role is not null
  left join lateral (
    select json_build_object('id', m.id, 'roomId', m.room_id, 'seq', m.seq, 'sender', public_user(u), 'content', m.content, 'replyTo', m.reply_to,
      'clientMessageId', m.client_message_id, 'createdAt', wire_time(m.created_at), 'updatedAt', wire_time(m.updated_at),
      'editedAt', wire_time(m.edited_at), 'deletedAt', wire_time(m.deleted_at)) as message
    from (select x.* from messages x where x.room_id = r.id order by x.seq desc limit 1) m join users u on u.id = m.sender_id
  ) newest on me.role is not null
  order by w.ord;
end $$;

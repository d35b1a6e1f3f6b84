-- The one way into a room that exists: a membership, its event and its seq. For the functions that decide who may come in:
-- they hold the room's lock and have seen that he is no member. Whoever comes later has read everything up to his coming.
create function admit_member(p_room uuid, p_user uuid, p_actor uuid, p_role text, p_at timestamptz)
returns table (seq bigint, at timestamptz, member jsonb)
language plpgsql volatile set enable_seqscan = off as $$
#variable_conflict use_column
begin
  at := coalesce(p_at, clock_timestamp())::timestamptz(3);
  update rooms r set last_seq = r.last_seq + 1, member_count = r.member_count + 1 where r.id = p_room returning r.last_seq into seq;
  insert into memberships (room_id, user_id, role, read_seq, joined_at) values (p_room, p_user, p_role, seq, at);
  member := member_shape(p_room, p_user);
  insert into room_events (room_id, seq, type, actor_id, payload, created_at)
  values (p_room, seq, 'member.joined', p_actor, jsonb_build_object('member', member), at);
  return next;
end $$;

-- The one way out of a room that goes on: the membership ends, and the log says who he was last and why. For the functions
-- that decide who may go: they hold the room's lock and have seen that he is a member. p_reason: left · removed · deleted.
create function dismiss_member(p_room uuid, p_user uuid, p_actor uuid, p_reason text)
returns table (seq bigint, at timestamptz, payload jsonb)
language plpgsql volatile set enable_seqscan = off as $$
#variable_conflict use_column
begin
  at := clock_timestamp()::timestamptz(3);
  payload := jsonb_build_object('member', member_shape(p_room, p_user), 'reason', p_reason);
  delete from memberships m where m.room_id = p_room and m.user_id = p_user;
  update rooms r set last_seq = r.last_seq + 1, member_count = r.member_count - 1 where r.id = p_room returning r.last_seq into seq;
  insert into room_events (room_id, seq, type, actor_id, payload, created_at) values (p_room, seq, 'member.left', p_actor, payload, at);
  return next;
end $$;

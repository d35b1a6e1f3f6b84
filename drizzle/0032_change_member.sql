-- Another role for a member: moderator or member. Outcomes: done · unchanged · not_found (the room for him, or no such
-- member) · forbidden · conflict (the owner's role is handed over, not changed).
create function change_member(p_room uuid, p_actor uuid, p_admin boolean, p_user uuid, p_role text)
returns table (outcome text, epoch text, seq bigint, at timestamptz, member jsonb)
language plpgsql volatile set enable_seqscan = off as $$
#variable_conflict use_column
declare
  v_room rooms%rowtype;
  v_actor_role text;
  v_standing text;
  v_role text;
begin
  select * into v_room from rooms r where r.id = p_room for no key update;
  select m.role into v_actor_role from memberships m where m.room_id = p_room and m.user_id = p_actor;
  select m.role into v_role from memberships m where m.room_id = p_room and m.user_id = p_user;
  v_standing := room_standing(v_room.kind, v_room.visibility, v_actor_role, p_admin);
  epoch := v_room.epoch;
  outcome := case
    when v_standing = 'nobody' then 'not_found'
    when v_standing = 'outsider' then 'forbidden'
    when v_role is null then 'not_found'
    when v_standing not in ('owner', 'admin') then 'forbidden'
    when v_role = 'owner' then 'conflict'
    when v_role = p_role then 'unchanged'
    else 'done' end;
  if outcome = 'done' then
    at := clock_timestamp()::timestamptz(3);
    update memberships m set role = p_role where m.room_id = p_room and m.user_id = p_user;
    update rooms r set last_seq = r.last_seq + 1 where r.id = p_room returning r.last_seq into seq;
  end if;
  if outcome in ('done', 'unchanged') then
    member := member_shape(p_room, p_user);
  end if;
  if outcome = 'done' then
    insert into room_events (room_id, seq, type, actor_id, payload, created_at)
    values (p_room, seq, 'member.updated', p_actor, jsonb_build_object('member', member), at);
  end if;
  return next;
end $$;

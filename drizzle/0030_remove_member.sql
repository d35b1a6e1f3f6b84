-- One person removes another. Outcomes: done · not_found (the room for him, or no such member) · forbidden · conflict (the owner).
create function remove_member(p_room uuid, p_actor uuid, p_admin boolean, p_user uuid)
returns table (outcome text, epoch text, seq bigint, at timestamptz, payload jsonb)
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
    when v_standing not in ('moderator', 'owner', 'admin') then 'forbidden'
    when v_standing = 'moderator' and v_role <> 'member' then 'forbidden'
    when v_role = 'owner' then 'conflict'
    else 'done' end;
  if outcome = 'done' then
    select d.seq, d.at, d.payload into seq, at, payload from dismiss_member(p_room, p_user, p_actor, 'removed') d;
  end if;
  return next;
end $$;

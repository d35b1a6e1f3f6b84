-- One person adds another, named by id or by username. Outcomes: done · unchanged (he is there already) · not_found ·
-- forbidden · unknown (no enabled account).
create function add_member(p_room uuid, p_actor uuid, p_admin boolean, p_user uuid, p_username text, p_role text)
returns table (outcome text, user_id uuid, epoch text, seq bigint, at timestamptz, member jsonb)
language plpgsql volatile set enable_seqscan = off as $$
#variable_conflict use_column
declare
  v_room rooms%rowtype;
  v_actor_role text;
  v_standing text;
begin
  select * into v_room from rooms r where r.id = p_room for no key update;
  select m.role into v_actor_role from memberships m where m.room_id = p_room and m.user_id = p_actor;
  v_standing := room_standing(v_room.kind, v_room.visibility, v_actor_role, p_admin);
  epoch := v_room.epoch;
  outcome := case
    when v_standing = 'nobody' then 'not_found'
    when v_standing not in ('moderator', 'owner', 'admin') then 'forbidden'
    when p_role = 'moderator' and v_standing = 'moderator' then 'forbidden'
    else 'done' end;
  if outcome = 'done' then
    select u.id into user_id from users u
    where u.id = coalesce(p_user, (
      select n.id from users n where lower(n.username) collate "C" = lower(p_username collate "C") and n.deleted_at is null
    )) and u.deleted_at is null and u.disabled_at is null
    for share;
    if user_id is null then
      outcome := 'unknown';
    elsif exists (select from memberships m where m.room_id = p_room and m.user_id = add_member.user_id) then
      outcome := 'unchanged';
      member := member_shape(p_room, user_id);
    else
      select a.seq, a.at, a.member into seq, at, member from admit_member(p_room, user_id, p_actor, p_role, null) a;
    end if;
  end if;
  return next;
end $$;

-- A new invite. It takes no seq, so the lock is the weakest that keeps the room from being erased under it.
-- Outcomes: done · not_found · forbidden.
create function create_invite(p_code text, p_room uuid, p_actor uuid, p_admin boolean, p_max_uses int, p_expires_at timestamptz)
returns table (outcome text, created_at timestamptz)
language plpgsql volatile set enable_seqscan = off as $$
#variable_conflict use_column
declare
  v_room rooms%rowtype;
  v_actor_role text;
  v_standing text;
begin
  select * into v_room from rooms r where r.id = p_room for key share;
  select m.role into v_actor_role from memberships m where m.room_id = p_room and m.user_id = p_actor;
  v_standing := room_standing(v_room.kind, v_room.visibility, v_actor_role, p_admin);
  outcome := case
    when v_standing = 'nobody' then 'not_found'
    when v_standing not in ('moderator', 'owner', 'admin') then 'forbidden'
    else 'done' end;
  if outcome = 'done' then
    insert into invites (code, room_id, creator_id, max_uses, expires_at, created_at)
    values (p_code, p_room, p_actor, p_max_uses, p_expires_at, clock_timestamp())
    returning created_at into created_at;
  end if;
  return next;
end $$;

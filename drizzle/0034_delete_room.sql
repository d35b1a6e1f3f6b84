-- The owner or an admin takes a group away with everything in it. Outcomes: done (people: who its members were) · not_found · forbidden.
create function delete_room(p_room uuid, p_actor uuid, p_admin boolean)
returns table (outcome text, people uuid[])
language plpgsql volatile set enable_seqscan = off as $$
declare
  v_room rooms%rowtype;
  v_actor_role text;
  v_standing text;
begin
  select * into v_room from rooms r where r.id = p_room for no key update;
  select m.role into v_actor_role from memberships m where m.room_id = p_room and m.user_id = p_actor;
  v_standing := room_standing(v_room.kind, v_room.visibility, v_actor_role, p_admin);
  outcome := case
    when v_standing = 'nobody' then 'not_found'
    when v_standing not in ('owner', 'admin') then 'forbidden'
    else 'done' end;
  if outcome = 'done' then
    people := erase_room(p_room);
  end if;
  return next;
end $$;

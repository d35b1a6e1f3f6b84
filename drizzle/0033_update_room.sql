-- Changes a group; what is null stays. One room.updated with what is really new, or none. A new owner must be an enabled
-- member; the former one becomes moderator. Outcomes: done · unchanged · not_found · forbidden · unknown (p_owner).
create function update_room(p_room uuid, p_actor uuid, p_admin boolean, p_name text, p_description text, p_visibility text, p_owner uuid)
returns table (outcome text, epoch text, seq bigint, at timestamptz, payload jsonb)
language plpgsql volatile set enable_seqscan = off as $$
#variable_conflict use_column
declare
  v_room rooms%rowtype;
  v_actor_role text;
  v_standing text;
  v_hands_over boolean;
  v_changes jsonb;
begin
  select * into v_room from rooms r where r.id = p_room for no key update;
  select m.role into v_actor_role from memberships m where m.room_id = p_room and m.user_id = p_actor;
  v_standing := room_standing(v_room.kind, v_room.visibility, v_actor_role, p_admin);
  v_hands_over := p_owner is not null and p_owner is distinct from v_room.owner_id;
  epoch := v_room.epoch;
  outcome := case
    when v_standing = 'nobody' then 'not_found'
    when v_standing not in ('moderator', 'owner', 'admin') then 'forbidden'
    when v_hands_over and v_standing = 'moderator' then 'forbidden'
    else 'done' end;

  if outcome = 'done' and v_hands_over then
    -- Locked, so that an account that is being disabled or deleted now is either seen as such or passes the room on.
    perform from users u
    where u.id = p_owner and u.deleted_at is null and u.disabled_at is null
      and exists (select from memberships m where m.room_id = p_room and m.user_id = p_owner)
    for share;
    if not found then
      outcome := 'unknown';
    end if;
  end if;

  if outcome = 'done' then
    v_changes := jsonb_strip_nulls(jsonb_build_object(
      'name', nullif(p_name, v_room.name), 'description', nullif(p_description, v_room.description),
      'visibility', nullif(p_visibility, v_room.visibility), 'ownerId', case when v_hands_over then p_owner end));
    if v_changes = '{}' then
      outcome := 'unchanged';
    else
      at := clock_timestamp()::timestamptz(3);
      payload := jsonb_build_object('changes', v_changes);
      update rooms r set last_seq = r.last_seq + 1, updated_at = update_room.at, name = coalesce(p_name, r.name),
        description = coalesce(p_description, r.description), visibility = coalesce(p_visibility, r.visibility), owner_id = coalesce(p_owner, r.owner_id)
      where r.id = p_room returning r.last_seq into seq;
      if v_hands_over then
        update memberships m set role = case when m.user_id = p_owner then 'owner' else 'moderator' end
        where m.room_id = p_room and m.user_id in (p_owner, v_room.owner_id);
      end if;
      insert into room_events (room_id, seq, type, actor_id, payload, created_at) values (p_room, seq, 'room.updated', p_actor, payload, at);
    end if;
  end if;
  return next;
end $$;

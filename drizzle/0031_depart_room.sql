-- A deleted account goes from one room; its owner is already marked as deleted, and nobody asks for rights. What he owned
-- passes to the moderator who has been there longest, else to such a member; the enabled before the disabled, who could not
-- act. Without anybody left the room is erased, a conversation too. One row an event: member.left, then room.updated.
-- Outcomes: done · erased (people: who else was in it, deleted accounts that have yet to leave) · not_found (he is no member).
create function depart_room(p_room uuid, p_user uuid, p_actor uuid)
returns table (outcome text, epoch text, seq bigint, at timestamptz, type text, payload jsonb)
language plpgsql volatile set enable_seqscan = off as $$
#variable_conflict use_column
declare
  v_room rooms%rowtype;
  v_role text;
  v_next uuid;
begin
  select * into v_room from rooms r where r.id = p_room for no key update;
  select m.role into v_role from memberships m where m.room_id = p_room and m.user_id = p_user;
  if v_room.id is null or v_role is null then
    outcome := 'not_found';
    return next;
    return;
  end if;

  select m.user_id into v_next
  from memberships m join users u on u.id = m.user_id
  where m.room_id = p_room and m.user_id <> p_user and u.deleted_at is null
  order by u.disabled_at is not null, m.role <> 'moderator', m.joined_at, m.user_id limit 1;
  if v_next is null then
    perform erase_room(p_room);
    outcome := 'erased';
    return next;
    return;
  end if;

  outcome := 'done';
  epoch := v_room.epoch;
  type := 'member.left';
  select d.seq, d.at, d.payload into seq, at, payload from dismiss_member(p_room, p_user, p_actor, 'deleted') d;
  return next;

  if v_role = 'owner' then
    type := 'room.updated';
    payload := jsonb_build_object('changes', jsonb_build_object('ownerId', v_next));
    update memberships m set role = 'owner' where m.room_id = p_room and m.user_id = v_next;
    update rooms r set owner_id = v_next, last_seq = r.last_seq + 1, updated_at = depart_room.at where r.id = p_room returning r.last_seq into seq;
    insert into room_events (room_id, seq, type, actor_id, payload, created_at) values (p_room, seq, type, p_actor, payload, at);
    return next;
  end if;
end $$;

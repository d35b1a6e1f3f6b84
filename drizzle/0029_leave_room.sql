-- Somebody goes by himself. Outcomes: done · not_found (no member) · forbidden (a conversation) · conflict (the owner has to
-- hand the room over first). Of two at once the second finds no membership and takes no seq.
create function leave_room(p_room uuid, p_user uuid)
returns table (outcome text, epoch text, seq bigint, at timestamptz, payload jsonb)
language plpgsql volatile set enable_seqscan = off as $$
#variable_conflict use_column
declare
  v_room rooms%rowtype;
  v_role text;
begin
  select * into v_room from rooms r where r.id = p_room for no key update;
  select m.role into v_role from memberships m where m.room_id = p_room and m.user_id = p_user;
  epoch := v_room.epoch;
  outcome := case
    when v_room.id is null or v_role is null then 'not_found'
    when v_room.kind = 'direct' then 'forbidden'
    when v_role = 'owner' then 'conflict'
    else 'done' end;
  if outcome = 'done' then
    select d.seq, d.at, d.payload into seq, at, payload from dismiss_member(p_room, p_user, p_user, 'left') d;
  end if;
  return next;
end $$;

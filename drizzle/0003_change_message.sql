-- Edits a message (p_content given) or deletes it (p_content null). Like every write that takes a seq: lock the room, then
-- decide with a newer snapshot, so that of an edit and a delete at once one sees the other, and no seq is taken for nothing.
-- Outcomes: done · unchanged · deleted (an edit came too late) · forbidden · not_found.
create function change_message(p_message uuid, p_actor uuid, p_admin boolean, p_content text)
returns table (outcome text, event_seq bigint, event_at timestamptz, epoch text, member_count int)
language plpgsql volatile set enable_seqscan = off as $$
#variable_conflict use_column
declare
  v_room rooms%rowtype;
  v_message record;
  v_role text;
  v_now timestamptz(3);
begin
  select m.room_id into v_message from messages m where m.id = p_message;
  if not found then return query select 'not_found', null::bigint, null::timestamptz, null::text, null::int; return; end if;
  perform from rooms r where r.id = v_message.room_id for no key update;
  select * into v_room from rooms r where r.id = v_message.room_id;
  select m.id, m.room_id, m.sender_id, m.content, m.deleted_at into v_message from messages m where m.id = p_message;
  select m.role into v_role from memberships m where m.room_id = v_room.id and m.user_id = p_actor;
  v_now := clock_timestamp();

  outcome := case
    when v_room.id is null or v_message.id is null then 'not_found'
    when v_role is null and (v_room.kind = 'direct' or v_room.visibility = 'private' and not p_admin) then 'not_found'
    when v_role is null and not (p_admin and p_content is null) then 'forbidden'
    when p_content is not null and v_message.sender_id <> p_actor then 'forbidden'
    when p_content is null and v_message.sender_id <> p_actor and coalesce(v_role, '') not in ('owner', 'moderator')
      and not (p_admin and v_room.kind = 'group') then 'forbidden'
    when p_content is not null and v_message.deleted_at is not null then 'deleted'
    when p_content is null and v_message.deleted_at is not null or p_content = v_message.content then 'unchanged'
    else 'done' end;

  if outcome = 'done' then
    update messages m set content = coalesce(p_content, ''), updated_at = v_now,
      edited_at = case when p_content is null then m.edited_at else v_now end,
      deleted_at = case when p_content is null then v_now end
    where m.id = p_message;
    update rooms r set last_seq = r.last_seq + 1, message_count = r.message_count - case when p_content is null then 1 else 0 end
    where r.id = v_room.id returning r.last_seq into event_seq;
    insert into room_events (room_id, seq, type, actor_id, message_id, created_at)
    values (v_room.id, event_seq, case when p_content is null then 'message.deleted' else 'message.edited' end, p_actor, p_message, v_now);
    event_at := v_now;
  end if;
  epoch := v_room.epoch;
  member_count := v_room.member_count;
  return next;
end $$;

-- The one conversation of a pair, for ever: p_id is its id when it is new. Two who open it at once meet in the unique index,
-- and the later one finds the row of the earlier. Outcomes: done · unchanged (there was one) · not_found (no such account,
-- a deleted one, or, for a new conversation, a disabled one) · gone (the opener's account was deleted).
create function open_conversation(p_id uuid, p_opener uuid, p_other uuid)
returns table (outcome text, room_id uuid)
language plpgsql volatile set enable_seqscan = off as $$
#variable_conflict use_column
declare
  v_key text := least(p_opener, p_other) || ':' || greatest(p_opener, p_other);
  v_at timestamptz(3) := clock_timestamp();
  v_opener users%rowtype;
  v_other users%rowtype;
begin
  perform from users u where u.id in (p_opener, p_other) order by u.id for share;
  select * into v_opener from users u where u.id = p_opener and u.deleted_at is null;
  select * into v_other from users u where u.id = p_other and u.deleted_at is null;
  select r.id into room_id from rooms r where r.direct_key = v_key;

  outcome := case
    when v_opener.id is null then 'gone'
    when v_other.id is null then 'not_found'
    when room_id is not null then 'unchanged'
    when v_other.disabled_at is not null then 'not_found'
    else 'done' end;
  if outcome = 'done' then
    insert into rooms (id, kind, direct_key, member_count, created_at, updated_at, last_activity_at)
    values (p_id, 'direct', v_key, 2, v_at, v_at, v_at)
    on conflict (direct_key) where direct_key is not null do nothing
    returning id into room_id;
    if room_id is null then
      outcome := 'unchanged';
      select r.id into room_id from rooms r where r.direct_key = v_key;
    else
      insert into memberships (room_id, user_id, joined_at) values (p_id, p_opener, v_at), (p_id, p_other, v_at);
    end if;
  end if;
  return next;
end $$;

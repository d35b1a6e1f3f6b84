-- Somebody comes in by himself. Outcomes: done · unchanged (he is a member) · not_found · forbidden (private, but he sees it
-- as an admin) · gone (his account was deleted). p_at: an imported sender, who needs no right; the command line acts (no actor).
create function join_room(p_room uuid, p_user uuid, p_admin boolean, p_at timestamptz)
returns table (outcome text, epoch text, seq bigint, at timestamptz, member jsonb)
language plpgsql volatile set enable_seqscan = off as $$
#variable_conflict use_column
declare
  v_room rooms%rowtype;
  v_role text;
  v_standing text;
begin
  select * into v_room from rooms r where r.id = p_room for no key update;
  select m.role into v_role from memberships m where m.room_id = p_room and m.user_id = p_user;
  v_standing := room_standing(v_room.kind, v_room.visibility, v_role, p_admin);
  epoch := v_room.epoch;
  outcome := case
    when v_room.id is null then 'not_found'
    when v_role is not null then 'unchanged'
    when p_at is not null and v_room.kind = 'group' then 'done'
    when v_standing = 'nobody' then 'not_found'
    when v_room.visibility <> 'public' then 'forbidden'
    else 'done' end;
  if outcome = 'unchanged' then
    member := member_shape(p_room, p_user);
  elsif outcome = 'done' then
    perform from users u where u.id = p_user and u.deleted_at is null for share;
    if not found then
      outcome := 'gone';
    else
      select a.seq, a.at, a.member into seq, at, member from admit_member(p_room, p_user, case when p_at is null then p_user end, 'member', p_at) a;
    end if;
  end if;
  return next;
end $$;

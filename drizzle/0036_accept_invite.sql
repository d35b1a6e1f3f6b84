-- Somebody comes in by an invite. Uses are counted under the room's lock, so a hundred people at once use ten exactly ten
-- times. Outcomes: done · unchanged (he is a member: no use is spent, also of a code that is used up or expired) ·
-- not_found (unknown, revoked, expired, used up) · gone (his account was deleted).
create function accept_invite(p_code text, p_user uuid)
returns table (outcome text, room_id uuid, epoch text, seq bigint, at timestamptz, member jsonb)
language plpgsql volatile set enable_seqscan = off as $$
#variable_conflict use_column
begin
  select i.room_id into room_id from invites i where i.code = p_code;
  select r.epoch into epoch from rooms r where r.id = accept_invite.room_id for no key update;
  if not found or not exists (select from invites i where i.code = p_code and i.revoked_at is null) then
    outcome := 'not_found';
  elsif exists (select from memberships m where m.room_id = accept_invite.room_id and m.user_id = p_user) then
    outcome := 'unchanged';
  else
    perform from users u where u.id = p_user and u.deleted_at is null for share;
    if not found then
      outcome := 'gone';
    else
      -- The change itself decides: a revocation that came first is seen here.
      update invites i set uses = i.uses + 1
      where i.code = p_code and i.revoked_at is null and (i.max_uses is null or i.uses < i.max_uses)
        and (i.expires_at is null or i.expires_at > clock_timestamp());
      outcome := case when found then 'done' else 'not_found' end;
    end if;
  end if;
  if outcome = 'done' then
    select a.seq, a.at, a.member into seq, at, member from admit_member(room_id, p_user, p_user, 'member', null) a;
  end if;
  return next;
end $$;

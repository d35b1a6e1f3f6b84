-- Sets a password and ends all sessions of that person but p_except. p_was is the hash that the current password was compared
-- with (null: an admin sets it): of two changes at once the second finds another hash.
-- Outcomes: changed · stale · gone.
create function change_password(p_user uuid, p_was text, p_hash text, p_except uuid)
returns table (outcome text, ended uuid[])
language plpgsql volatile set enable_seqscan = off as $$
#variable_conflict use_column
declare
  v_now timestamptz(3) := clock_timestamp();
begin
  ended := '{}';
  update users u set password_hash = p_hash, updated_at = v_now
  where u.id = p_user and u.deleted_at is null and (p_was is null or u.password_hash = p_was);
  if found then
    outcome := 'changed';
    ended := array(select end_sessions(p_user, null, p_except));
  else
    outcome := case when exists (select from users u where u.id = p_user and u.deleted_at is null) then 'stale' else 'gone' end;
  end if;
  return next;
end $$;

-- Marks an account as deleted, frees its name and address and ends its sessions. The row stays, because messages stay; so do
-- memberships, which end room by room afterwards, each with its own event. p_was is the hash that the password was compared
-- with; null when an admin deletes. Outcomes: deleted · stale · gone.
create function delete_account(p_user uuid, p_was text)
returns table (outcome text, ended uuid[])
language plpgsql volatile set enable_seqscan = off as $$
#variable_conflict use_column
declare
  v_now timestamptz(3) := clock_timestamp();
begin
  ended := '{}';
  update users u set username = 'deleted', email = null, first_name = '', last_name = '', role = 'user', password_hash = null,
    disabled_at = null, deleted_at = v_now, updated_at = v_now
  where u.id = p_user and u.deleted_at is null and (p_was is null or u.password_hash = p_was);
  if found then
    outcome := 'deleted';
    ended := array(select end_sessions(p_user, null, null));
  else
    outcome := case when exists (select from users u where u.id = p_user and u.deleted_at is null) then 'stale' else 'gone' end;
  end if;
  return next;
end $$;

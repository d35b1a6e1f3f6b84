-- Changes what a person or an admin may change of an account; a null leaves the field as it is, p_clear_email takes the address
-- away. The person's row is locked first (update), sessions second, as everywhere. `affected` are sessions that were ended
-- (disabled) or whose role has changed. Outcomes: changed · unchanged · taken · gone.
create function change_account(p_user uuid, p_username text, p_email text, p_clear_email boolean, p_first_name text, p_last_name text,
  p_role text, p_disabled boolean)
returns table (outcome text, username_taken boolean, email_taken boolean, ended boolean, affected uuid[])
language plpgsql volatile set enable_seqscan = off as $$
#variable_conflict use_column
declare
  v_was users%rowtype;
  v_now timestamptz(3);
begin
  username_taken := false; email_taken := false; ended := false; affected := '{}';
  perform from users u where u.id = p_user for no key update;
  select u.* into v_was from users u where u.id = p_user;
  if not found or v_was.deleted_at is not null then outcome := 'gone'; return next; return; end if;
  v_now := clock_timestamp();

  if coalesce(p_username, v_was.username) = v_was.username
    and (p_email is null or p_email is not distinct from v_was.email) and not (p_clear_email and v_was.email is not null)
    and coalesce(p_first_name, v_was.first_name) = v_was.first_name and coalesce(p_last_name, v_was.last_name) = v_was.last_name
    and coalesce(p_role, v_was.role) = v_was.role and coalesce(p_disabled, v_was.disabled_at is not null) = (v_was.disabled_at is not null)
  then outcome := 'unchanged'; return next; return; end if;

  begin
    update users u set
      username = coalesce(p_username, u.username),
      email = case when p_clear_email then null else coalesce(p_email, u.email) end,
      first_name = coalesce(p_first_name, u.first_name),
      last_name = coalesce(p_last_name, u.last_name),
      role = coalesce(p_role, u.role),
      disabled_at = case when p_disabled is null then u.disabled_at when p_disabled then coalesce(u.disabled_at, v_now) end,
      updated_at = v_now
    where u.id = p_user;
  exception when unique_violation then
    username_taken := exists (select from users u where lower(u.username) collate "C" = lower(p_username) collate "C" and u.deleted_at is null and u.id <> p_user);
    email_taken := exists (select from users u where lower(u.email) = lower(p_email) and u.deleted_at is null and u.id <> p_user);
    -- Freed again in between: whoever asks next gets it.
    if not username_taken and not email_taken then raise exception 'a name was taken and freed' using errcode = 'serialization_failure'; end if;
    outcome := 'taken';
    return next;
    return;
  end;
  outcome := 'changed';
  if p_disabled and v_was.disabled_at is null then
    ended := true;
    affected := array(select end_sessions(p_user, null, null));
  elsif p_role <> v_was.role then
    affected := array(select s.id from sessions s where s.user_id = p_user and s.ended_at is null);
  end if;
  return next;
end $$;

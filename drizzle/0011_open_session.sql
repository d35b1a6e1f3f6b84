-- Opens a session with its first refresh token. The share lock on the person's row waits for whoever disables, deletes or
-- changes the password just now: either that one sees the new session and ends it, or it isn't opened here.
-- p_password_hash is what the given password was compared with; null when none was asked for.
-- Outcomes: opened · disabled · gone · changed (another password by now).
create function open_session(p_session uuid, p_user uuid, p_password_hash text, p_refresh_hash bytea, p_user_agent text, p_address text,
  p_refresh_seconds int, p_session_seconds int)
returns text
language plpgsql volatile set enable_seqscan = off as $$
declare
  v_user record;
  v_now timestamptz(3);
begin
  perform from users u where u.id = p_user for share;
  select u.disabled_at, u.deleted_at, u.password_hash into v_user from users u where u.id = p_user;
  if not found or v_user.deleted_at is not null then return 'gone'; end if;
  if v_user.disabled_at is not null then return 'disabled'; end if;
  if p_password_hash is not null and v_user.password_hash is distinct from p_password_hash then return 'changed'; end if;
  v_now := clock_timestamp();
  insert into sessions (id, user_id, user_agent, address, created_at, last_seen_at, expires_at)
  values (p_session, p_user, p_user_agent, p_address, v_now, v_now, v_now + make_interval(secs => greatest(p_session_seconds, p_refresh_seconds)));
  insert into refresh_tokens (hash, session_id, created_at, expires_at)
  values (p_refresh_hash, p_session, v_now, v_now + make_interval(secs => p_refresh_seconds));
  return 'opened';
end $$;

-- Exchanges a refresh token for its successor, which the caller has derived from it. The session's row is locked first, so of
-- many exchanges at once the first marks the token as used and the others see it. A used token answers with the same successor
-- within the grace and while nobody has used that one; later it is a replay, somebody has a copy, and the session ends.
-- p_successors are hashes: the first is given out, a second may have been, by a node with the key before a rotation.
-- Outcomes: fresh · repeated (`successor` is its place in p_successors) · unknown · expired · disabled · revoked · replayed
-- (ended by this call).
create function refresh_session(p_hash bytea, p_successors bytea[], p_grace_seconds int, p_refresh_seconds int, p_session_seconds int)
returns table (outcome text, session_id uuid, user_id uuid, successor int)
language plpgsql volatile set enable_seqscan = off as $$
#variable_conflict use_column
declare
  v_token refresh_tokens%rowtype;
  v_session sessions%rowtype;
  v_user record;
  v_now timestamptz(3);
begin
  select t.* into v_token from refresh_tokens t where t.hash = p_hash;
  if not found then
    outcome := 'unknown';
    return next;
    return;
  end if;
  perform from sessions s where s.id = v_token.session_id for no key update;
  select t.* into v_token from refresh_tokens t where t.hash = p_hash;
  select s.* into v_session from sessions s where s.id = v_token.session_id;
  select u.disabled_at, u.deleted_at into v_user from users u where u.id = v_session.user_id;
  v_now := clock_timestamp();
  session_id := v_session.id;
  user_id := v_session.user_id;
  select array_position(p_successors, t.hash) into successor
  from refresh_tokens t where t.hash = any(p_successors) and t.session_id = v_session.id and t.used_at is null;

  outcome := case
    when v_token.hash is null then 'unknown'
    when v_token.expires_at <= v_now then 'expired'
    when v_user.disabled_at is not null and v_user.deleted_at is null then 'disabled'
    when v_session.id is null or v_session.ended_at is not null or v_user.deleted_at is not null then 'revoked'
    when v_token.used_at is null then 'fresh'
    when v_now < v_token.used_at + make_interval(secs => p_grace_seconds) and successor is not null then 'repeated'
    else 'replayed' end;

  if outcome = 'fresh' then
    successor := 1;
    update refresh_tokens t set used_at = v_now where t.hash = p_hash;
    insert into refresh_tokens (hash, session_id, created_at, expires_at)
    values (p_successors[1], v_session.id, v_now, v_now + make_interval(secs => p_refresh_seconds));
  elsif outcome = 'replayed' then
    update sessions s set ended_at = v_now where s.id = v_session.id;
    delete from tickets t where t.session_id = v_session.id;
  end if;
  if outcome in ('fresh', 'repeated') then
    update sessions s set last_seen_at = v_now,
      expires_at = greatest(s.expires_at, v_now + make_interval(secs => greatest(p_session_seconds, p_refresh_seconds)))
    where s.id = v_session.id;
  end if;
  return next;
end $$;

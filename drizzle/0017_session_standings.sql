-- How the sessions behind proven tokens stand: asked for every busy session about once a second. A function for the sake of its
-- setting: a plan that was cached while the tables were small would read all of `sessions` each time.
create function session_standings(p_sessions uuid[], p_users uuid[])
returns table (session_id uuid, role text, disabled boolean, deleted boolean, living boolean, unseen boolean)
language plpgsql volatile set enable_seqscan = off as $$
#variable_conflict use_column
begin
  return query
  select c.session_id, u.role, u.disabled_at is not null, coalesce(u.deleted_at is not null, false),
    s.id is not null and s.ended_at is null, coalesce(s.last_seen_at < date_trunc('minute', now()), false)
  from unnest(p_sessions, p_users) as c(session_id, user_id)
  left join users u on u.id = c.user_id
  left join sessions s on s.id = c.session_id and s.user_id = c.user_id;
end $$;

-- Ends living sessions of a person: the one that p_only names, or all but p_except (null: all), and takes their tickets away.
-- Locked in the order of their ids, so that two people's "all the others" can't wait for each other. Returns what was ended.
create function end_sessions(p_user uuid, p_only uuid, p_except uuid)
returns setof uuid
language plpgsql volatile set enable_seqscan = off as $$
declare
  v_ended uuid[];
  v_now timestamptz(3);
begin
  perform from sessions s where s.user_id = p_user and s.ended_at is null order by s.id for no key update;
  v_now := clock_timestamp();
  with ended as (
    update sessions s set ended_at = v_now
    where s.user_id = p_user and s.ended_at is null and (p_only is null or s.id = p_only and s.expires_at > v_now)
      and (p_except is null or s.id <> p_except)
    returning s.id
  )
  select coalesce(array_agg(e.id), '{}') into v_ended from ended e;
  delete from tickets t where t.user_id = p_user and t.session_id = any(v_ended);
  return query select unnest(v_ended);
end $$;

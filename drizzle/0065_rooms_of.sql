-- As before (0039_rooms_of), but each room is looked up by its id for each membership, whatever the planner thinks of the tables: on a server of some
-- thousand rooms it read all rooms and asked for the membership of each.
create or replace function rooms_of(p_person uuid, p_groups boolean, p_query text, p_at timestamptz, p_id uuid, p_limit int)
returns table (room_id uuid, epoch text, last_seq bigint, read_seq bigint, last_activity_at timestamptz)
language plpgsql stable set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
begin
  return query
  select r.id, r.epoch, r.last_seq, m.read_seq, r.last_activity_at
  from memberships m cross join lateral (select * from rooms where id = m.room_id offset 0) r
  where m.user_id = p_person and (not p_groups or r.kind = 'group')
    and (p_query is null or position(lower(p_query) in lower(r.name)) > 0)
    and (p_at is null or (r.last_activity_at, r.id) < (p_at, p_id))
  order by r.last_activity_at desc, r.id desc limit p_limit;
end $$;

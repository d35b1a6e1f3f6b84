-- The rooms that a person is a member of, most recently active first, behind a place in that order (p_at, p_id; null: from the
-- beginning). There is no index on the activity, because every send would have to move it: his rooms are looked up and sorted
-- (storage.md). p_groups: without conversations. p_query: the name contains it, without case; null: all.
-- Each room is looked up by its id for each membership, whatever the planner thinks of the tables: joined, on a server of some thousand
-- rooms it read all of them and asked for the membership of each. `or replace`: databases of earlier commits have it from there.
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

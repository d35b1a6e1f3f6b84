-- A new group with its first members, who are its first state and no events. Each person is locked while it is made, so that
-- nobody whose account ends meanwhile stays behind as a member. Outcomes: done · gone (the creator's account was deleted) ·
-- unknown (unknown_ids and unknown_names: places in the lists, from 0, that name no enabled account; nothing is made).
-- p_at: only of imported rooms.
create function create_room(p_id uuid, p_creator uuid, p_name text, p_description text, p_visibility text, p_ids uuid[], p_names text[], p_at timestamptz)
returns table (outcome text, people uuid[], unknown_ids int[], unknown_names int[])
language plpgsql volatile set enable_seqscan = off as $$
#variable_conflict use_column
declare
  v_named uuid[];
  v_enabled uuid[];
  v_at timestamptz(3) := coalesce(p_at, clock_timestamp());
begin
  -- A name that nobody has is a null in its place.
  select array_agg(u.id order by n.ord) into v_named
  from unnest(p_names) with ordinality as n(name, ord)
  left join users u on lower(u.username) collate "C" = lower(n.name collate "C") and u.deleted_at is null;

  perform from users u where u.id = any(p_creator || p_ids || v_named) order by u.id for share;
  select array_agg(u.id) into v_enabled
  from users u where u.id = any(p_creator || p_ids || v_named) and u.deleted_at is null and (u.disabled_at is null or u.id = p_creator);

  select array_agg((i.ord - 1)::int order by i.ord) into unknown_ids
  from unnest(p_ids) with ordinality as i(id, ord) where not exists (select from unnest(v_enabled) as e(id) where e.id = i.id);
  select array_agg((i.ord - 1)::int order by i.ord) into unknown_names
  from unnest(v_named) with ordinality as i(id, ord) where not exists (select from unnest(v_enabled) as e(id) where e.id = i.id);

  outcome := case
    when not exists (select from unnest(v_enabled) as e(id) where e.id = p_creator) then 'gone'
    when unknown_ids is not null or unknown_names is not null then 'unknown'
    else 'done' end;
  if outcome = 'done' then
    insert into rooms (id, name, description, visibility, owner_id, member_count, created_at, updated_at, last_activity_at)
    values (p_id, p_name, p_description, p_visibility, p_creator, cardinality(v_enabled), v_at, v_at, v_at);
    insert into memberships (room_id, user_id, role, joined_at)
    select p_id, e.id, case when e.id = p_creator then 'owner' else 'member' end, v_at from unnest(v_enabled) as e(id);
    people := v_enabled;
  end if;
  return next;
end $$;

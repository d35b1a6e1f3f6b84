-- Removes up to p_rows messages or events of rooms that are gone, so that no step holds anything for long. One node at a
-- time: whoever finds the lock taken does nothing. What is left is found again by the next step, on any node.
-- Outcomes: removed (perhaps more) · busy (another node is at it) · idle (nothing is left).
create function purge_step(p_rows int) returns text
language plpgsql volatile set enable_seqscan = off as $$
declare
  v_room uuid;
  v_removed int;
begin
  if not pg_try_advisory_xact_lock(7275690) then
    return 'busy';
  end if;
  select p.room_id into v_room from purges p order by p.created_at, p.room_id limit 1;
  if not found then
    return 'idle';
  end if;
  delete from messages m where m.id in (select x.id from messages x where x.room_id = v_room order by x.seq limit p_rows);
  get diagnostics v_removed = row_count;
  if v_removed < p_rows then
    delete from room_events e where e.room_id = v_room
      and e.seq in (select x.seq from room_events x where x.room_id = v_room order by x.seq limit p_rows - v_removed);
    get diagnostics v_removed = row_count;
    if not exists (select from messages m where m.room_id = v_room) and not exists (select from room_events e where e.room_id = v_room) then
      delete from purges p where p.room_id = v_room;
    end if;
  end if;
  return 'removed';
end $$;

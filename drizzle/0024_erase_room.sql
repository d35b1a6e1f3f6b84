-- A room is gone at once for everybody: its row, memberships and invites. Its messages and events, which nobody can reach any
-- more, are left to purge_step. For the functions that decide it, under the room's lock. Returns who the members were.
create function erase_room(p_room uuid) returns uuid[]
language plpgsql volatile set enable_seqscan = off as $$
declare
  v_people uuid[];
begin
  -- Stronger than the callers' lock: it waits for an invite that is being made, which this statement's snapshot could not show.
  perform from rooms r where r.id = p_room for update;
  with gone as (delete from memberships m where m.room_id = p_room returning m.user_id)
  select coalesce(array_agg(g.user_id), '{}') into v_people from gone g;
  delete from invites i where i.room_id = p_room;
  delete from rooms r where r.id = p_room;
  insert into purges (room_id) values (p_room) on conflict do nothing;
  return v_people;
end $$;

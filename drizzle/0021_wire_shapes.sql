-- Shapes of the wire that are made inside Postgres, because they are stored as they were at an event, or nested in a row.
-- json, not jsonb: it keeps the order of the keys. They take rows or keys and decide nothing.
create function wire_time(p_at timestamptz) returns text
language sql stable parallel safe as $$
  select to_char(p_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$$;
--> statement-breakpoint
-- Of a deleted account nothing but its old id is left.
create function public_user(p_user users) returns json
language sql stable parallel safe as $$
  select case when p_user.deleted_at is null
    then json_build_object('id', p_user.id, 'username', p_user.username, 'firstName', p_user.first_name, 'lastName', p_user.last_name, 'deleted', false)
    else json_build_object('id', p_user.id, 'username', 'deleted', 'firstName', '', 'lastName', '', 'deleted', true)
  end
$$;
--> statement-breakpoint
create function member_shape(p_room uuid, p_user uuid) returns json
language sql stable parallel safe as $$
  select json_build_object('user', public_user(u), 'role', m.role, 'readSeq', m.read_seq, 'joinedAt', wire_time(m.joined_at))
  from memberships m join users u on u.id = m.user_id
  where m.room_id = p_room and m.user_id = p_user
$$;

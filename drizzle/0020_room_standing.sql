-- Where somebody stands towards a room, in one word, so that every write decides by the same table of rights (rest.md):
-- nobody (for him the room doesn't exist) · outsider (sees a public room) · direct (one of the two of a conversation) ·
-- member · moderator · owner · admin (of the server, in groups only, whatever else he is there, unless he owns it).
create function room_standing(p_kind text, p_visibility text, p_role text, p_admin boolean) returns text
language sql immutable parallel safe as $$
  select case
    when p_kind is null then 'nobody'
    when p_kind = 'direct' then case when p_role is null then 'nobody' else 'direct' end
    when p_role = 'owner' then 'owner'
    when p_admin then 'admin'
    when p_role is not null then p_role
    when p_visibility = 'public' then 'outsider'
    else 'nobody'
  end
$$;

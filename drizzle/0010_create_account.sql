-- Makes an account, or says which of its names is taken (both, when both are). The unique indexes decide between people who
-- ask at once; who took the name is looked up by a second statement, whose snapshot has the winner in it. He may be gone by
-- then, so the attempt is repeated; nobody frees names so fast that three are not enough.
create function create_account(p_id uuid, p_username text, p_email text, p_first_name text, p_last_name text, p_role text, p_password_hash text)
returns table (created_at timestamptz, username_taken boolean, email_taken boolean)
language plpgsql volatile set enable_seqscan = off as $$
#variable_conflict use_column
declare
  v_now timestamptz(3) := clock_timestamp();
begin
  for attempt in 1..3 loop
    insert into users (id, username, email, first_name, last_name, role, password_hash, created_at, updated_at)
    values (p_id, p_username, p_email, p_first_name, p_last_name, p_role, p_password_hash, v_now, v_now)
    on conflict do nothing;
    if found then
      return query select v_now::timestamptz, false, false;
      return;
    end if;
    select exists (select from users u where lower(u.username) collate "C" = lower(p_username) collate "C" and u.deleted_at is null),
      p_email is not null and exists (select from users u where lower(u.email) = lower(p_email) and u.deleted_at is null)
    into username_taken, email_taken;
    if username_taken or email_taken then
      return next;
      return;
    end if;
  end loop;
  raise exception 'a name was taken and freed three times' using errcode = 'serialization_failure';
end $$;

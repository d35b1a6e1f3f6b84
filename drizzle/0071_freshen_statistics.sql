-- Analyzes small tables that hold twice the rows of the last time, and names them. Plans are kept for long; those that were made for a
-- handful of rows read tables and indexes through when there are thousands, and autovacuum looks once a minute at most. Fewer than 50
-- rows are any plan's match, and those for some thousands are right for millions: from there on it is autovacuum's, because a look
-- costs 40 us a message. Nobody is waited for: another node at it, or a table that is being altered, is left alone.
create function freshen_statistics() returns text[] language plpgsql as $$
declare
  v_table text;
  v_done text[] := '{}';
begin
  if not pg_try_advisory_xact_lock(7275688) then return v_done; end if;
  for v_table in
    select format('%I.%I', s.schemaname, s.relname) from pg_stat_user_tables s join pg_class c on c.oid = s.relid
    where s.schemaname = current_schema() and c.reltuples < 5000 and s.n_live_tup >= 50 and s.n_live_tup >= 2 * c.reltuples
  loop
    execute 'analyze (skip_locked) ' || v_table;
    v_done := v_done || v_table;
  end loop;
  return v_done;
end $$;

-- What `contains` is found by. A trigram knows letters and digits alone: `:-)` has none, `c++` and `a_b` have one that is everywhere, and looking
-- for them read a million messages (3 s). So before the trigrams are taken, each sign, the blank too, becomes a letter that folded text never holds
-- (src/messages/fold.ts has the same list); signs beyond ASCII become one letter together, which is why a match is always looked at again by
-- parlour_fold. Many replace() in a row, because each is one pass over memory: 4.6 us a message, where translate() with the same list takes 14.
create function parlour_signs(folded text) returns text language sql immutable strict parallel safe as $$
select pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(folded, ' ', 'à'), '!', 'á'), '"', 'â'), '#', 'ã'), '$', 'ä'), '%', 'å'), '&', 'ç'), '''', 'è'), '(', 'é'), ')', 'ê'), '*', 'ë'), '+', 'ì'), ',', 'í'), '-', 'î'), '.', 'ï'), '/', 'ñ'), ':', 'ò'), ';', 'ó'), '<', 'ô'), '=', 'õ'), '>', 'ö'), '?', 'ù'), '@', 'ú'), '[', 'û'), '\', 'ü'), ']', 'ý'), '^', 'ÿ'), '_', 'ā'), '`', 'ă'), '{', 'ą'), '|', 'ć'), '}', 'ĉ'), '~', 'ċ'), E'\n', 'č'), E'\t', 'ď')
$$;
--> statement-breakpoint
create function parlour_parts_wide(content text) returns text language plpgsql immutable strict parallel safe as $$
begin
  return public.parlour_signs(pg_catalog.regexp_replace(public.parlour_fold_wide(content), '[\u2000-\u2bff\u3000-\u3004\u3008-\u3020\ufe30-\ufe6f\U0001f000-\U0001faff]', 'ž', 'g'));
end $$;
--> statement-breakpoint
-- Not in SQL, though it is one expression: that would be read and inlined anew by every statement that writes (80 us with its siblings).
create function parlour_parts(content text) returns text language plpgsql immutable parallel safe as $$
begin
  return case when pg_catalog.octet_length(content) = pg_catalog.length(content) then pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.lower(content collate "C"), ' ', 'à'), '!', 'á'), '"', 'â'), '#', 'ã'), '$', 'ä'), '%', 'å'), '&', 'ç'), '''', 'è'), '(', 'é'), ')', 'ê'), '*', 'ë'), '+', 'ì'), ',', 'í'), '-', 'î'), '.', 'ï'), '/', 'ñ'), ':', 'ò'), ';', 'ó'), '<', 'ô'), '=', 'õ'), '>', 'ö'), '?', 'ù'), '@', 'ú'), '[', 'û'), '\', 'ü'), ']', 'ý'), '^', 'ÿ'), '_', 'ā'), '`', 'ă'), '{', 'ą'), '|', 'ć'), '}', 'ĉ'), '~', 'ċ'), E'\n', 'č'), E'\t', 'ď') else public.parlour_parts_wide(content) end;
end $$;
--> statement-breakpoint
drop index messages_contains;
--> statement-breakpoint
create index messages_contains on messages using gin (parlour_parts(content) gin_trgm_ops) with (gin_pending_list_limit = 131072);
--> statement-breakpoint
-- How many messages hold a part decides which way is taken (src/messages/search-plan.ts).
alter index messages_contains alter column 1 set statistics 500;

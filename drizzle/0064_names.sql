-- GET /users?query= looks for beginnings of usernames, first and last names. A beginning that few have was looked for among everybody,
-- in the order of the list. (In code points, as users_username is: then a beginning is a range.)
create index users_first_name on users using btree (lower(first_name) collate "C") where deleted_at is null;
--> statement-breakpoint
create index users_last_name on users using btree (lower(last_name) collate "C") where deleted_at is null;

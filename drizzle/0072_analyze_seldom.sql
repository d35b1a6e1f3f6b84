-- A look at all columns of 150,000 messages (what the search indexes' statistics ask for) folds each text again and takes a core for 4 s at a
-- million messages; sends beside it had a p99 of 280 ms instead of 40. Autovacuum had it after every tenth that is new. How often words, pairs
-- and parts are said hardly changes with that; only how messages lie in time does, and that the server looks at by itself (src/db/statistics.ts).
alter table messages set (autovacuum_analyze_scale_factor = 0.5, autovacuum_analyze_threshold = 5000);
--> statement-breakpoint
-- No plan asks what is in these; sorting them was a fifth of it.
alter table messages alter column content set statistics 0, alter column request_hash set statistics 0, alter column client_message_id set statistics 0;

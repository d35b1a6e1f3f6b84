-- What GET /messages walks, newest first: all messages (messages_created), one room's, one person's. created_at leads and not seq, because imported
-- messages keep their old times.
DROP INDEX "messages_sender";--> statement-breakpoint
CREATE INDEX "messages_room_created" ON "messages" USING btree ("room_id","created_at","id");--> statement-breakpoint
CREATE INDEX "messages_sender_created" ON "messages" USING btree ("sender_id","created_at","id");--> statement-breakpoint
-- How many messages hold a word or a part decides which way is taken (src/messages/search-plan.ts): finer than the default hundred values.
ALTER TABLE "messages" ALTER COLUMN "search" SET STATISTICS 500;--> statement-breakpoint
ALTER INDEX "messages_contains" ALTER COLUMN 1 SET STATISTICS 500;

-- Targets whose device was moved to another tenant are counted too, or their commands never end.
ALTER TABLE "command_count" ADD COLUMN "moved" INTEGER NOT NULL DEFAULT 0;

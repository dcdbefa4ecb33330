-- How many targets of a command stand how, kept by the projection `command-counts`. What still waits is
-- the rest of "command"."target_count".
CREATE TABLE "command_count" (
  "command_key" BIGINT NOT NULL,
  "tenant_id" INTEGER NOT NULL,
  "not_now" INTEGER NOT NULL DEFAULT 0,
  "acknowledged" INTEGER NOT NULL DEFAULT 0,
  "error" INTEGER NOT NULL DEFAULT 0,
  "cancelled" INTEGER NOT NULL DEFAULT 0,
  "cleared" INTEGER NOT NULL DEFAULT 0,
  "expired" INTEGER NOT NULL DEFAULT 0,
  "unenrolled" INTEGER NOT NULL DEFAULT 0,
  "re_enrolled" INTEGER NOT NULL DEFAULT 0,
  CONSTRAINT "command_count_pkey" PRIMARY KEY ("command_key")
) WITH (fillfactor = 50);

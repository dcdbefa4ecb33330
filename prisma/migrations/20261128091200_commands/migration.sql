-- The command whose failed targets this one was made for.
ALTER TABLE "command" ADD COLUMN "retry_of" BIGINT;
ALTER TABLE "command" ADD COLUMN "refused_count" INTEGER NOT NULL DEFAULT 0;

-- Commands are listed by key, the newest first.
CREATE INDEX "command_request_type_key_idx" ON "command" ("request_type", "key");
CREATE INDEX "command_created_by_key_idx" ON "command" ("created_by", "key");
CREATE INDEX "command_created_at_idx" ON "command" ("created_at");

-- Targets that a command was never queued for, though it named them. All other targets are in the queue
-- or in history.
CREATE TABLE "command_refusal" (
  "command_key" BIGINT NOT NULL,
  "enrollment_key" BIGINT NOT NULL,
  "tenant_id" INTEGER NOT NULL,
  "rule" TEXT NOT NULL,
  "at" TIMESTAMPTZ(6) NOT NULL DEFAULT now(),
  CONSTRAINT "command_refusal_pkey" PRIMARY KEY ("command_key", "enrollment_key")
);

-- Finds the few targets that failed among very many that did not; good answers cost it nothing.
CREATE INDEX "command_result_unhappy_idx" ON "command_result" ("command_key", "ended", "enrollment_key")
  WHERE "ended" <> 'ANSWERED' OR "status" <> 'Acknowledged';

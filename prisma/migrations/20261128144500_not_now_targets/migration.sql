-- Targets of a command that the device has put off: few among very many that wait.
CREATE INDEX "queue_entry_not_now_idx" ON "queue_entry" ("command_key", "enrollment_key")
  WHERE "not_now_at" IS NOT NULL;

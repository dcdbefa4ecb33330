-- Lists of commands are of one tenant's, or merged of such: by key, of one type, from one maker, or in the
-- order of times.
CREATE INDEX "command_request_type_tenant_id_key_idx" ON "command" ("request_type", "tenant_id", "key");
CREATE INDEX "command_created_by_tenant_id_key_idx" ON "command" ("created_by", "tenant_id", "key");
-- Every command is in the last one. It has a condition so that only what says it, lists by time, is read
-- through it: PostgreSQL takes it for other orders of one tenant's too, and sorts all of them.
CREATE INDEX "command_list_created_at_idx" ON "command" ("tenant_id", "created_at", "key")
  WHERE "created_at" > '-infinity';
DROP INDEX "command_request_type_key_idx";
DROP INDEX "command_created_by_key_idx";
-- All tenants' times are for retention alone, which looks for the oldest.
DROP INDEX "command_created_at_idx";
CREATE INDEX "command_created_at_idx" ON "command" USING BRIN ("created_at");

-- Challenges of renewals are no invitations, and are by far the most.
CREATE INDEX "enrollment_invitation_list_idx" ON "enrollment_invitation" ("tenant_id", "key")
  WHERE "enrollment_key" IS NULL;
CREATE INDEX "enrollment_invitation_list_all_idx" ON "enrollment_invitation" ("key")
  WHERE "enrollment_key" IS NULL;
DROP INDEX "enrollment_invitation_tenant_id_key_idx";

CREATE INDEX "job_created_at_id_idx" ON "job" ("created_at", "id");
CREATE INDEX "certificate_renewal_state_enrollment_key_idx"
  ON "certificate_renewal" ("state", "enrollment_key");

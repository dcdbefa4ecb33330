-- Tokens are listed, the newest first, and say who made and ended them. A rotated token is a new row
-- that names the one it replaces, so that the old one's end is an ordinary expiry.
ALTER TABLE "api_token"
  ADD COLUMN "key" BIGINT GENERATED ALWAYS AS IDENTITY,
  ADD COLUMN "created_by" TEXT NOT NULL DEFAULT 'system',
  ADD COLUMN "revoked_by" TEXT,
  ADD COLUMN "replaces" UUID;
CREATE UNIQUE INDEX "api_token_key_key" ON "api_token" ("key");
CREATE INDEX "api_token_tenant_id_key_idx" ON "api_token" ("tenant_id", "key");

CREATE INDEX "audit_entry_actor_key_idx" ON "audit_entry" ("actor", "key");
CREATE INDEX "audit_entry_action_key_idx" ON "audit_entry" ("action", "key");
CREATE INDEX "audit_entry_at_key_idx" ON "audit_entry" ("at", "key");

-- Ids that keyset lists order by are compared byte by byte (COLLATE "C"), so that an order does not
-- depend on the server's locale. Queue, history, check-ins and events have no foreign keys: they
-- would make bulk enqueue several times slower, and every finish would lock the shared command row.

CREATE TABLE "tenant" (
  "id" INTEGER NOT NULL,
  "name" TEXT NOT NULL,
  "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT now(),
  CONSTRAINT "tenant_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "tenant_name_key" ON "tenant" ("name");
INSERT INTO "tenant" ("id", "name") VALUES (1, 'default');

CREATE TABLE "enrollment" (
  "key" BIGINT GENERATED ALWAYS AS IDENTITY,
  "id" TEXT COLLATE "C" NOT NULL,
  "tenant_id" INTEGER NOT NULL DEFAULT 1,
  "kind" TEXT NOT NULL,
  "device_key" BIGINT,
  "user_id" TEXT,
  "user_short_name" TEXT,
  "user_long_name" TEXT,
  "serial_number" TEXT COLLATE "C",
  "device_name" TEXT,
  "model" TEXT,
  "model_name" TEXT,
  "product_name" TEXT,
  "os_version" TEXT,
  "build_version" TEXT,
  "imei" TEXT,
  "meid" TEXT,
  "topic" TEXT,
  "push_token" BYTEA,
  "push_magic" BYTEA,
  "unlock_token" BYTEA,
  "bootstrap_token" BYTEA,
  "enabled" BOOLEAN NOT NULL DEFAULT false,
  "disabled_reason" TEXT,
  "awaiting_configuration" BOOLEAN,
  "renewing" BOOLEAN NOT NULL DEFAULT false,
  "token_update_tally" INTEGER NOT NULL DEFAULT 0,
  "cert_hash" BYTEA,
  "pending_cert_hash" BYTEA,
  "authenticated_at" TIMESTAMPTZ(6),
  "token_updated_at" TIMESTAMPTZ(6),
  "enrolled_at" TIMESTAMPTZ(6),
  "checked_out_at" TIMESTAMPTZ(6),
  "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT now(),
  CONSTRAINT "enrollment_pkey" PRIMARY KEY ("key")
);
-- Covers what the three hot statements need, so that they never touch the row itself.
CREATE UNIQUE INDEX "enrollment_id_key" ON "enrollment" ("id")
  INCLUDE ("key", "tenant_id", "enabled", "cert_hash", "pending_cert_hash");
CREATE INDEX "enrollment_device_key_idx" ON "enrollment" ("device_key") WHERE "device_key" IS NOT NULL;
CREATE INDEX "enrollment_tenant_id_id_idx" ON "enrollment" ("tenant_id", "id");
CREATE INDEX "enrollment_serial_number_idx" ON "enrollment" ("serial_number") WHERE "serial_number" IS NOT NULL;

-- The hottest-written table: one row for each enrolment, no index but its key.
CREATE TABLE "enrollment_seen" (
  "enrollment_key" BIGINT NOT NULL,
  "last_seen_at" TIMESTAMPTZ(6) NOT NULL,
  CONSTRAINT "enrollment_seen_pkey" PRIMARY KEY ("enrollment_key")
) WITH (fillfactor = 50);

-- Every certificate that was ever bound to a device. The key makes two devices that race for one
-- certificate meet: exactly one wins.
CREATE TABLE "device_certificate" (
  "sha256" BYTEA NOT NULL,
  "device_key" BIGINT NOT NULL,
  "subject" TEXT NOT NULL,
  "issuer" TEXT NOT NULL,
  "serial" TEXT NOT NULL,
  "not_before" TIMESTAMPTZ(6) NOT NULL,
  "not_after" TIMESTAMPTZ(6) NOT NULL,
  "der" BYTEA,
  "bound_at" TIMESTAMPTZ(6) NOT NULL DEFAULT now(),
  "current_at" TIMESTAMPTZ(6),
  "retired_at" TIMESTAMPTZ(6),
  CONSTRAINT "device_certificate_pkey" PRIMARY KEY ("sha256")
);
CREATE INDEX "device_certificate_device_key_idx" ON "device_certificate" ("device_key");

CREATE TABLE "command" (
  "key" BIGINT GENERATED ALWAYS AS IDENTITY,
  "uuid" TEXT COLLATE "C" NOT NULL,
  "tenant_id" INTEGER NOT NULL DEFAULT 1,
  "request_type" TEXT NOT NULL,
  "body" BYTEA NOT NULL,
  "body_sealed" BOOLEAN NOT NULL DEFAULT false,
  "body_fingerprint" BYTEA NOT NULL,
  "targets_sha256" BYTEA NOT NULL,
  "target_count" INTEGER NOT NULL DEFAULT 0,
  "renewal" BOOLEAN NOT NULL DEFAULT false,
  "priority" SMALLINT NOT NULL DEFAULT 0,
  "not_before" TIMESTAMPTZ(6),
  "expires_at" TIMESTAMPTZ(6),
  "created_by" TEXT NOT NULL,
  "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT now(),
  CONSTRAINT "command_pkey" PRIMARY KEY ("key")
);
CREATE UNIQUE INDEX "command_uuid_tenant_id_key" ON "command" ("uuid", "tenant_id");
CREATE INDEX "command_tenant_id_key_idx" ON "command" ("tenant_id", "key");

-- Only what may still be delivered. `urgency` is the priority turned around, and command keys grow,
-- so the key itself is "highest priority first, then first in, first out".
CREATE TABLE "queue_entry" (
  "enrollment_key" BIGINT NOT NULL,
  "urgency" SMALLINT NOT NULL,
  "command_key" BIGINT NOT NULL,
  "not_before" TIMESTAMPTZ(6),
  "expires_at" TIMESTAMPTZ(6),
  "not_now_at" TIMESTAMPTZ(6),
  "not_now_tally" INTEGER NOT NULL DEFAULT 0,
  "first_sent_at" TIMESTAMPTZ(6),
  "queued_at" TIMESTAMPTZ(6) NOT NULL DEFAULT now(),
  CONSTRAINT "queue_entry_pkey" PRIMARY KEY ("enrollment_key", "urgency", "command_key")
);
-- A report, a cancellation and a command's list of targets name the command, not its urgency.
CREATE UNIQUE INDEX "queue_entry_command_key_enrollment_key_key"
  ON "queue_entry" ("command_key", "enrollment_key");
CREATE INDEX "queue_entry_expires_at_idx" ON "queue_entry" ("expires_at") WHERE "expires_at" IS NOT NULL;

-- History: every target that left the queue. `status` is the device's own word, null as long as it
-- has not answered; `ended` says how the target left.
CREATE TABLE "command_result" (
  "enrollment_key" BIGINT NOT NULL,
  "command_key" BIGINT NOT NULL,
  "ended" TEXT NOT NULL,
  "status" TEXT,
  "result" BYTEA,
  "not_now_at" TIMESTAMPTZ(6),
  "not_now_tally" INTEGER NOT NULL DEFAULT 0,
  "first_sent_at" TIMESTAMPTZ(6),
  "queued_at" TIMESTAMPTZ(6) NOT NULL,
  "ended_at" TIMESTAMPTZ(6) NOT NULL DEFAULT now(),
  "answered_at" TIMESTAMPTZ(6),
  CONSTRAINT "command_result_pkey" PRIMARY KEY ("enrollment_key", "command_key")
);
CREATE INDEX "command_result_command_key_enrollment_key_idx"
  ON "command_result" ("command_key", "enrollment_key");
CREATE INDEX "command_result_ended_at_idx" ON "command_result" USING BRIN ("ended_at");

-- Reports that match neither queue nor history. Kept once.
CREATE TABLE "stray_report" (
  "enrollment_key" BIGINT NOT NULL,
  "command_uuid" TEXT COLLATE "C" NOT NULL,
  "status" TEXT NOT NULL,
  "result" BYTEA NOT NULL,
  "received_at" TIMESTAMPTZ(6) NOT NULL DEFAULT now(),
  CONSTRAINT "stray_report_pkey" PRIMARY KEY ("enrollment_key", "command_uuid")
);

-- Every check-in as it was sent. `raw` is sealed: most of them carry tokens.
CREATE TABLE "check_in" (
  "id" UUID NOT NULL,
  "enrollment_key" BIGINT NOT NULL,
  "message_type" TEXT NOT NULL,
  "raw" BYTEA NOT NULL,
  "url_params" JSONB,
  "trace_id" TEXT NOT NULL,
  "received_at" TIMESTAMPTZ(6) NOT NULL DEFAULT now(),
  CONSTRAINT "check_in_pkey" PRIMARY KEY ("id")
);
CREATE INDEX "check_in_enrollment_key_received_at_idx" ON "check_in" ("enrollment_key", "received_at");
CREATE INDEX "check_in_received_at_idx" ON "check_in" USING BRIN ("received_at");

-- Events are appended without a number, in the transaction that they tell of, and numbered (`seq`)
-- once that has committed. Readers know `seq` alone.
CREATE TABLE "event" (
  "id" BIGINT GENERATED ALWAYS AS IDENTITY,
  "seq" BIGINT,
  "type" TEXT NOT NULL,
  "tenant_id" INTEGER NOT NULL,
  "at" TIMESTAMPTZ(6) NOT NULL DEFAULT now(),
  "trace_id" TEXT,
  "actor" TEXT,
  "enrollment_key" BIGINT,
  "command_key" BIGINT,
  "check_in_id" UUID,
  "data" JSONB,
  CONSTRAINT "event_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "event_seq_key" ON "event" ("seq") WHERE "seq" IS NOT NULL;
CREATE INDEX "event_unnumbered_idx" ON "event" ("id") WHERE "seq" IS NULL;

-- One row: which stream this database is, and how far it is numbered.
CREATE TABLE "event_stream" (
  "one" BOOLEAN NOT NULL DEFAULT true CHECK ("one"),
  "id" UUID NOT NULL DEFAULT gen_random_uuid(),
  "last_seq" BIGINT NOT NULL DEFAULT 0,
  "oldest_seq" BIGINT NOT NULL DEFAULT 1,
  CONSTRAINT "event_stream_pkey" PRIMARY KEY ("one")
) WITH (fillfactor = 10);
INSERT INTO "event_stream" DEFAULT VALUES;

CREATE TABLE "api_token" (
  "id" UUID NOT NULL,
  "tenant_id" INTEGER,
  "name" TEXT NOT NULL,
  "sha256" BYTEA NOT NULL,
  "scopes" TEXT[] NOT NULL,
  "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT now(),
  "expires_at" TIMESTAMPTZ(6),
  "revoked_at" TIMESTAMPTZ(6),
  "last_used_at" TIMESTAMPTZ(6),
  CONSTRAINT "api_token_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "api_token_sha256_key" ON "api_token" ("sha256");

-- What was answered to an idempotency key: unique for a caller and mutation, kept for 24 hours.
CREATE TABLE "idempotent_request" (
  "caller" TEXT NOT NULL,
  "mutation" TEXT NOT NULL,
  "idempotency_key" TEXT NOT NULL,
  "input_sha256" BYTEA NOT NULL,
  "answer" JSONB NOT NULL,
  "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT now(),
  CONSTRAINT "idempotent_request_pkey" PRIMARY KEY ("caller", "mutation", "idempotency_key")
);
CREATE INDEX "idempotent_request_created_at_idx" ON "idempotent_request" ("created_at");

CREATE TABLE "audit_entry" (
  "key" BIGINT GENERATED ALWAYS AS IDENTITY,
  "tenant_id" INTEGER,
  "at" TIMESTAMPTZ(6) NOT NULL DEFAULT now(),
  "actor" TEXT NOT NULL,
  "action" TEXT NOT NULL,
  "trace_id" TEXT,
  "details" JSONB NOT NULL,
  CONSTRAINT "audit_entry_pkey" PRIMARY KEY ("key")
);
CREATE INDEX "audit_entry_tenant_id_key_idx" ON "audit_entry" ("tenant_id", "key");

CREATE TABLE "lease" (
  "name" TEXT NOT NULL,
  "holder" TEXT NOT NULL,
  "until" TIMESTAMPTZ(6) NOT NULL,
  CONSTRAINT "lease_pkey" PRIMARY KEY ("name")
);

CREATE TABLE "keyring_check" (
  "key_id" TEXT NOT NULL,
  "check_value" BYTEA NOT NULL,
  "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT now(),
  CONSTRAINT "keyring_check_pkey" PRIMARY KEY ("key_id")
);

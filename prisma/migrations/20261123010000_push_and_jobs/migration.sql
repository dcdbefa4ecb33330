-- Apple's push certificates, one for each topic. `version` grows with every upload: each process sees
-- by it, before its next push, that it has to use another certificate.
CREATE TABLE "push_certificate" (
  "topic" TEXT COLLATE "C" NOT NULL,
  "tenant_id" INTEGER NOT NULL,
  "version" INTEGER NOT NULL DEFAULT 1,
  "certificate" TEXT NOT NULL,
  "key" BYTEA NOT NULL,
  "subject" TEXT NOT NULL,
  "issuer" TEXT NOT NULL,
  "serial" TEXT NOT NULL,
  "sha256" BYTEA NOT NULL,
  "not_before" TIMESTAMPTZ(6) NOT NULL,
  "not_after" TIMESTAMPTZ(6) NOT NULL,
  "uploaded_by" TEXT NOT NULL,
  "uploaded_at" TIMESTAMPTZ(6) NOT NULL DEFAULT now(),
  "stopped_at" TIMESTAMPTZ(6),
  "stopped_reason" TEXT,
  "warned_days" INTEGER,
  CONSTRAINT "push_certificate_pkey" PRIMARY KEY ("topic")
);
CREATE INDEX "push_certificate_tenant_id_topic_idx" ON "push_certificate" ("tenant_id", "topic");

-- Requests for push certificates that wait for Apple's answer. Keys are sealed.
CREATE TABLE "push_certificate_request" (
  "id" UUID NOT NULL,
  "tenant_id" INTEGER NOT NULL,
  "common_name" TEXT NOT NULL,
  "csr" BYTEA NOT NULL,
  "key" BYTEA NOT NULL,
  "encryption_certificate" BYTEA,
  "encryption_key" BYTEA,
  "created_by" TEXT NOT NULL,
  "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT now(),
  "completed_at" TIMESTAMPTZ(6),
  CONSTRAINT "push_certificate_request_pkey" PRIMARY KEY ("id")
);
CREATE INDEX "push_certificate_request_tenant_id_id_idx" ON "push_certificate_request" ("tenant_id", "id");

-- How pushing to an enrolment stands; a table of its own, because every push writes it. `claimed_at` is
-- the last time somebody set about pushing: whoever asked before it is served by that push. `retry_at` is
-- when it is pushed to next; while a push is under way, when that is taken for lost. `token_updated_at`
-- is the TokenUpdate that the outcome is about: it says nothing of a later one.
CREATE TABLE "push_state" (
  "enrollment_key" BIGINT NOT NULL,
  "claimed_at" TIMESTAMPTZ(6) NOT NULL,
  "outcome" TEXT,
  "outcome_at" TIMESTAMPTZ(6),
  "reason" TEXT,
  "status" INTEGER,
  "apns_id" TEXT,
  "accepted_at" TIMESTAMPTZ(6),
  "attempts" INTEGER NOT NULL DEFAULT 0,
  "retry_at" TIMESTAMPTZ(6),
  "token_updated_at" TIMESTAMPTZ(6),
  CONSTRAINT "push_state_pkey" PRIMARY KEY ("enrollment_key")
) WITH (fillfactor = 50);
CREATE INDEX "push_state_retry_at_idx" ON "push_state" ("retry_at") WHERE "retry_at" IS NOT NULL;

-- Work that goes on after the request that asked for it, in whichever process has the lease. Until
-- `lease_until` nobody else takes it: a queued job may have to wait for its time, too.
CREATE TABLE "job" (
  "id" UUID NOT NULL,
  "tenant_id" INTEGER,
  "kind" TEXT NOT NULL,
  "state" TEXT NOT NULL DEFAULT 'QUEUED',
  "input" JSONB NOT NULL,
  "cursor" JSONB,
  "done" INTEGER NOT NULL DEFAULT 0,
  "failed" INTEGER NOT NULL DEFAULT 0,
  "total" INTEGER,
  "message" TEXT,
  "created_by" TEXT NOT NULL,
  "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT now(),
  "started_at" TIMESTAMPTZ(6),
  "finished_at" TIMESTAMPTZ(6),
  "holder" TEXT,
  "lease_until" TIMESTAMPTZ(6),
  CONSTRAINT "job_pkey" PRIMARY KEY ("id")
);
CREATE INDEX "job_tenant_id_created_at_id_idx" ON "job" ("tenant_id", "created_at", "id");
CREATE INDEX "job_unfinished_idx" ON "job" ("created_at") WHERE "state" IN ('QUEUED', 'RUNNING');

CREATE TABLE "job_error" (
  "key" BIGINT GENERATED ALWAYS AS IDENTITY,
  "job_id" UUID NOT NULL,
  "code" TEXT NOT NULL,
  "message" TEXT NOT NULL,
  "subject" TEXT,
  CONSTRAINT "job_error_pkey" PRIMARY KEY ("key")
);
CREATE INDEX "job_error_job_id_key_idx" ON "job_error" ("job_id", "key");

ALTER TABLE "event" ADD COLUMN "job_id" UUID;

-- How far a sweep over all enrolments has come; it takes a day for a round.
CREATE TABLE "sweep" (
  "name" TEXT NOT NULL,
  "position" BIGINT NOT NULL DEFAULT 0,
  "at" TIMESTAMPTZ(6) NOT NULL DEFAULT now(),
  CONSTRAINT "sweep_pkey" PRIMARY KEY ("name")
);
INSERT INTO "sweep" ("name") VALUES ('push');

-- When the device itself last changed its enrolment here (enrolled, sent its token, escrowed, left): what
-- is imported from elsewhere and is older than that changes nothing.
ALTER TABLE "enrollment" ADD COLUMN "heard_at" TIMESTAMPTZ(6);
UPDATE "enrollment" SET "heard_at" = greatest("authenticated_at", "token_updated_at", "checked_out_at");

-- Of a certificate that came with a migration perhaps only the hash is known. The device may come with
-- any of those that it is associated with, until it has been heard with one.
ALTER TABLE "device_certificate"
  ALTER COLUMN "subject" DROP NOT NULL,
  ALTER COLUMN "issuer" DROP NOT NULL,
  ALTER COLUMN "serial" DROP NOT NULL,
  ALTER COLUMN "not_before" DROP NOT NULL,
  ALTER COLUMN "not_after" DROP NOT NULL,
  ADD COLUMN "migrated_at" TIMESTAMPTZ(6);
CREATE INDEX "device_certificate_migrated_at_idx" ON "device_certificate" ("migrated_at")
  WHERE "migrated_at" IS NOT NULL AND "retired_at" IS NULL;

-- The line of a file that an error is about.
ALTER TABLE "job_error" ADD COLUMN "line" INTEGER;

-- A file that a caller sends line by line, to be worked on by a job. `problem` is why it cannot be used.
CREATE TABLE "upload" (
  "id" UUID NOT NULL,
  "tenant_id" INTEGER,
  "token_id" UUID,
  "state" TEXT NOT NULL DEFAULT 'WAITING',
  "lines" INTEGER NOT NULL DEFAULT 0,
  "bytes" BIGINT NOT NULL DEFAULT 0,
  "problem" TEXT,
  "problem_line" INTEGER,
  "job_id" UUID,
  "created_by" TEXT NOT NULL,
  "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT now(),
  "expires_at" TIMESTAMPTZ(6) NOT NULL,
  CONSTRAINT "upload_pkey" PRIMARY KEY ("id")
);
CREATE INDEX "upload_expires_at_idx" ON "upload" ("expires_at");

-- Its lines that are not blank, sealed: they may hold secrets. Reached through the upload only, which
-- says whose they are.
CREATE TABLE "upload_line" (
  "upload_id" UUID NOT NULL,
  "line" INTEGER NOT NULL,
  "content" BYTEA NOT NULL,
  CONSTRAINT "upload_line_pkey" PRIMARY KEY ("upload_id", "line")
);

-- Where each line of a migration belongs, so that what is about one device is worked on together, in
-- whatever order the file has it. Reached through the job only.
CREATE TABLE "migration_record" (
  "job_id" UUID NOT NULL,
  "phase" SMALLINT NOT NULL,
  "place" TEXT COLLATE "C" NOT NULL,
  "line" INTEGER NOT NULL,
  "name" TEXT COLLATE "C" NOT NULL,
  "bytes" INTEGER NOT NULL,
  "bad" BOOLEAN NOT NULL DEFAULT false,
  CONSTRAINT "migration_record_pkey" PRIMARY KEY ("job_id", "phase", "place", "line")
);
CREATE INDEX "migration_record_job_id_name_idx" ON "migration_record" ("job_id", "name");

-- The file of an export, in pages that are compressed, then sealed. Reached through the job only.
CREATE TABLE "export_page" (
  "job_id" UUID NOT NULL,
  "page" INTEGER NOT NULL,
  "content" BYTEA NOT NULL,
  CONSTRAINT "export_page_pkey" PRIMARY KEY ("job_id", "page")
);

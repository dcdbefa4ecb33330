-- How renewing a device's certificate stands, from when it is first due until the device has another
-- (or is gone). One row for a device; `certificate_sha256` is the certificate that is to be replaced.
CREATE TABLE "certificate_renewal" (
  "enrollment_key" BIGINT NOT NULL,
  "certificate_sha256" BYTEA NOT NULL,
  "not_after" TIMESTAMPTZ(6) NOT NULL,
  "state" TEXT NOT NULL,
  "reason" TEXT,
  "command_key" BIGINT,
  "attempts" INTEGER NOT NULL DEFAULT 0,
  "asked_at" TIMESTAMPTZ(6),
  "retry_at" TIMESTAMPTZ(6),
  "noticed_at" TIMESTAMPTZ(6) NOT NULL,
  CONSTRAINT "certificate_renewal_pkey" PRIMARY KEY ("enrollment_key")
);

-- The certificates in use, those that end first first.
CREATE INDEX "device_certificate_ending_idx" ON "device_certificate" ("not_after")
  WHERE "current_at" IS NOT NULL AND "retired_at" IS NULL;

-- A profile that somebody supplied for enrolments that were not made here, sealed: it is sent again
-- instead of one that is made of the values.
ALTER TABLE "profile_values" ADD COLUMN "profile" BYTEA;

-- What retention asks: which renewals and invitations ended long ago.
CREATE INDEX "enrollment_invitation_expires_at_idx" ON "enrollment_invitation" ("expires_at");

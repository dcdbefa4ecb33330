-- The device authority's certificates, the newest with the highest number; each stays trusted until it
-- ends. Keys are sealed, bound to the certificate's fingerprint; none: the authority is elsewhere.
CREATE TABLE "device_authority" (
  "generation" INTEGER NOT NULL,
  "sha256" BYTEA NOT NULL,
  "certificate" BYTEA NOT NULL,
  "key" BYTEA,
  "chain" BYTEA[] NOT NULL,
  "ra_certificate" BYTEA,
  "ra_key" BYTEA,
  "origin" TEXT NOT NULL,
  "subject" TEXT NOT NULL,
  "serial" TEXT NOT NULL,
  "not_before" TIMESTAMPTZ(6) NOT NULL,
  "not_after" TIMESTAMPTZ(6) NOT NULL,
  "created_by" TEXT NOT NULL,
  "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT now(),
  CONSTRAINT "device_authority_pkey" PRIMARY KEY ("generation")
);
CREATE UNIQUE INDEX "device_authority_sha256_key" ON "device_authority" ("sha256");

-- What allows devices to enrol: a challenge, of which only the hash is kept. With `enrollment_key` it
-- is the challenge of one enrolment's renewal profile, and good for nothing else.
CREATE TABLE "enrollment_invitation" (
  "key" BIGINT GENERATED ALWAYS AS IDENTITY,
  "id" UUID NOT NULL,
  "tenant_id" INTEGER NOT NULL,
  "challenge_sha256" BYTEA NOT NULL,
  "description" TEXT,
  "tags" TEXT[] NOT NULL,
  "topic" TEXT,
  "enrollment_key" BIGINT,
  "use_limit" INTEGER,
  "use_count" INTEGER NOT NULL DEFAULT 0,
  "last_used_at" TIMESTAMPTZ(6),
  "expires_at" TIMESTAMPTZ(6) NOT NULL,
  "created_by" TEXT NOT NULL,
  "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT now(),
  "revoked_by" TEXT,
  "revoked_at" TIMESTAMPTZ(6),
  CONSTRAINT "enrollment_invitation_pkey" PRIMARY KEY ("key")
);
CREATE UNIQUE INDEX "enrollment_invitation_id_key" ON "enrollment_invitation" ("id");
CREATE UNIQUE INDEX "enrollment_invitation_challenge_sha256_key"
  ON "enrollment_invitation" ("challenge_sha256");
CREATE INDEX "enrollment_invitation_tenant_id_key_idx" ON "enrollment_invitation" ("tenant_id", "key");
CREATE INDEX "enrollment_invitation_enrollment_key_idx" ON "enrollment_invitation" ("enrollment_key")
  WHERE "enrollment_key" IS NOT NULL;

-- Which key used a challenge (an invitation's id, or `static`) in which SCEP transaction: the same
-- again is no other use, and another key in the same transaction is refused.
CREATE TABLE "challenge_use" (
  "challenge" TEXT COLLATE "C" NOT NULL,
  "transaction_id" TEXT COLLATE "C" NOT NULL,
  "public_key_sha256" BYTEA NOT NULL,
  "used_at" TIMESTAMPTZ(6) NOT NULL DEFAULT now(),
  CONSTRAINT "challenge_use_pkey" PRIMARY KEY ("challenge", "transaction_id")
);

-- Every certificate that the device authority signed. A row without certificate was begun and never
-- handed out. `standing`: the one that a repeated request for the same purpose is answered with.
CREATE TABLE "issued_certificate" (
  "key" BIGINT GENERATED ALWAYS AS IDENTITY,
  "tenant_id" INTEGER NOT NULL,
  "serial" TEXT COLLATE "C" NOT NULL,
  "sha256" BYTEA,
  "certificate" BYTEA,
  "subject" TEXT NOT NULL,
  "issuer_sha256" BYTEA NOT NULL,
  "public_key_sha256" BYTEA NOT NULL,
  "requester_key_sha256" BYTEA NOT NULL,
  "transaction_id" TEXT COLLATE "C" NOT NULL,
  "purpose_sha256" BYTEA NOT NULL,
  "standing" BOOLEAN NOT NULL DEFAULT false,
  "invitation_id" UUID,
  "renewal_of" BYTEA,
  "profile_values_sha256" BYTEA,
  "not_before" TIMESTAMPTZ(6) NOT NULL,
  "not_after" TIMESTAMPTZ(6) NOT NULL,
  "begun_at" TIMESTAMPTZ(6) NOT NULL DEFAULT now(),
  "issued_at" TIMESTAMPTZ(6),
  "revoked_by" TEXT,
  "revoked_reason" TEXT,
  "revoked_at" TIMESTAMPTZ(6),
  CONSTRAINT "issued_certificate_pkey" PRIMARY KEY ("key")
);
CREATE UNIQUE INDEX "issued_certificate_serial_key" ON "issued_certificate" ("serial");
CREATE UNIQUE INDEX "issued_certificate_sha256_key" ON "issued_certificate" ("sha256");
CREATE UNIQUE INDEX "issued_certificate_purpose_sha256_key" ON "issued_certificate" ("purpose_sha256")
  WHERE "standing";
CREATE INDEX "issued_certificate_tenant_id_key_idx" ON "issued_certificate" ("tenant_id", "key");
CREATE INDEX "issued_certificate_transaction_id_idx" ON "issued_certificate" ("transaction_id");
CREATE INDEX "issued_certificate_invitation_id_idx" ON "issued_certificate" ("invitation_id")
  WHERE "invitation_id" IS NOT NULL;
CREATE INDEX "issued_certificate_revoked_at_idx" ON "issued_certificate" ("revoked_at")
  WHERE "revoked_at" IS NOT NULL;

-- The values of an MDM payload that no update may change, each combination once; and which of them an
-- enrolment was made with. Its renewal profile says exactly these.
CREATE TABLE "profile_values" (
  "sha256" BYTEA NOT NULL,
  "content" JSONB NOT NULL,
  "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT now(),
  CONSTRAINT "profile_values_pkey" PRIMARY KEY ("sha256")
);
CREATE TABLE "enrollment_profile_values" (
  "enrollment_key" BIGINT NOT NULL,
  "profile_values_sha256" BYTEA NOT NULL,
  "recorded_by" TEXT,
  "recorded_at" TIMESTAMPTZ(6) NOT NULL DEFAULT now(),
  CONSTRAINT "enrollment_profile_values_pkey" PRIMARY KEY ("enrollment_key")
);

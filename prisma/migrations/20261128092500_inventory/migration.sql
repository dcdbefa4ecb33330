-- The newest that each enrolment answered to each type of command that tells what it is like. One row
-- for a list, however long: a million devices with a hundred applications each are a million rows.
CREATE TABLE "inventory_section" (
  "enrollment_key" BIGINT NOT NULL,
  "section" TEXT COLLATE "C" NOT NULL,
  "tenant_id" INTEGER NOT NULL,
  "content" JSONB NOT NULL,
  "answered_at" TIMESTAMPTZ(6) NOT NULL,
  "command_key" BIGINT NOT NULL,
  CONSTRAINT "inventory_section_pkey" PRIMARY KEY ("enrollment_key", "section")
);

-- What lists of enrolments are to be found by, out of the sections.
CREATE TABLE "device_inventory" (
  "enrollment_key" BIGINT NOT NULL,
  "tenant_id" INTEGER NOT NULL,
  "supervised" BOOLEAN,
  "battery_level" DOUBLE PRECISION,
  "device_capacity" DOUBLE PRECISION,
  "available_device_capacity" DOUBLE PRECISION,
  "apple_silicon" BOOLEAN,
  "activation_lock_enabled" BOOLEAN,
  "passcode_present" BOOLEAN,
  "file_vault_enabled" BOOLEAN,
  "application_count" INTEGER,
  "updated_at" TIMESTAMPTZ(6) NOT NULL,
  CONSTRAINT "device_inventory_pkey" PRIMARY KEY ("enrollment_key")
) WITH (fillfactor = 80);

-- Append-only, in the order in which it was found out.
CREATE TABLE "inventory_change" (
  "key" BIGINT GENERATED ALWAYS AS IDENTITY,
  "enrollment_key" BIGINT NOT NULL,
  "tenant_id" INTEGER NOT NULL,
  "section" TEXT NOT NULL,
  "field" TEXT NOT NULL,
  "previous" JSONB,
  "current" JSONB,
  "at" TIMESTAMPTZ(6) NOT NULL,
  "command_key" BIGINT NOT NULL,
  CONSTRAINT "inventory_change_pkey" PRIMARY KEY ("key")
);
CREATE INDEX "inventory_change_enrollment_key_key_idx" ON "inventory_change" ("enrollment_key", "key");
CREATE INDEX "inventory_change_at_idx" ON "inventory_change" USING BRIN ("at");

-- Answers that inventory should have been taken from and was not.
CREATE TABLE "inventory_problem" (
  "enrollment_key" BIGINT NOT NULL,
  "command_key" BIGINT NOT NULL,
  "tenant_id" INTEGER NOT NULL,
  "reason" TEXT NOT NULL,
  "at" TIMESTAMPTZ(6) NOT NULL DEFAULT now(),
  CONSTRAINT "inventory_problem_pkey" PRIMARY KEY ("enrollment_key", "command_key")
);
CREATE INDEX "inventory_problem_at_idx" ON "inventory_problem" USING BRIN ("at");

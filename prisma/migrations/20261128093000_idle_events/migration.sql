-- When an enrolment's last poll became an event, with --idle-events: written often, so apart.
CREATE TABLE "enrollment_idle" (
  "enrollment_key" BIGINT NOT NULL,
  "told_at" TIMESTAMPTZ(6) NOT NULL,
  CONSTRAINT "enrollment_idle_pkey" PRIMARY KEY ("enrollment_key")
) WITH (fillfactor = 50);

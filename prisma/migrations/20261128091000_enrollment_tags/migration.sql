-- Free tags, one row for each of an enrolment. The key is also the list of a tag's enrolments in the
-- order of their ids: a page of it is one range. Tenant and id are copies, which moving an enrolment to
-- another tenant has to move too.
CREATE TABLE "enrollment_tag" (
  "tenant_id" INTEGER NOT NULL,
  "tag" TEXT COLLATE "C" NOT NULL,
  "enrollment_id" TEXT COLLATE "C" NOT NULL,
  "enrollment_key" BIGINT NOT NULL,
  CONSTRAINT "enrollment_tag_pkey" PRIMARY KEY ("tenant_id", "tag", "enrollment_id")
);
CREATE INDEX "enrollment_tag_enrollment_key_tag_idx" ON "enrollment_tag" ("enrollment_key", "tag");

ALTER TABLE "enrollment" ADD COLUMN "notes" TEXT;

-- What lists of devices are ordered and filtered by. Each of these indexes is one order of one tenant's
-- devices, with the key behind it to page by; what is unknown sorts first. A TokenUpdate changes none of
-- these values, so that it stays a HOT update. Texts come from devices: only their beginning is indexed,
-- or a long one could not be stored at all.

-- When the certificate ends that `cert_hash` names; null where that is not known.
ALTER TABLE "enrollment" ADD COLUMN "cert_not_after" TIMESTAMPTZ(6);
UPDATE "enrollment" e SET "cert_not_after" = c."not_after"
FROM "device_certificate" c WHERE c."sha256" = e."cert_hash";

-- orderBy: one for each field.
CREATE INDEX "enrollment_list_serial_number_idx" ON "enrollment"
  ("tenant_id", (coalesce(left("serial_number", 100), '')), "key") WHERE "device_key" IS NULL;
CREATE INDEX "enrollment_list_device_name_idx" ON "enrollment"
  ("tenant_id", (coalesce(lower(left("device_name", 100) COLLATE "C"), '')), "key")
  WHERE "device_key" IS NULL;
CREATE INDEX "enrollment_list_enrolled_at_idx" ON "enrollment"
  ("tenant_id", (coalesce("enrolled_at", to_timestamp(0))), "key") WHERE "device_key" IS NULL;
CREATE INDEX "enrollment_list_created_at_idx" ON "enrollment"
  ("tenant_id", "created_at", "key") WHERE "device_key" IS NULL;
CREATE INDEX "enrollment_list_cert_not_after_idx" ON "enrollment"
  ("tenant_id", (coalesce("cert_not_after", to_timestamp(0))), "key")
  WHERE "device_key" IS NULL;
-- 10.15.7 is 1000150007: versions compare by their numbers. What begins with no number is -1.
CREATE INDEX "enrollment_list_os_version_idx" ON "enrollment"
  ("tenant_id", (coalesce(
      substring("os_version" from '^(\d{1,4})(?!\d)')::bigint * 100000000
      + coalesce(substring("os_version" from '^\d+\.(\d{1,4})(?!\d)')::bigint, 0) * 10000
      + coalesce(substring("os_version" from '^\d+\.\d+\.(\d{1,4})(?!\d)')::bigint, 0), -1)), "key")
  WHERE "device_key" IS NULL;

-- Filters by one value that most devices do not have, in the order of ids.
CREATE INDEX "enrollment_list_enabled_idx" ON "enrollment" ("tenant_id", "enabled", "id")
  WHERE "device_key" IS NULL;
CREATE INDEX "enrollment_list_topic_idx" ON "enrollment" ("tenant_id", (left("topic", 100)), "id")
  WHERE "device_key" IS NULL;
CREATE INDEX "enrollment_list_model_idx" ON "enrollment" ("tenant_id", (left("model", 100)), "id")
  WHERE "device_key" IS NULL;
CREATE INDEX "enrollment_list_awaiting_idx" ON "enrollment" ("tenant_id", "id")
  WHERE "device_key" IS NULL AND "awaiting_configuration" IS TRUE;

-- The hour in which an enrolment was last heard, in hours since 1970; 0: never. Written only when the
-- hour changes: the exact time is in `enrollment_seen`, which has no index. A table of its own, because a
-- change of it in `enrollment` would be one in each of that table's indexes. Every enrolment has a row,
-- made with it by the trigger below, whoever makes it.
CREATE TABLE "enrollment_seen_hour" (
  "enrollment_key" BIGINT NOT NULL,
  "tenant_id" INTEGER NOT NULL,
  "device" BOOLEAN NOT NULL,
  "hour" INTEGER NOT NULL DEFAULT 0,
  CONSTRAINT "enrollment_seen_hour_pkey" PRIMARY KEY ("enrollment_key")
);
INSERT INTO "enrollment_seen_hour" ("enrollment_key", "tenant_id", "device", "hour")
SELECT e."key", e."tenant_id", e."device_key" IS NULL,
  coalesce(floor(extract(epoch from s."last_seen_at") / 3600)::int, 0)
FROM "enrollment" e LEFT JOIN "enrollment_seen" s ON s."enrollment_key" = e."key";
CREATE INDEX "enrollment_seen_hour_list_idx" ON "enrollment_seen_hour"
  ("tenant_id", "hour", "enrollment_key") WHERE "device";

CREATE FUNCTION "enrollment_made"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO enrollment_seen_hour (enrollment_key, tenant_id, device)
  SELECT key, tenant_id, device_key IS NULL FROM made ORDER BY key ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;
CREATE TRIGGER "enrollment_made" AFTER INSERT ON "enrollment"
  REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION "enrollment_made"();

-- Lists carry a copy of the tenant, or their indexes could not begin with it.
CREATE FUNCTION "enrollment_moved"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE enrollment_seen_hour SET tenant_id = NEW.tenant_id WHERE enrollment_key = NEW.key;
  UPDATE enrollment_tag SET tenant_id = NEW.tenant_id WHERE enrollment_key = NEW.key;
  RETURN NULL;
END $$;
CREATE TRIGGER "enrollment_moved" AFTER UPDATE OF "tenant_id" ON "enrollment"
  FOR EACH ROW WHEN (OLD.tenant_id IS DISTINCT FROM NEW.tenant_id)
  EXECUTE FUNCTION "enrollment_moved"();

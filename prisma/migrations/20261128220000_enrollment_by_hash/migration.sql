-- Devices are looked up by one page of a hash index and the row: as many for a million as for a thousand. The
-- unique index that carried what a poll wants was four levels deep then, and no longer spared the row wherever
-- rows had changed since the last vacuum. It stays for uniqueness and order.
CREATE INDEX "enrollment_id_idx" ON "enrollment" USING HASH ("id");
CREATE UNIQUE INDEX "enrollment_id_only_key" ON "enrollment" ("id");
DROP INDEX "enrollment_id_key";
ALTER INDEX "enrollment_id_only_key" RENAME TO "enrollment_id_key";

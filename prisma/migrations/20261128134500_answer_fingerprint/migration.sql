-- What the answer was that a section was last told by: one that says the same is not decoded again.
ALTER TABLE "inventory_section" ADD COLUMN "answer_fingerprint" BYTEA;

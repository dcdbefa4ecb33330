-- Each event leaves an entry behind in `event_unnumbered_idx` when it gets its number, and every numbering
-- walks over the entries that were left since the last vacuum. The default waits for a fifth of the table, which
-- is millions of them once the history is long.
ALTER TABLE "event" SET (
  autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_vacuum_threshold = 10000
);

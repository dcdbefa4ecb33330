import type { Pool } from 'pg';
import { deleteOldJobs } from '../../store/jobs/jobs.ts';
import {
  deleteOldChallengeUses,
  deleteOldCommands,
  deleteOldEvents,
  deleteOldHistory,
  deleteOldIdempotency,
  deleteOldInventoryChanges,
  deleteOldInvitations,
  deleteOldMessages,
  deleteOldProjectionFailures,
  forgetOldResults,
} from '../../store/retention.ts';
import { deleteOldExports } from '../../store/export/pages.ts';
import { retireMigratedCertificates } from '../../store/migration/certificates.ts';
import { deleteOldMigrationRecords } from '../../store/migration/records.ts';
import { deleteOldUploads } from '../../store/uploads/uploads.ts';

/** How long things are kept, in seconds; null keeps them for ever. */
export interface Retention {
  readonly events: number | null;
  readonly history: number | null;
  readonly results: number | null;
}

/**
 * Deletes what is older than it may be, in short transactions, until nothing is left to delete.
 * Raw check-ins live as long as results, which is at least as long as the events that link to them.
 */
export async function sweep(pool: Pool, keep: Retention, signal: AbortSignal): Promise<void> {
  const steps: (() => Promise<number>)[] = [
    () => deleteOldIdempotency(pool),
    () => deleteOldUploads(pool),
    () => deleteOldMigrationRecords(pool),
    () => deleteOldExports(pool),
    () => retireMigratedCertificates(pool),
  ];
  const { events, history, results } = keep;
  if (events !== null) {
    steps.push(
      () => deleteOldEvents(pool, events),
      () => deleteOldProjectionFailures(pool),
    );
  }
  if (results !== null) {
    steps.push(
      () => forgetOldResults(pool, results),
      () => deleteOldMessages(pool, results),
    );
  }
  if (history !== null) {
    steps.push(
      () => deleteOldHistory(pool, history),
      () => deleteOldInventoryChanges(pool, history),
      () => deleteOldCommands(pool, history),
      () => deleteOldJobs(pool, history),
      () => deleteOldInvitations(pool, history),
      () => deleteOldChallengeUses(pool, history),
    );
  }
  for (const step of steps) {
    while (!signal.aborted && (await step()) > 0);
  }
}

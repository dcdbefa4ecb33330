import type { JobKind } from './jobs/runner.ts';
import { moveJobKind } from './mdm/access/move-input.ts';
import { runMoveJob } from './mdm/access/move-job.ts';
import type { MdmContext } from './mdm/context.ts';
import { exportJobKind, runExportJob } from './mdm/export/job.ts';
import { migrationJobKind } from './mdm/migration/job-input.ts';
import { runMigrationJob } from './mdm/migration/job.ts';

/** The jobs that bring enrolments in and out, and from one tenant to another. */
export function migrationJobs(ctx: MdmContext): ReadonlyMap<string, JobKind> {
  return new Map<string, JobKind>([
    [migrationJobKind, (job) => runMigrationJob(ctx, job)],
    [moveJobKind, (job) => runMoveJob(ctx, job)],
    [exportJobKind, (job) => runExportJob(ctx, job)],
  ]);
}

import type { JobKind } from './jobs/runner.ts';
import type { MdmContext } from './mdm/context.ts';
import { exportJobKind, runExportJob } from './mdm/export/job.ts';
import { migrationJobKind } from './mdm/migration/job-input.ts';
import { runMigrationJob } from './mdm/migration/job.ts';

/** The jobs that bring enrolments in and out. */
export function migrationJobs(ctx: MdmContext): ReadonlyMap<string, JobKind> {
  return new Map<string, JobKind>([
    [migrationJobKind, (job) => runMigrationJob(ctx, job)],
    [exportJobKind, (job) => runExportJob(ctx, job)],
  ]);
}

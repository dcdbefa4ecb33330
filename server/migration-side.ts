import type { JobKind } from './jobs/runner.ts';
import type { MdmContext } from './mdm/context.ts';
import { migrationJobKind } from './mdm/migration/job-input.ts';
import { runMigrationJob } from './mdm/migration/job.ts';

/** The jobs that bring enrolments in. */
export function migrationJobs(ctx: MdmContext): ReadonlyMap<string, JobKind> {
  return new Map([[migrationJobKind, (job) => runMigrationJob(ctx, job)]]);
}

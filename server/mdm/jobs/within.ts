import { JobFailed } from '../../store/jobs/jobs.ts';

/**
 * Demands that a job stays within what a dry run found, though it looks for its targets anew with each
 * page. Call it in the page's transaction, which is taken back then.
 * @param expected null: nobody has counted them before
 * @param done     how many the job has done with this page
 * @throws {JobFailed} there are more
 */
export function demandWithin(expected: number | null, done: number): void {
  if (expected === null || done <= expected) return;
  throw new JobFailed(
    'TARGETS_CHANGED',
    `More are meant now than the ${expected} expected, so it has stopped: what it had done stays done. ` +
      'Ask with validateOnly again and look at those that are left.',
  );
}

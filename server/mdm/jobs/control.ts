import { ConflictError, NotFoundError } from '../../model/errors.ts';
import { currentTraceId } from '../../model/trace.ts';
import type { Viewer } from '../../model/viewer.ts';
import { appendAudit } from '../../store/audit.ts';
import { type JobState, changeJobState } from '../../store/jobs/jobs.ts';
import { withTransaction } from '../../store/transaction.ts';
import type { MdmContext } from '../context.ts';

const rules = {
  cancelJob: { from: ['QUEUED', 'RUNNING', 'PAUSED'], to: 'CANCELLED' },
  pauseJob: { from: ['QUEUED', 'RUNNING'], to: 'PAUSED' },
  resumeJob: { from: ['PAUSED'], to: 'QUEUED' },
} as const satisfies Record<
  string,
  { from: readonly JobState[]; to: 'CANCELLED' | 'PAUSED' | 'QUEUED' }
>;

/** What can be done to a job from outside. */
export type JobAction = keyof typeof rules;

/**
 * Cancels, pauses or resumes a job. One that runs stops at its next page.
 * @param jobId null when what the caller gave cannot be a job's id
 * @throws {NotFoundError} no such job for this viewer
 * @throws {ConflictError} its state does not allow it
 */
export async function controlJob(
  ctx: MdmContext,
  viewer: Viewer,
  action: JobAction,
  jobId: string | null,
): Promise<void> {
  const { from, to } = rules[action];
  const path = ['input', 'jobId'];
  if (jobId === null) throw new NotFoundError('UNKNOWN_JOB', 'No job has this id.', path);
  await withTransaction(ctx.graph, async (client) => {
    const { found, changed } = await changeJobState(
      client,
      jobId,
      viewer.tenant,
      from,
      to,
      viewer.actor,
    );
    if (found === null) throw new NotFoundError('UNKNOWN_JOB', `No job has the id ${jobId}.`, path);
    if (!changed) {
      throw new ConflictError('JOB_STATE', `The job is ${found}; ${action} is not possible.`, path);
    }
    await appendAudit(client, viewer, action, currentTraceId() ?? null, { jobId });
  });
  ctx.committed();
  ctx.kickJobs();
}

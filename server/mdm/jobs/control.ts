import type { PoolClient } from 'pg';
import { z } from 'zod';
import { ConflictError, NotFoundError } from '../../model/errors.ts';
import { currentTraceId } from '../../model/trace.ts';
import type { Viewer } from '../../model/viewer.ts';
import { appendAudit } from '../../store/audit.ts';
import { type JobState, changeJobState } from '../../store/jobs/jobs.ts';
import { withTransaction } from '../../store/transaction.ts';
import type { MdmContext } from '../context.ts';
import { once } from '../idempotency.ts';

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

export interface ControlJobInput {
  /** Null when what the caller gave cannot be a job's id. */
  readonly jobId: string | null;
  readonly idempotencyKey: string | null;
}

export interface ControlJobAnswer {
  readonly jobId: string;
  readonly cursor: string;
  readonly replayed: boolean;
}

const stored = z.object({ jobId: z.string(), cursor: z.string() });

/**
 * Cancels, pauses or resumes a job. One that runs stops at its next page.
 * @throws {NotFoundError} no such job for this viewer
 * @throws {ConflictError} its state does not allow it
 */
export async function controlJob(
  ctx: MdmContext,
  viewer: Viewer,
  action: JobAction,
  { jobId, idempotencyKey: key }: ControlJobInput,
): Promise<ControlJobAnswer> {
  const path = ['input', 'jobId'];
  if (jobId === null) throw new NotFoundError('UNKNOWN_JOB', 'No job has this id.', path);
  const cursor = await ctx.currentCursor();
  const done = await withTransaction(ctx.graph, (client) =>
    once(
      client,
      { viewer, mutation: action, key, input: { jobId } },
      async () => {
        await change(client, viewer, action, jobId, path);
        return { jobId, cursor };
      },
      (answer) => stored.parse(answer),
    ),
  );
  ctx.committed();
  ctx.kickJobs();
  return { ...done.answer, replayed: done.replayed };
}

async function change(
  client: PoolClient,
  viewer: Viewer,
  action: JobAction,
  jobId: string,
  path: readonly string[],
): Promise<void> {
  const { from, to } = rules[action];
  const { tenant, actor } = viewer;
  const { found, changed } = await changeJobState(client, jobId, tenant, from, to, actor);
  if (found === null) throw new NotFoundError('UNKNOWN_JOB', `No job has the id ${jobId}.`, path);
  if (!changed) {
    throw new ConflictError('JOB_STATE', `The job is ${found}; ${action} is not possible.`, path);
  }
  await appendAudit(client, viewer, action, currentTraceId() ?? null, { jobId });
}

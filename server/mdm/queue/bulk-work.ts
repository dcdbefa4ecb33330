import { randomUUID } from 'node:crypto';
import type { PoolClient } from 'pg';
import { z } from 'zod';
import { currentTraceId } from '../../model/trace.ts';
import type { TenantId } from '../../model/viewer.ts';
import { insertJob, jobGoesOn, saveJob } from '../../store/jobs/jobs.ts';
import {
  endSelected,
  type PageBounds,
  type QueueSelection,
  reorderSelected,
  type SelectedPage,
} from '../../store/queue/selection.ts';
import { withTransaction } from '../../store/transaction.ts';
import type { MdmContext } from '../context.ts';
import { readJobInput } from '../jobs/job-input.ts';
import { jobTargets } from '../jobs/job-targets.ts';
import { demandWithin } from '../jobs/within.ts';
import { demandNoMoreThan, demandWholly } from './queue-control.ts';

/** Entries that are done in one transaction: each that leaves has an event, and a stream must not stand still. */
const pageSize = 1_000;

/** What is to be done to entries of queues. */
export interface QueueWork {
  readonly selection: QueueSelection;
  readonly what:
    | { readonly end: 'CANCELLED' | 'CLEARED' }
    /** The same priority for all. */
    | { readonly priority: number };
  /** How many entries a dry run found: more are never touched. Null: nobody has counted them. */
  readonly expectedCount: number | null;
  readonly actor: string;
}

/** The kinds under which such work is a job. */
export const queueJobKinds = ['CANCEL_COMMAND', 'CLEAR_QUEUE', 'SET_COMMAND_PRIORITY'] as const;

export type QueueJobKind = (typeof queueJobKinds)[number];

const queueWork = z.object({
  selection: z.object({
    commandKey: z.string().nullable(),
    targets: jobTargets.nullable(),
    tenant: z.number().nullable(),
    upTo: z.string(),
  }),
  what: z.union([
    z.object({ end: z.enum(['CANCELLED', 'CLEARED']) }),
    z.object({ priority: z.number() }),
  ]),
  expectedCount: z.number().nullable().default(null),
  actor: z.string(),
});

const cursorShape = z.object({ from: z.string() }).nullable();

/** What has been done, or will be by the job. */
export interface WorkBegun {
  readonly count: number;
  readonly jobId: string | null;
}

/**
 * Does a small piece of work at once, in the caller's transaction, and makes a job of a large one.
 * @throws {ConflictError} more than expected have come to be meant since they were counted
 */
export async function doOrBegin(
  ctx: MdmContext,
  client: PoolClient,
  work: QueueWork,
  job: { readonly kind: QueueJobKind; readonly tenantId: TenantId | null; readonly count: number },
): Promise<WorkBegun> {
  if (job.count <= pageSize) {
    const { count } = await doPage(ctx, client, work, { from: '0', limit: pageSize + 1 });
    demandNoMoreThan(work.expectedCount, count);
    demandWholly(pageSize, count);
    return { count, jobId: null };
  }
  const jobId = randomUUID();
  await insertJob(client, {
    id: jobId,
    tenantId: job.tenantId,
    kind: job.kind,
    input: work,
    total: job.count,
    createdBy: work.actor,
  });
  return { count: job.count, jobId };
}

/** The parts of a running job that this needs; the engine gives it. */
interface RunningJob {
  readonly id: string;
  readonly holder: string;
  readonly input: unknown;
  readonly cursor: unknown;
  readonly done: number;
  readonly signal: AbortSignal;
}

/** Works in pages, each with the job's progress in one transaction. What is done is never done again. */
export async function runQueueJob(ctx: MdmContext, job: RunningJob): Promise<void> {
  const work: QueueWork = readJobInput(queueWork, job.input);
  let from = cursorShape.parse(job.cursor)?.from ?? '0';
  let before = job.done;
  while (!job.signal.aborted) {
    const page = await withTransaction(ctx.graph, async (client) => {
      if (!(await jobGoesOn(client, job.id, job.holder))) return null;
      const done = await doPage(ctx, client, work, { from, limit: pageSize });
      demandWithin(work.expectedCount, before + done.count);
      const cursor = { from: done.last ?? from };
      await saveJob(client, job.id, job.holder, { cursor, done: done.count });
      return done;
    });
    ctx.committed();
    if (page === null || page.last === null || page.count < pageSize) return;
    from = page.last;
    before += page.count;
  }
}

function doPage(
  ctx: MdmContext,
  client: PoolClient,
  { selection, what, actor }: QueueWork,
  bounds: PageBounds,
): Promise<SelectedPage> {
  if ('priority' in what) return reorderSelected(client, selection, bounds, -what.priority);
  const traceId = currentTraceId() ?? null;
  return endSelected(client, selection, bounds, {
    reason: what.end,
    at: ctx.clock.now(),
    traceId,
    actor,
  });
}

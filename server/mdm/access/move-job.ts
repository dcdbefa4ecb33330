import { z } from 'zod';
import { jobGoesOn, saveJob } from '../../store/jobs/jobs.ts';
import { withTransaction } from '../../store/transaction.ts';
import type { MdmContext } from '../context.ts';
import { readJobInput } from '../jobs/job-input.ts';
import { demandWithin } from '../jobs/within.ts';
import { moveJobInput } from './move-input.ts';
import { movePage, movePageSize } from './move-page.ts';

/** The parts of a running job that moving needs; the engine gives it. */
export interface MoveJob {
  readonly id: string;
  readonly holder: string;
  readonly input: unknown;
  readonly cursor: unknown;
  readonly done: number;
  readonly signal: AbortSignal;
}

const cursorShape = z.object({ after: z.string() }).nullable();

/** Moves devices to another tenant, in pages, each in one transaction with the job's progress. */
export async function runMoveJob(ctx: MdmContext, job: MoveJob): Promise<void> {
  const input = readJobInput(moveJobInput, job.input);
  let after = cursorShape.parse(job.cursor)?.after ?? '0';
  let { done } = job;
  while (!job.signal.aborted) {
    const page = await withTransaction(ctx.graph, async (client) => {
      if (!(await jobGoesOn(client, job.id, job.holder))) return null;
      const bounds = { after, limit: movePageSize };
      const moved = await movePage(client, input, bounds, ctx.clock.now());
      demandWithin(input.expectedCount, done + moved.count);
      const cursor = { after: moved.last ?? after };
      await saveJob(client, job.id, job.holder, { cursor, done: moved.count });
      return moved;
    });
    ctx.committed();
    if (page === null || page.last === null || page.count < movePageSize) return;
    done += page.count;
    after = page.last;
  }
}

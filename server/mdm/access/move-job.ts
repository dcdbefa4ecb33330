import { z } from 'zod';
import { jobGoesOn, saveJob } from '../../store/jobs/jobs.ts';
import { withTransaction } from '../../store/transaction.ts';
import { tookTooLong } from '../../store/unavailable.ts';
import type { MdmContext } from '../context.ts';
import { readJobInput } from '../jobs/job-input.ts';
import { createPageSize } from '../jobs/page-size.ts';
import { demandWithin } from '../jobs/within.ts';
import { moveJobInput } from './move-input.ts';
import { type MovedPage, movePage, movePageSize } from './move-page.ts';

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

/**
 * Moves devices to another tenant, in pages, each in one transaction with the job's progress. How much
 * belongs to a device nobody knows before, so a page that takes too long is tried with half as many.
 */
export async function runMoveJob(ctx: MdmContext, job: MoveJob): Promise<void> {
  const input = readJobInput(moveJobInput, job.input);
  let after = cursorShape.parse(job.cursor)?.after ?? '0';
  let { done } = job;
  const size = createPageSize(movePageSize);

  const move = (limit: number): Promise<MovedPage | null> =>
    withTransaction(ctx.graph, async (client) => {
      if (!(await jobGoesOn(client, job.id, job.holder))) return null;
      const moved = await movePage(client, input, { after, limit }, ctx.clock.now());
      demandWithin(input.expectedCount, done + moved.count);
      const cursor = { after: moved.last ?? after };
      await saveJob(client, job.id, job.holder, { cursor, done: moved.count });
      return moved;
    });

  while (!job.signal.aborted) {
    const limit = size.now();
    const page = await move(limit).catch((error: unknown) => {
      if (tookTooLong(error) && size.halve()) return 'too long' as const;
      throw error;
    });
    if (page === 'too long') continue;
    ctx.committed();
    if (page === null || page.last === null || page.count < limit) return;
    done += page.count;
    after = page.last;
    size.grow();
  }
}

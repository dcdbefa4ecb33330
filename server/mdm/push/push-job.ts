import { z } from 'zod';
import { currentTraceId } from '../../model/trace.ts';
import { appendJobErrors, jobGoesOn, saveJob } from '../../store/jobs/jobs.ts';
import { type ClaimedPage, claimPage } from '../../store/push/claim-page.ts';
import type { ClaimedPush } from '../../store/push/claimed-push.ts';
import { keepOutcomes, type PushOutcomeRow } from '../../store/push/outcomes.ts';
import type { PushSelection } from '../../store/push/selection.ts';
import { withTransaction } from '../../store/transaction.ts';
import type { MdmContext } from '../context.ts';
import { readJobInput } from '../jobs/job-input.ts';
import { createJobPages } from './job-pages.ts';
import { isFailure } from './outcome.ts';
import type { PushContext } from './push-context.ts';
import { pushJobInput } from './push-job-input.ts';
import { sendPushes } from './send.ts';

/** The parts of a running job that pushing needs; the engine gives it. */
export interface PushJob {
  readonly id: string;
  readonly holder: string;
  readonly input: unknown;
  readonly cursor: unknown;
  readonly startedAt: Date;
  readonly signal: AbortSignal;
}

/** Enrolments that are claimed together. */
const pageSize = 500;

/** Two pushes that are asked for within this time are one, in milliseconds. */
const sameMoment = 2_000;

const cursorShape = z.object({ after: z.string() }).nullable();

/**
 * Pushes to everybody that a job names, in pages that are claimed while those before are still under
 * way. The job's cursor follows when a page is done. So a process that dies leaves claims behind, which
 * others take up again, and the job's next run skips whoever was claimed since its start: nobody is left
 * out, or pushed to twice by two living processes.
 */
export async function runPushJob(ctx: MdmContext & PushContext, job: PushJob): Promise<void> {
  const selection: PushSelection = readJobInput(pushJobInput, job.input);
  const traceId = currentTraceId() ?? null;
  // A mere push is served by one a moment ago. Work that is queued, or a new certificate, is not; and
  // the database's clock is finer than ours.
  const isMere = 'targets' in selection;
  const since = new Date(job.startedAt.getTime() + (isMere ? -sameMoment : 1));
  const pages = createJobPages();
  let saving = Promise.resolve();

  /** One after the other, so that the cursor never goes back. */
  function save(work: () => Promise<void>): Promise<void> {
    const saved = saving.then(work);
    saving = saved.catch(() => {});
    return saved;
  }

  async function* source(): AsyncGenerator<readonly ClaimedPush[]> {
    let after: string | null = cursorShape.parse(job.cursor)?.after ?? '0';
    while (after !== null && !job.signal.aborted) {
      const page = await nextPage(after);
      if (page === null) return;
      pages.add(page);
      if (page.claimed.length > 0) yield page.claimed;
      else await save(() => saveProgress());
      after = page.next;
    }
  }

  /** @returns null when the job was cancelled, paused or taken over: nothing is claimed then */
  function nextPage(after: string): Promise<ClaimedPage | null> {
    return withTransaction(ctx.graph, async (client) =>
      (await jobGoesOn(client, job.id, job.holder))
        ? claimPage(client, selection, { after, since, limit: pageSize })
        : null,
    );
  }

  async function saveProgress(): Promise<void> {
    const progress = pages.take();
    if (progress === null || progress.done + progress.failed === 0) return;
    await saveJob(ctx.graph, job.id, job.holder, progress);
    ctx.committed();
  }

  async function keep(rows: readonly PushOutcomeRow[]): Promise<void> {
    await save(async () => {
      pages.settle(rows);
      const progress = pages.take();
      await withTransaction(ctx.graph, async (client) => {
        await keepOutcomes(client, rows, { accepted: isMere, jobId: job.id, traceId });
        await appendJobErrors(client, job.id, rows.filter(isFailure).map(errorOf));
        if (progress !== null) await saveJob(client, job.id, job.holder, progress);
      });
    });
    ctx.committed();
  }

  await sendPushes(ctx, source(), keep);
}

function errorOf({ push, outcome, reason }: PushOutcomeRow) {
  return { code: outcome, message: reason ?? '', subject: push.enrollmentId };
}

import { z } from 'zod';
import type { Targets } from '../../model/targets.ts';
import {
  type ClaimedPage,
  type ClaimedPush,
  type PushSelection,
  claimPage,
} from '../../store/push/claim.ts';
import { saveJob } from '../../store/jobs/jobs.ts';
import { withTransaction } from '../../store/transaction.ts';
import type { MdmContext } from '../context.ts';
import type { PushContext } from './push-context.ts';
import { sendPushes } from './send.ts';

/** The kind under which pushes to many are jobs. */
export const pushJobKind = 'PUSH';

/** What a push job's row holds. */
export type PushJobInput =
  | { readonly commandKey: string }
  | { readonly targets: Targets; readonly tenant: number | null };

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
const commandInput = z.object({ commandKey: z.string() });
const targetsInput = z.object({
  // Written by ourselves from checked targets, and read back as they were.
  targets: z.custom<Targets>((value) => typeof value === 'object' && value !== null),
  tenant: z.number().nullable(),
});

/** Rolls a claim back. */
class JobTaken extends Error {}

/**
 * Pushes to everybody that a job names, in pages: a page is claimed and the job's cursor moved in one
 * transaction, so that a process that dies leaves claims behind which others take up again, and nobody
 * is left out or pushed to twice by two living processes.
 */
export async function runPushJob(ctx: MdmContext & PushContext, job: PushJob): Promise<void> {
  const command = commandInput.safeParse(job.input);
  const selection: PushSelection = command.success ? command.data : targetsInput.parse(job.input);
  // Work that is queued must be pushed for after it is; a mere push is served by one a moment ago.
  const since = command.success ? job.startedAt : new Date(job.startedAt.getTime() - sameMoment);

  async function* pages(): AsyncGenerator<ClaimedPush> {
    let after: string | null = cursorShape.parse(job.cursor)?.after ?? '0';
    while (after !== null && !job.signal.aborted) {
      const page = await nextPage(after);
      if (page === null) return;
      yield* page.claimed;
      after = page.next;
    }
  }

  /** @returns null when the job was cancelled, paused or taken over: nothing is claimed then */
  async function nextPage(after: string): Promise<ClaimedPage | null> {
    try {
      return await withTransaction(ctx.graph, async (client) => {
        const page = await claimPage(client, selection, { after, since, limit: pageSize });
        const goesOn = await saveJob(client, job.id, job.holder, {
          cursor: { after: page.next ?? page.last },
          done: page.looked - page.claimed.length,
        });
        if (!goesOn) throw new JobTaken();
        return page;
      });
    } catch (error) {
      if (error instanceof JobTaken) return null;
      throw error;
    }
  }

  await sendPushes(ctx, pages(), {
    tellAccepted: !command.success,
    jobId: job.id,
    wrote: async (count, failed) => {
      await saveJob(ctx.graph, job.id, job.holder, { done: count - failed, failed });
    },
  });
}

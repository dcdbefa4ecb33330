import { z } from 'zod';
import { nextRebuilt } from '../../store/inventory/rebuild.ts';
import { appendJobErrors, type NewJobError, saveJob } from '../../store/jobs/jobs.ts';
import { withTransaction } from '../../store/transaction.ts';
import { isUnavailable, sqlState } from '../../store/unavailable.ts';
import type { MdmContext } from '../context.ts';
import { readJobInput } from '../jobs/job-input.ts';
import { targetsJobInput } from '../jobs/job-targets.ts';
import type { Decoder } from './decoder.ts';
import { KeepsAnswering, rebuildDevice } from './rebuild-device.ts';

/** The parts of a running job that rebuilding needs; the engine gives it. */
export interface RebuildJob {
  readonly id: string;
  readonly holder: string;
  readonly input: unknown;
  readonly cursor: unknown;
  readonly signal: AbortSignal;
}

/** Enrolments after which the job says how far it is; whoever takes it over does those since anew. */
const pageSize = 50;

const cursorShape = z.object({ after: z.string() }).nullable();

/** Derives inventory anew, one enrolment after the other, each in a transaction of its own. */
export async function runRebuildJob(
  ctx: Pick<MdmContext, 'graph' | 'keyring' | 'clock' | 'log' | 'committed'>,
  decoder: Decoder,
  job: RebuildJob,
): Promise<void> {
  const selection = readJobInput(targetsJobInput, job.input);
  const { graph: pool, keyring } = ctx;
  const parts = { pool, keyring, decoder, handOver: { take: () => null } };
  let after = BigInt(cursorShape.parse(job.cursor)?.after ?? '0');
  for (;;) {
    const page = await nextRebuilt(ctx.graph, selection, after, pageSize);
    const last = page.at(-1);
    if (last === undefined) return;
    const errors: NewJobError[] = [];
    for (const enrollment of page) {
      if (job.signal.aborted) return;
      try {
        if (!(await rebuildDevice(parts, job, enrollment, ctx.clock.now()))) return;
      } catch (error) {
        // The database's troubles are the job's, as it is when it is broken off; those of one device's answers are not.
        if (job.signal.aborted || isUnavailable(error) || sqlState(error) !== null) throw error;
        ctx.log.warn({ err: error, job: job.id }, 'the inventory of an enrolment was not rebuilt');
        errors.push(errorOf(enrollment.id, error));
      }
    }
    after = last.key;
    const goesOn = await withTransaction(ctx.graph, async (client) => {
      await appendJobErrors(client, job.id, errors);
      return saveJob(client, job.id, job.holder, {
        cursor: { after: String(after) },
        done: page.length - errors.length,
        failed: errors.length,
      });
    });
    ctx.committed();
    if (!goesOn) return;
  }
}

function errorOf(subject: string, error: unknown): NewJobError {
  return error instanceof KeepsAnswering
    ? { code: 'KEEPS_ANSWERING', message: error.message, subject }
    : {
        code: 'INTERNAL',
        message: 'Its answers could not be read; the log has why, by the job’s id.',
        subject,
      };
}

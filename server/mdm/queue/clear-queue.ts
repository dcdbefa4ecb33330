import type { PoolClient } from 'pg';
import { NotFoundError, ValidationError } from '../../model/errors.ts';
import type { Targets } from '../../model/targets.ts';
import { currentTraceId } from '../../model/trace.ts';
import type { Viewer } from '../../model/viewer.ts';
import { appendAudit } from '../../store/audit.ts';
import { refusedIds } from '../../store/queue/judge-targets.ts';
import { newestCommand } from '../../store/queue/find-command.ts';
import { countSelected } from '../../store/queue/selection.ts';
import { boundedTransaction } from '../../store/too-expensive.ts';
import type { MdmContext } from '../context.ts';
import { demandScope } from '../demand-scope.ts';
import { once } from '../idempotency.ts';
import { doOrBegin } from './bulk-work.ts';
import { canonicalTargets } from './enqueue-targets.ts';
import { demandNoMoreThan, storedWork } from './queue-control.ts';
import type { ClearQueueInput, QueueWorkAnswer } from './queue-control-types.ts';

/**
 * Ends everything that waits for enrolments, of whatever command, with the reason CLEARED. What is
 * queued meanwhile stays.
 * @throws {ValidationError} a filter, or all, without `expectedCount`
 * @throws {NotFoundError} none of the ids exists for this viewer
 * @throws {ConflictError} more entries than expected
 */
export async function clearQueue(
  ctx: MdmContext,
  viewer: Viewer,
  input: ClearQueueInput,
): Promise<QueueWorkAnswer> {
  demandScope(viewer, 'commands:write');
  const { targets, validateOnly, expectedCount } = input;
  if (!validateOnly && expectedCount === null && !('ids' in targets)) {
    throw new ValidationError(
      'EXPECTED_COUNT_REQUIRED',
      'To clear the queues of a filter or of all, ask with validateOnly first and pass the count it ' +
        'answers as expectedCount.',
      ['input', 'expectedCount'],
    );
  }
  const cursor = await ctx.currentCursor();
  const done = await boundedTransaction(ctx.graph, ['input', 'targets'], (client) =>
    once(
      client,
      {
        viewer,
        mutation: 'clearQueue',
        key: validateOnly ? null : input.idempotencyKey,
        input: { targets: canonicalTargets(targets), expectedCount },
      },
      async () => {
        await demandOneKnown(client, viewer, targets);
        const upTo = await newestCommand(client);
        const selection = { commandKey: null, targets, tenant: viewer.tenant, upTo };
        const { count, sample } = await countSelected(client, selection);
        demandNoMoreThan(expectedCount, count);
        if (validateOnly) return { count, sample: [...sample], jobId: null, cursor };
        const begun = await doOrBegin(
          ctx,
          client,
          { selection, what: { end: 'CLEARED' }, expectedCount, actor: viewer.actor },
          { kind: 'CLEAR_QUEUE', tenantId: viewer.tenant, count },
        );
        await appendAudit(client, viewer, 'clearQueue', currentTraceId() ?? null, { ...begun });
        return { ...begun, sample: [...sample], cursor };
      },
      (answer) => storedWork.parse(answer),
    ),
  );
  ctx.committed();
  ctx.kickJobs();
  return { ...done.answer, replayed: done.replayed, validateOnly };
}

async function demandOneKnown(client: PoolClient, viewer: Viewer, targets: Targets): Promise<void> {
  if (!('ids' in targets)) return;
  const refused = await refusedIds(client, targets.ids, viewer.tenant);
  const unknown = refused.filter(({ known }) => !known);
  if (unknown.length < new Set(targets.ids).size) return;
  throw new NotFoundError('UNKNOWN_ENROLLMENT', 'None of these enrolments exists.', [
    'input',
    'targets',
    'ids',
  ]);
}

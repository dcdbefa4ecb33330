import { z } from 'zod';
import { ConflictError } from '../../model/errors.ts';
import { shortText } from '../../model/short-text.ts';
import { currentTraceId } from '../../model/trace.ts';
import type { Viewer } from '../../model/viewer.ts';
import { appendAudit } from '../../store/audit.ts';
import { appendEvent } from '../../store/events/append.ts';
import { setPriority } from '../../store/queue/find-command.ts';
import { countSelected } from '../../store/queue/selection.ts';
import { boundedTransaction } from '../../store/too-expensive.ts';
import type { MdmContext } from '../context.ts';
import { demandScope } from '../demand-scope.ts';
import { once } from '../idempotency.ts';
import { doOrBegin } from './bulk-work.ts';
import { canonicalTargets } from './enqueue-targets.ts';
import { checkPriority } from './enqueue-types.ts';
import { demandCommand, demandNoMoreThan, storedWork } from './queue-control.ts';
import type { CommandWorkAnswer, SetCommandPriorityInput } from './queue-control-types.ts';

const storedAnswer = storedWork.extend({ commandUuid: z.string() });

/**
 * Moves a command forwards or back in the queues where it waits. One event tells of all of them.
 * @throws {NotFoundError} no such command for this viewer
 * @throws {ConflictError} it waits for none of them any more; more than expected
 * @throws {ValidationError} the priority
 */
export async function setCommandPriority(
  ctx: MdmContext,
  viewer: Viewer,
  input: SetCommandPriorityInput,
): Promise<CommandWorkAnswer> {
  demandScope(viewer, 'commands:write');
  const { commandUuid, targets, priority, validateOnly, expectedCount } = input;
  checkPriority(priority);
  const cursor = await ctx.currentCursor();
  const done = await boundedTransaction(ctx.graph, ['input', 'targets'], (client) =>
    once(
      client,
      {
        viewer,
        mutation: 'setCommandPriority',
        key: validateOnly ? null : input.idempotencyKey,
        input: {
          commandUuid,
          priority,
          targets: targets && canonicalTargets(targets),
          expectedCount,
        },
      },
      async () => {
        const command = await demandCommand(client, commandUuid, viewer);
        const { key: commandKey, tenantId } = command;
        const selection = { commandKey, targets, tenant: tenantId, upTo: commandKey };
        const { count, sample } = await countSelected(client, selection);
        demandNoMoreThan(expectedCount, count);
        if (count === 0) {
          throw new ConflictError(
            'ALREADY_FINISHED',
            `${commandUuid} waits for none of these any more.`,
            ['input', targets === null ? 'commandUuid' : 'targets'],
          );
        }
        const answer = { commandUuid, count, sample: [...sample], cursor };
        if (validateOnly) return { ...answer, jobId: null };
        if (targets === null) await setPriority(client, commandKey, priority);
        const { jobId } = await doOrBegin(
          ctx,
          client,
          { selection, what: { priority }, expectedCount, actor: viewer.actor },
          { kind: 'SET_COMMAND_PRIORITY', tenantId, count },
        );
        const traceId = currentTraceId() ?? null;
        await appendEvent(client, {
          type: 'CommandPriorityChanged',
          tenantId,
          at: ctx.clock.now(),
          traceId,
          actor: viewer.actor,
          commandKey,
          data: { requestType: shortText(command.requestType), priority, targetCount: count },
        });
        await appendAudit(client, viewer, 'setCommandPriority', traceId, {
          commandUuid,
          priority,
          count,
          jobId,
        });
        return { ...answer, jobId };
      },
      (answer) => storedAnswer.parse(answer),
    ),
  );
  ctx.committed();
  ctx.kickJobs();
  return { ...done.answer, replayed: done.replayed, validateOnly };
}

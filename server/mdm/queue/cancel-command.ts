import type { PoolClient } from 'pg';
import { z } from 'zod';
import { ConflictError, NotFoundError, type UserError } from '../../model/errors.ts';
import { currentTraceId } from '../../model/trace.ts';
import type { Targets } from '../../model/targets.ts';
import type { Viewer } from '../../model/viewer.ts';
import { appendAudit } from '../../store/audit.ts';
import {
  type FoundCommand,
  notWaiting,
  type Standing,
  wasCancelled,
} from '../../store/queue/find-command.ts';
import { countSelected } from '../../store/queue/selection.ts';
import { boundedTransaction } from '../../store/too-expensive.ts';
import type { MdmContext } from '../context.ts';
import { demandScope } from '../demand-scope.ts';
import { once } from '../idempotency.ts';
import { doOrBegin } from './bulk-work.ts';
import { canonicalTargets } from './enqueue-targets.ts';
import { demandCommand, demandNoMoreThan, storedWork } from './queue-control.ts';
import type {
  CancelCommandAnswer,
  CancelCommandInput,
  NotCancelled,
} from './queue-control-types.ts';

const mostRefused = 1_000;

const storedAnswer = storedWork.extend({
  commandUuid: z.string(),
  refused: z.array(
    z.object({
      id: z.string(),
      code: z.enum(['ALREADY_CANCELLED', 'ALREADY_FINISHED', 'NOT_A_TARGET', 'UNKNOWN_ENROLLMENT']),
      message: z.string(),
    }),
  ),
});

type Outcome = z.infer<typeof storedAnswer>;

/**
 * Takes a command back from targets that have not answered it: it is never served to them again. A result
 * that arrives nevertheless is kept with the target.
 * @throws {NotFoundError} no such command for this viewer; none of the ids is a target of it
 * @throws {ConflictError} everybody meant has finished or was cancelled; more than expected
 */
export async function cancelCommand(
  ctx: MdmContext,
  viewer: Viewer,
  input: CancelCommandInput,
): Promise<CancelCommandAnswer> {
  demandScope(viewer, 'commands:write');
  const { commandUuid, targets, validateOnly, expectedCount } = input;
  const cursor = await ctx.currentCursor();
  const done = await boundedTransaction(ctx.graph, ['input', 'targets'], (client) =>
    once(
      client,
      {
        viewer,
        mutation: 'cancelCommand',
        key: validateOnly ? null : input.idempotencyKey,
        input: { commandUuid, targets: targets && canonicalTargets(targets), expectedCount },
      },
      async () => {
        const command = await demandCommand(client, commandUuid, viewer);
        return { ...(await cancel(ctx, client, viewer, command, input)), cursor };
      },
      (answer) => storedAnswer.parse(answer),
    ),
  );
  ctx.committed();
  ctx.kickJobs();
  return { ...done.answer, replayed: done.replayed, validateOnly };
}

async function cancel(
  ctx: MdmContext,
  client: PoolClient,
  viewer: Viewer,
  command: FoundCommand,
  { targets, validateOnly, expectedCount }: CancelCommandInput,
): Promise<Omit<Outcome, 'cursor'>> {
  const { key: commandKey, tenantId, uuid: commandUuid } = command;
  const selection = { commandKey, targets, tenant: tenantId, upTo: commandKey };
  const before = await standings(client, command, targets);
  const { count, sample } = await countSelected(client, selection);
  demandNoMoreThan(expectedCount, count);
  const answer = { commandUuid, sample: [...sample] };
  if (validateOnly) return { ...answer, count, jobId: null, refused: refusedOf(before) };
  const begun = await doOrBegin(
    ctx,
    client,
    { selection, what: { end: 'CANCELLED' }, expectedCount, actor: viewer.actor },
    { kind: 'CANCEL_COMMAND', tenantId, count },
  );
  // Who answered at the same moment was not cancelled after all.
  const after = begun.jobId === null ? await standings(client, command, targets) : before;
  if (begun.count === 0) throw await nothingToCancel(client, command, targets, after);
  const early = new Set(before.map(({ id }) => id));
  const refused = refusedOf(
    after.filter(({ id, state }) => early.has(id) || state !== 'CANCELLED'),
  );
  await appendAudit(client, viewer, 'cancelCommand', currentTraceId() ?? null, {
    commandUuid,
    requestType: command.requestType,
    count: begun.count,
    jobId: begun.jobId,
  });
  return { ...answer, ...begun, refused };
}

/** The ids asked for for whom nothing waits; a filter finds none of those. */
async function standings(
  client: PoolClient,
  { key, tenantId }: FoundCommand,
  targets: Targets | null,
): Promise<readonly Standing[]> {
  return targets !== null && 'ids' in targets ? notWaiting(client, key, targets.ids, tenantId) : [];
}

function refusedOf(standing: readonly Standing[]): NotCancelled[] {
  return standing.slice(0, mostRefused).map(({ id, known, state }): NotCancelled => {
    if (!known) {
      return { id, code: 'UNKNOWN_ENROLLMENT', message: `No enrolment has the id ${id}.` };
    }
    if (state === null) {
      return { id, code: 'NOT_A_TARGET', message: `The command was never queued for ${id}.` };
    }
    if (state === 'CANCELLED') {
      return { id, code: 'ALREADY_CANCELLED', message: `It was cancelled for ${id} already.` };
    }
    return { id, code: 'ALREADY_FINISHED', message: `It has ended for ${id}: ${state}.` };
  });
}

async function nothingToCancel(
  client: PoolClient,
  { key, uuid }: FoundCommand,
  targets: Targets | null,
  standing: readonly Standing[],
): Promise<UserError> {
  const path = ['input', targets === null ? 'commandUuid' : 'targets'];
  const refused = refusedOf(standing);
  const codes = new Set(refused.map(({ code }) => code));
  const [first] = refused;
  const message = codes.size === 1 && refused.length === 1 ? first?.message : undefined;
  if (codes.has('ALREADY_FINISHED')) {
    return new ConflictError(
      'ALREADY_FINISHED',
      message ?? 'For all of these the command has ended already.',
      path,
    );
  }
  if (codes.has('ALREADY_CANCELLED')) {
    return new ConflictError(
      'ALREADY_CANCELLED',
      message ?? 'For all of these the command was cancelled already.',
      path,
    );
  }
  if (codes.has('NOT_A_TARGET')) {
    return new NotFoundError(
      'NOT_A_TARGET',
      message ?? 'The command was queued for none of these enrolments.',
      path,
    );
  }
  if (codes.size > 0) {
    return new NotFoundError('UNKNOWN_ENROLLMENT', 'None of these enrolments exists.', path);
  }
  return (await wasCancelled(client, key))
    ? new ConflictError('ALREADY_CANCELLED', `${uuid} waits for none of these any more.`, path)
    : new ConflictError('ALREADY_FINISHED', `${uuid} waits for none of these any more.`, path);
}

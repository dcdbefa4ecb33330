import { z } from 'zod';
import { ConflictError, NotFoundError, ValidationError } from '../../model/errors.ts';
import type { Targets } from '../../model/targets.ts';
import { currentTraceId, newTraceId } from '../../model/trace.ts';
import type { TenantId, Viewer } from '../../model/viewer.ts';
import { appendAudit } from '../../store/audit.ts';
import { lockMovable, moveDevices, previewMove } from '../../store/move-enrollments.ts';
import { endQueues } from '../../store/queue/end-entries.ts';
import { tenantExists } from '../../store/tenants.ts';
import { withTransaction } from '../../store/transaction.ts';
import type { MdmContext } from '../context.ts';
import { once } from '../idempotency.ts';
import { canonicalTargets } from '../queue/enqueue-targets.ts';
import { demandAllTenants, unknownTenant } from './tenants.ts';

export interface MoveInput {
  readonly targets: Targets;
  /** Null: what was given names none. */
  readonly toTenant: TenantId | null;
  readonly validateOnly: boolean;
  readonly expectedCount: number | null;
  readonly idempotencyKey: string | null;
}

export interface MoveAnswer {
  /** Devices; their users' channels go with them. */
  readonly movedCount: number;
  /** Their ids, at most 100. */
  readonly sample: readonly string[];
  readonly endedCount: number;
  readonly validateOnly: boolean;
  readonly cursor: string;
  readonly replayed: boolean;
}

const stored = z.object({
  movedCount: z.number(),
  sample: z.array(z.string()),
  endedCount: z.number(),
  cursor: z.string(),
});

/**
 * Moves devices, with their users' channels, to another tenant. A command reaches one tenant only, so
 * what waits for them ends, with the reason `MOVED`; what had been answered stays with the command, out
 * of the new tenant's sight. Devices that are there already stay as they are.
 * @throws {ForbiddenError} the caller belongs to one tenant
 * @throws {NotFoundError} no such tenant, or none of the ids is a device
 * @throws {ConflictError} more devices than expected
 * @throws {ValidationError} a filter or all, without the count of a dry run
 */
export async function moveEnrollments(
  ctx: MdmContext,
  viewer: Viewer,
  input: MoveInput,
): Promise<MoveAnswer> {
  demandAllTenants(viewer);
  const { targets, toTenant, validateOnly, expectedCount } = input;
  const cursor = await ctx.currentCursor();
  if (validateOnly) {
    return withTransaction(ctx.graph, async (client) => {
      const to = await demandTenant(client, toTenant);
      const { count, sample } = await previewMove(client, targets, to);
      const answer = { movedCount: count, sample, endedCount: 0, cursor };
      return { ...answer, validateOnly, replayed: false };
    });
  }
  if (!('ids' in targets) && expectedCount === null) {
    throw new ValidationError(
      'EXPECTED_COUNT_REQUIRED',
      'To move what a filter finds, or all, ask with validateOnly first and pass the movedCount it ' +
        'answers as expectedCount.',
      ['input', 'expectedCount'],
    );
  }
  const at = ctx.clock.now();
  const done = await withTransaction(ctx.graph, (client) =>
    once(
      client,
      {
        viewer,
        mutation: 'moveEnrollments',
        key: input.idempotencyKey,
        input: { targets: canonicalTargets(targets), toTenant, expectedCount },
      },
      async () => {
        const to = await demandTenant(client, toTenant);
        const { found, devices, channels } = await lockMovable(client, targets, to);
        if ('ids' in targets && found === 0) {
          throw new NotFoundError('UNKNOWN_ENROLLMENT', 'None of these is a device.', [
            'input',
            'targets',
            'ids',
          ]);
        }
        if (expectedCount !== null && devices.length > expectedCount) {
          throw new ConflictError(
            'MORE_THAN_EXPECTED',
            `${devices.length} devices would be moved, more than the ${expectedCount} expected.`,
            ['input', 'expectedCount'],
          );
        }
        const traceId = currentTraceId() ?? newTraceId();
        const endedCount = await endQueues(client, channels, 'MOVED', at, traceId);
        await moveDevices(client, devices, channels, to, { actor: viewer.actor, at, traceId });
        const movedCount = devices.length;
        const details = { toTenant: to, movedCount, endedCount };
        await appendAudit(client, viewer, 'moveEnrollments', traceId, details);
        const sample = devices.slice(0, 100).map(({ id }) => id);
        return { movedCount, sample, endedCount, cursor };
      },
      (kept) => stored.parse(kept),
    ),
  );
  ctx.committed();
  return { ...done.answer, validateOnly, replayed: done.replayed };
}

async function demandTenant(
  client: Parameters<typeof tenantExists>[0],
  tenant: TenantId | null,
): Promise<TenantId> {
  if (tenant !== null && (await tenantExists(client, tenant))) return tenant;
  throw unknownTenant(['input', 'toTenantId']);
}

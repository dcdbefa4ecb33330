import { randomUUID } from 'node:crypto';
import type { PoolClient } from 'pg';
import { z } from 'zod';
import { NotFoundError, ValidationError } from '../../model/errors.ts';
import type { Targets } from '../../model/targets.ts';
import { currentTraceId } from '../../model/trace.ts';
import type { TenantId, Viewer } from '../../model/viewer.ts';
import { appendAudit } from '../../store/audit.ts';
import { insertJob } from '../../store/jobs/jobs.ts';
import { previewMove, someDevice } from '../../store/move-enrollments.ts';
import { tenantExists } from '../../store/tenants.ts';
import { boundedTransaction } from '../../store/too-expensive.ts';
import type { MdmContext } from '../context.ts';
import { once } from '../idempotency.ts';
import { canonicalTargets } from '../queue/enqueue-targets.ts';
import { demandNoMoreThan, demandWholly } from '../queue/queue-control.ts';
import { type MoveJobInput, moveJobKind } from './move-input.ts';
import { movePage, movePageSize } from './move-page.ts';
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
  /** Devices; their users' channels go with them. With a job: how many it has before it. */
  readonly movedCount: number;
  /** Their ids, at most 100. */
  readonly sample: readonly string[];
  /** Commands that have ended by it; those that a job ends are not counted. */
  readonly endedCount: number;
  /** The job that moves them, when they are many. */
  readonly jobId: string | null;
  readonly validateOnly: boolean;
  readonly cursor: string;
  readonly replayed: boolean;
}

const stored = z.object({
  movedCount: z.number(),
  sample: z.array(z.string()),
  endedCount: z.number(),
  /** Answers of the version before have none. */
  jobId: z.string().nullable().default(null),
  cursor: z.string(),
});

type Outcome = Omit<z.infer<typeof stored>, 'cursor'>;

/**
 * Moves devices, with their users' channels, to another tenant: few at once, many by a job. A command
 * reaches one tenant only, so what waits for them ends, with the reason `MOVED`; what had been answered
 * stays with the command, out of the new tenant's sight. Devices that are there already stay as they are.
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
  if (!validateOnly && !('ids' in targets) && expectedCount === null) {
    throw new ValidationError(
      'EXPECTED_COUNT_REQUIRED',
      'To move what a filter finds, or all, ask with validateOnly first and pass the movedCount it ' +
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
        mutation: 'moveEnrollments',
        key: validateOnly ? null : input.idempotencyKey,
        input: { targets: canonicalTargets(targets), toTenant, expectedCount },
      },
      async () => ({ ...(await move(ctx, client, viewer, input)), cursor }),
      (kept) => stored.parse(kept),
    ),
  );
  ctx.committed();
  ctx.kickJobs();
  return { ...done.answer, validateOnly, replayed: done.replayed };
}

async function move(
  ctx: MdmContext,
  client: PoolClient,
  viewer: Viewer,
  { targets, toTenant, validateOnly, expectedCount }: MoveInput,
): Promise<Outcome> {
  const to = await demandTenant(client, toTenant);
  const { count, sample } = await previewMove(client, targets, to);
  const meant = { sample: [...sample], endedCount: 0, jobId: null, movedCount: count };
  if (validateOnly) return meant;
  if (count === 0) await demandDevice(client, targets);
  demandNoMoreThan(expectedCount, count);
  const work: MoveJobInput = { targets, to, expectedCount, actor: viewer.actor };
  const outcome =
    count > movePageSize
      ? { ...meant, jobId: await beginJob(client, viewer, work, count) }
      : { ...meant, ...(await moveAtOnce(ctx, client, work)) };
  const { movedCount, endedCount, jobId } = outcome;
  await appendAudit(client, viewer, 'moveEnrollments', currentTraceId() ?? null, {
    ...{ toTenant: to, movedCount, endedCount },
    ...(jobId !== null && { jobId }),
  });
  return outcome;
}

async function moveAtOnce(
  ctx: MdmContext,
  client: PoolClient,
  work: MoveJobInput,
): Promise<Pick<Outcome, 'movedCount' | 'endedCount'>> {
  const bounds = { after: '0', limit: movePageSize + 1 };
  const { count, endedCount } = await movePage(client, work, bounds, ctx.clock.now());
  // Others may have come to be meant since they were counted.
  demandNoMoreThan(work.expectedCount, count);
  demandWholly(movePageSize, count);
  return { movedCount: count, endedCount };
}

async function beginJob(
  client: PoolClient,
  { actor, tenant }: Viewer,
  input: MoveJobInput,
  total: number,
): Promise<string> {
  const id = randomUUID();
  await insertJob(client, {
    id,
    tenantId: tenant,
    kind: moveJobKind,
    input,
    total,
    createdBy: actor,
  });
  return id;
}

async function demandDevice(client: PoolClient, targets: Targets): Promise<void> {
  if (!('ids' in targets) || (await someDevice(client, targets))) return;
  throw new NotFoundError('UNKNOWN_ENROLLMENT', 'None of these is a device.', [
    'input',
    'targets',
    'ids',
  ]);
}

async function demandTenant(client: PoolClient, tenant: TenantId | null): Promise<TenantId> {
  if (tenant !== null && (await tenantExists(client, tenant))) return tenant;
  throw unknownTenant(['input', 'toTenantId']);
}

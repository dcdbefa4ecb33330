import type { PoolClient } from 'pg';
import { ConflictError, NotFoundError, ValidationError } from '../../model/errors.ts';
import type { Targets } from '../../model/targets.ts';
import { type TenantId, type Viewer, defaultTenant } from '../../model/viewer.ts';
import { type RefusedId, refusedIds, tenantsOfTargets } from '../../store/queue/judge-targets.ts';
import { canonicalJson } from '../idempotency.ts';
import type { RefusedTarget } from './enqueue-types.ts';
import { asGiven } from './targets-as-given.ts';

/**
 * The tenant that a command belongs to.
 * @throws {ValidationError} its targets lie in several: it reaches one only
 */
export async function tenantFor(
  client: PoolClient,
  viewer: Viewer,
  targets: Targets,
): Promise<TenantId> {
  if (viewer.tenant !== null) return viewer.tenant;
  const [first, second] = await tenantsOfTargets(client, targets);
  if (second !== undefined) {
    throw new ValidationError(
      'SEVERAL_TENANTS',
      'These targets belong to several tenants; a command reaches one tenant only.',
      ['input', 'targets'],
    );
  }
  return first ?? defaultTenant;
}

/** The ids asked for that nothing can be queued for; a filter finds none of those. */
export async function refusedAmong(
  client: PoolClient,
  targets: Targets,
  tenant: TenantId | null,
): Promise<readonly RefusedTarget[]> {
  if (!('ids' in targets)) return [];
  return inWords(await refusedIds(client, targets.ids, tenant));
}

/** The same, told to whoever asked for them. */
export function inWords(refused: readonly RefusedId[]): readonly RefusedTarget[] {
  return refused.map(({ id, known }) =>
    known
      ? {
          id,
          code: 'NOT_ENABLED',
          message: `${id} is not enabled: it has checked out or not finished enrolling.`,
        }
      : { id, code: 'UNKNOWN_ENROLLMENT', message: `No enrolment has the id ${id}.` },
  );
}

/**
 * Demands that at least one of the ids asked for is left.
 * @throws {NotFoundError} none exists for this viewer
 * @throws {ConflictError} none is enabled
 */
export function demandOneTarget(targets: Targets, refused: readonly RefusedTarget[]): void {
  if (!('ids' in targets) || refused.length === 0) return;
  if (refused.length < new Set(targets.ids).size) return;
  const path = ['input', 'targets', 'ids'];
  if (refused.every((one) => one.code === 'UNKNOWN_ENROLLMENT')) {
    throw new NotFoundError('UNKNOWN_ENROLLMENT', 'None of these enrolments exists.', path);
  }
  throw new ConflictError('NOT_ENABLED', 'None of these enrolments is enabled.', path);
}

/** Targets as JSON that is equal for equal ones, however they were written. */
export function canonicalTargets(targets: Targets): unknown {
  return 'ids' in targets ? inOrder(targets) : JSON.parse(canonicalJson(asGiven(targets)));
}

/** Ids in order, and none twice; other targets as they are. */
export function inOrder<T extends Targets>(targets: T): T {
  return 'ids' in targets ? { ...targets, ids: [...new Set(targets.ids)].sort() } : targets;
}

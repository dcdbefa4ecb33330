import type { PoolClient } from 'pg';
import { z } from 'zod';
import {
  ConflictError,
  ForbiddenError,
  NotFoundError,
  ValidationError,
} from '../../model/errors.ts';
import { currentTraceId } from '../../model/trace.ts';
import type { TenantId, Viewer } from '../../model/viewer.ts';
import { appendAudit } from '../../store/audit.ts';
import { insertTenant, writeTenantName } from '../../store/tenants.ts';
import { withTransaction } from '../../store/transaction.ts';
import type { MdmContext } from '../context.ts';
import { once } from '../idempotency.ts';

export interface TenantAnswer {
  readonly tenant: TenantId;
  readonly cursor: string;
  readonly replayed: boolean;
}

const stored = z.object({ tenant: z.number(), cursor: z.string() });

/**
 * Makes a tenant.
 * @throws {ForbiddenError} the caller belongs to one
 * @throws {ConflictError} another one has the name
 */
export function createTenant(
  ctx: MdmContext,
  viewer: Viewer,
  input: { readonly name: string; readonly idempotencyKey: string | null },
): Promise<TenantAnswer> {
  demandAllTenants(viewer);
  const { name } = input;
  checkName(name);
  return changed(ctx, viewer, 'createTenant', input.idempotencyKey, { name }, async (client) => {
    const tenant = await insertTenant(client, name);
    if (tenant === null) throw nameTaken();
    return tenant;
  });
}

/**
 * Gives a tenant another name.
 * @param input.tenant null: what was given names none
 * @throws {NotFoundError} no such tenant for this viewer
 * @throws {ConflictError} another one has the name
 */
export function renameTenant(
  ctx: MdmContext,
  viewer: Viewer,
  input: {
    readonly tenant: TenantId | null;
    readonly name: string;
    readonly idempotencyKey: string | null;
  },
): Promise<TenantAnswer> {
  const { tenant, name, idempotencyKey } = input;
  checkName(name);
  if (tenant === null || (viewer.tenant !== null && viewer.tenant !== tenant)) {
    throw unknownTenant(['input', 'tenantId']);
  }
  const asked = { tenant, name };
  return changed(ctx, viewer, 'renameTenant', idempotencyKey, asked, async (client) => {
    const written = await writeTenantName(client, tenant, name);
    if (written === 'taken') throw nameTaken();
    if (!written) throw unknownTenant(['input', 'tenantId']);
    return tenant;
  });
}

/** @throws {ForbiddenError} the viewer belongs to one tenant */
export function demandAllTenants(viewer: Viewer): void {
  if (viewer.tenant === null) return;
  throw new ForbiddenError(
    'ALL_TENANTS_NEEDED',
    'This concerns several tenants: it needs a token that belongs to none of them.',
  );
}

export function unknownTenant(path: readonly string[]): NotFoundError {
  return new NotFoundError('UNKNOWN_TENANT', 'There is no such tenant.', path);
}

async function changed(
  ctx: MdmContext,
  viewer: Viewer,
  mutation: string,
  key: string | null,
  input: Readonly<Record<string, unknown>>,
  change: (client: PoolClient) => Promise<TenantId>,
): Promise<TenantAnswer> {
  const cursor = await ctx.currentCursor();
  const { answer, replayed } = await withTransaction(ctx.graph, (client) =>
    once(
      client,
      { viewer, mutation, key, input },
      async () => {
        const tenant = await change(client);
        const details = { ...input, tenant };
        await appendAudit(client, viewer, mutation, currentTraceId() ?? null, details);
        return { tenant, cursor };
      },
      (kept) => stored.parse(kept),
    ),
  );
  return { ...answer, replayed };
}

function checkName(name: string): void {
  if (/^[^\p{Cc}\p{Cs}]{1,100}$/u.test(name) && name.trim() === name) return;
  throw new ValidationError(
    'BAD_NAME',
    'A name has 1 to 100 characters, no control character, and no space at its ends.',
    ['input', 'name'],
  );
}

function nameTaken(): ConflictError {
  return new ConflictError('NAME_TAKEN', 'Another tenant has this name.', ['input', 'name']);
}

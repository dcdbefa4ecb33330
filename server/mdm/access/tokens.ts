import { randomUUID } from 'node:crypto';
import type { PoolClient } from 'pg';
import { z } from 'zod';
import { ConflictError, NotFoundError, ValidationError } from '../../model/errors.ts';
import { currentTraceId } from '../../model/trace.ts';
import { scopesIn, type TenantId, type Viewer } from '../../model/viewer.ts';
import { hashToken, newToken } from '../../secrets/token.ts';
import { appendAudit } from '../../store/audit.ts';
import { tenantExists } from '../../store/tenants.ts';
import {
  endToken,
  insertToken,
  lockToken,
  type StoredToken,
  writeToken,
} from '../../store/tokens.ts';
import { withTransaction } from '../../store/transaction.ts';
import type { MdmContext } from '../context.ts';
import { once } from '../idempotency.ts';
import { checkGrant, demandWithinOwn } from './grant.ts';

const hour = 3_600_000;

/** For how long a rotated token may go on beside its successor, in milliseconds. */
const longestOverlap = 30 * 24 * hour;

export interface CreateTokenInput {
  readonly name: string;
  readonly scopes: readonly string[];
  /** Undefined: as far as the caller's own; null: what was given names no tenant. */
  readonly tenant: TenantId | null | undefined;
  readonly expiresAt: Date | null;
  readonly idempotencyKey: string | null;
}

export interface RotateTokenInput {
  /** Null: what was given is no token's id. */
  readonly tokenId: string | null;
  /** For how long the old secret goes on, in seconds. */
  readonly overlap: number;
  /** Undefined: as the old one's. */
  readonly expiresAt: Date | null | undefined;
  readonly idempotencyKey: string | null;
}

export interface UpdateTokenInput {
  readonly tokenId: string | null;
  readonly name: string | null;
  readonly scopes: readonly string[] | null;
  /** Undefined: stays as it is; null: never ends. */
  readonly expiresAt: Date | null | undefined;
  readonly idempotencyKey: string | null;
}

export interface RevokeTokenInput {
  readonly tokenId: string | null;
  readonly idempotencyKey: string | null;
}

export interface TokenAnswer {
  readonly tokenId: string;
  readonly cursor: string;
  readonly replayed: boolean;
}

export interface NewTokenAnswer extends TokenAnswer {
  /** What the caller sends from now on. */
  readonly secret: string;
}

const storedNew = z.object({ tokenId: z.string(), sealed: z.string(), cursor: z.string() });
const stored = z.object({ tokenId: z.string(), cursor: z.string() });

/**
 * Makes an API token. Its secret is told in the answer only. An answer that was lost is given again for
 * its idempotency key; for that time the secret is kept, sealed.
 * @throws {ValidationError} what is wrong with the input
 * @throws {ForbiddenError} it would allow more than the caller's own
 * @throws {NotFoundError} no such tenant
 */
export async function createApiToken(
  ctx: MdmContext,
  viewer: Viewer,
  input: CreateTokenInput,
): Promise<NewTokenAnswer> {
  const { name, expiresAt } = input;
  const scopes = [...new Set(input.scopes)];
  checkGrant({ name, scopes, expiresAt }, ctx.clock.now());
  const tenant = input.tenant === undefined ? viewer.tenant : input.tenant;
  if (input.tenant === null) throw unknownTenant();
  demandWithinOwn(viewer, { scopes, tenant, expiresAt });
  const asked = { name, scopes, tenant, expiresAt: expiresAt?.toISOString() ?? null };
  return newSecret(ctx, viewer, 'createApiToken', input.idempotencyKey, asked, async (client) => {
    if (tenant !== null && !(await tenantExists(client, tenant))) throw unknownTenant();
    return { token: { name, scopes, tenantId: tenant, expiresAt }, details: { ...asked } };
  });
}

/**
 * Gives a token a new secret, under a new id. The old one ends at once, or after an overlap.
 * @throws {ForbiddenError} it allows more than the caller's own, who would get hold of its secret
 * @throws {NotFoundError} no such token
 * @throws {ConflictError} it has ended
 */
export async function rotateApiToken(
  ctx: MdmContext,
  viewer: Viewer,
  { tokenId, overlap, expiresAt, idempotencyKey }: RotateTokenInput,
): Promise<NewTokenAnswer> {
  const now = ctx.clock.now();
  if (overlap < 0 || overlap * 1_000 > longestOverlap) {
    throw new ValidationError('BAD_OVERLAP', 'An overlap is 0 seconds to 30 days.', [
      'input',
      'overlapSeconds',
    ]);
  }
  const asked = { tokenId, overlap, expiresAt: expiresAt?.toISOString() ?? expiresAt };
  return newSecret(ctx, viewer, 'rotateApiToken', idempotencyKey, asked, async (client) => {
    const old = await demandGood(client, viewer, tokenId);
    const end = expiresAt === undefined ? old.expiresAt : expiresAt;
    checkGrant({ name: old.name, scopes: [...scopesIn(old.scopes)], expiresAt: end }, now);
    demandWithinOwn(viewer, { scopes: old.scopes, tenant: old.tenantId, expiresAt: end });
    if (overlap === 0) await endToken(client, old.id, viewer.actor);
    else {
      const until = new Date(now.getTime() + overlap * 1_000);
      const earlier = old.expiresAt && old.expiresAt < until ? old.expiresAt : until;
      await writeToken(client, { ...old, expiresAt: earlier });
    }
    const { name, scopes, tenantId } = old;
    return {
      token: { name, scopes, tenantId, expiresAt: end, replaces: old.id },
      details: { replaces: old.id, overlap },
    };
  });
}

/**
 * Renames a token, takes scopes from it, or moves its end. A scope is never added: that would be another
 * token in the hands of who has this one.
 * @throws {ForbiddenError} it would last longer than the caller's own
 * @throws {NotFoundError} no such token
 * @throws {ConflictError} it has ended
 * @throws {ValidationError} nothing to change, or more scopes than it has
 */
export async function updateApiToken(
  ctx: MdmContext,
  viewer: Viewer,
  { tokenId, name, scopes, expiresAt, idempotencyKey }: UpdateTokenInput,
): Promise<TokenAnswer> {
  if (name === null && scopes === null && expiresAt === undefined) {
    throw new ValidationError('NOTHING_TO_DO', 'Give a name, scopes or an end.', ['input']);
  }
  const asked = { tokenId, name, scopes, expiresAt: expiresAt?.toISOString() ?? expiresAt };
  return changed(ctx, viewer, 'updateApiToken', idempotencyKey, asked, async (client) => {
    const old = await demandGood(client, viewer, tokenId);
    const next = {
      id: old.id,
      name: name ?? old.name,
      scopes: scopes === null ? old.scopes : [...new Set(scopes)],
      expiresAt: expiresAt === undefined ? old.expiresAt : expiresAt,
    };
    checkGrant({ ...next, scopes: scopes ?? [...scopesIn(old.scopes)] }, ctx.clock.now());
    const had = scopesIn(old.scopes);
    const added = scopes?.findIndex((scope) => ![...had].some((one) => one === scope)) ?? -1;
    if (added >= 0) {
      throw new ValidationError(
        'SCOPE_ADDED',
        `The token does not have ${scopes?.[added]}; make another token for more.`,
        ['input', 'scopes', String(added)],
      );
    }
    if (expiresAt !== undefined) {
      const { tenantId: tenant } = old;
      demandWithinOwn(viewer, { scopes: [], tenant, expiresAt });
    }
    await writeToken(client, next);
    return { tokenId: old.id, details: { ...asked } };
  });
}

/**
 * Ends a token at once. One that has ended already stays as it is.
 * @throws {NotFoundError} no such token
 */
export async function revokeApiToken(
  ctx: MdmContext,
  viewer: Viewer,
  { tokenId, idempotencyKey }: RevokeTokenInput,
): Promise<TokenAnswer> {
  return changed(ctx, viewer, 'revokeApiToken', idempotencyKey, { tokenId }, async (client) => {
    const { id, name } = await demandToken(client, viewer, tokenId);
    await endToken(client, id, viewer.actor);
    return { tokenId: id, details: { tokenId: id, name } };
  });
}

async function newSecret(
  ctx: MdmContext,
  viewer: Viewer,
  mutation: string,
  key: string | null,
  input: unknown,
  plan: (client: PoolClient) => Promise<{
    readonly token: Omit<StoredToken, 'id'> & { readonly replaces?: string };
    readonly details: Readonly<Record<string, unknown>>;
  }>,
): Promise<NewTokenAnswer> {
  const cursor = await ctx.currentCursor();
  const { answer, replayed } = await withTransaction(ctx.graph, (client) =>
    once(
      client,
      { viewer, mutation, key, input },
      async () => {
        const { token, details } = await plan(client);
        const tokenId = randomUUID();
        const secret = newToken();
        await insertToken(client, {
          ...token,
          id: tokenId,
          sha256: hashToken(secret),
          createdBy: viewer.actor,
        });
        await appendAudit(client, viewer, mutation, currentTraceId() ?? null, {
          tokenId,
          ...details,
        });
        const sealed = ctx.keyring.seal(answerPlace(tokenId), Buffer.from(secret));
        return { tokenId, sealed: sealed.toString('base64'), cursor };
      },
      (kept) => storedNew.parse(kept),
    ),
  );
  const { tokenId, sealed } = answer;
  const secret = ctx.keyring.open(answerPlace(tokenId), Buffer.from(sealed, 'base64')).toString();
  return { tokenId, secret, cursor: answer.cursor, replayed };
}

async function changed(
  ctx: MdmContext,
  viewer: Viewer,
  mutation: string,
  key: string | null,
  input: unknown,
  change: (client: PoolClient) => Promise<{
    readonly tokenId: string;
    readonly details: Readonly<Record<string, unknown>>;
  }>,
): Promise<TokenAnswer> {
  const cursor = await ctx.currentCursor();
  const { answer, replayed } = await withTransaction(ctx.graph, (client) =>
    once(
      client,
      { viewer, mutation, key, input },
      async () => {
        const { tokenId, details } = await change(client);
        await appendAudit(client, viewer, mutation, currentTraceId() ?? null, details);
        return { tokenId, cursor };
      },
      (kept) => stored.parse(kept),
    ),
  );
  return { ...answer, replayed };
}

async function demandToken(client: PoolClient, viewer: Viewer, tokenId: string | null) {
  const found = tokenId === null ? null : await lockToken(client, tokenId, viewer.tenant);
  if (found === null) {
    throw new NotFoundError('UNKNOWN_TOKEN', 'There is no such token.', ['input', 'tokenId']);
  }
  return found;
}

async function demandGood(client: PoolClient, viewer: Viewer, tokenId: string | null) {
  const found = await demandToken(client, viewer, tokenId);
  if (!found.isGood) {
    throw new ConflictError('TOKEN_ENDED', 'The token has ended; make another.', [
      'input',
      'tokenId',
    ]);
  }
  return found;
}

function unknownTenant(): NotFoundError {
  return new NotFoundError('UNKNOWN_TENANT', 'There is no such tenant.', ['input', 'tenantId']);
}

function answerPlace(tokenId: string) {
  return { table: 'idempotent_request', column: 'answer', row: tokenId };
}

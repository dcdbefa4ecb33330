import { z } from 'zod';
import { ConflictError, ForbiddenError } from '../../model/errors.ts';
import { currentTraceId } from '../../model/trace.ts';
import { defaultTenant, type Viewer } from '../../model/viewer.ts';
import type { Generation } from '../../pki/authority.ts';
import { importExternal, importPkcs12 } from '../../pki/import-authority.ts';
import { makeGeneration } from '../../pki/make-authority.ts';
import { sha256Of } from '../../pki/sha256.ts';
import { appendAudit } from '../../store/audit.ts';
import {
  type AuthorityOrigin,
  insertGeneration,
  newestGeneration,
} from '../../store/enroll/authority.ts';
import { appendEvent } from '../../store/events/append.ts';
import { withTransaction } from '../../store/transaction.ts';
import { once } from '../idempotency.ts';
import { demandAuthority, type EnrollContext } from './enroll-context.ts';
import { newAuthority } from './ensure-authority.ts';
import { sealGeneration } from './generation.ts';
import { readAuthorityPem } from './read-authority.ts';

export interface RenewAuthorityInput {
  /** Null: as the settings say. */
  readonly keyKind: 'rsa' | 'ec' | null;
  readonly idempotencyKey: string | null;
}

/** An authority as people have it. */
export type AuthoritySource =
  /** Certificate and key, and those above it. */
  | { readonly pem: string }
  | { readonly pkcs12: Buffer }
  /** The certificate alone: it is trusted, and issues elsewhere. */
  | { readonly external: string };

export interface ImportAuthorityInput {
  readonly source: AuthoritySource;
  readonly password: string | null;
  readonly idempotencyKey: string | null;
}

export interface ChangeAuthorityAnswer {
  /** Number of the generation that was added. */
  readonly generation: number;
  readonly cursor: string;
  readonly replayed: boolean;
}

const stored = z.object({ generation: z.number(), cursor: z.string() });

/**
 * Makes a new generation of the device authority. It issues once all processes know it; the ones before
 * stay trusted until they end.
 * @throws {ForbiddenError} the token belongs to a tenant
 * @throws {ConflictError} there is no device authority
 */
export async function renewDeviceAuthority(
  ctx: EnrollContext,
  viewer: Viewer,
  input: RenewAuthorityInput,
): Promise<ChangeAuthorityAnswer> {
  demandOperator(viewer);
  demandAuthority(ctx);
  const keyKind = input.keyKind ?? ctx.enroll.authorityKeyKind;
  const { organization } = ctx.enroll;
  const number = (await newestGeneration(ctx.graph)) + 1;
  const made = await makeGeneration(
    newAuthority({ keyKind, organization }, number),
    ctx.clock.now(),
  );
  return add(ctx, viewer, {
    mutation: 'renewDeviceAuthority',
    key: input.idempotencyKey,
    input: { keyKind: input.keyKind },
    generation: made,
    origin: 'RENEWED',
  });
}

/**
 * Takes over an authority, which from then on is the newest generation.
 * @throws {ValidationError} it is unreadable, unfit or not valid now
 * @throws {ForbiddenError} the token belongs to a tenant
 * @throws {ConflictError} there is no device authority, or it has this certificate already
 */
export async function importDeviceAuthority(
  ctx: EnrollContext,
  viewer: Viewer,
  input: ImportAuthorityInput,
): Promise<ChangeAuthorityAnswer> {
  demandOperator(viewer);
  demandAuthority(ctx);
  const { source } = input;
  const generation = await read(source, input.password, ctx.clock.now());
  return add(ctx, viewer, {
    mutation: 'importDeviceAuthority',
    key: input.idempotencyKey,
    // The certificate stands for its key, too: nothing of the secret goes into what is kept.
    input: {
      certificate: sha256Of(generation.certificate.der).toString('hex'),
      external: 'external' in source,
    },
    generation,
    origin: 'external' in source ? 'EXTERNAL' : 'IMPORTED',
  });
}

async function read(
  source: AuthoritySource,
  password: string | null,
  now: Date,
): Promise<Generation> {
  if ('external' in source) return importExternal(source.external, now);
  return 'pem' in source
    ? readAuthorityPem(source.pem, password, now, ['input', 'source', 'pem'])
    : importPkcs12(source.pkcs12, password ?? '', now);
}

interface Addition {
  readonly mutation: string;
  readonly key: string | null;
  readonly input: unknown;
  readonly generation: Generation;
  readonly origin: AuthorityOrigin;
}

async function add(
  ctx: EnrollContext,
  viewer: Viewer,
  { mutation, key, input, generation, origin }: Addition,
): Promise<ChangeAuthorityAnswer> {
  const cursor = await ctx.currentCursor();
  const done = await withTransaction(ctx.graph, (client) =>
    once(
      client,
      { viewer, mutation, key, input },
      async () => {
        const sealed = sealGeneration(ctx.keyring, generation, origin, viewer.actor);
        const number = await insertGeneration(client, sealed);
        if (number === null) {
          throw new ConflictError(
            'AUTHORITY_KNOWN',
            'The device authority has this certificate already.',
            ['input', 'source'],
          );
        }
        const details = {
          generation: number,
          origin,
          certificateSha256: sealed.sha256.toString('hex'),
        };
        const traceId = currentTraceId() ?? null;
        await appendEvent(client, {
          type: 'DeviceAuthorityAdded',
          tenantId: defaultTenant,
          at: ctx.clock.now(),
          traceId,
          actor: viewer.actor,
          data: { ...details, expiresAt: sealed.notAfter.toISOString() },
        });
        await appendAudit(client, viewer, mutation, traceId, details);
        return { generation: number, cursor };
      },
      (answer) => stored.parse(answer),
    ),
  );
  ctx.committed();
  await ctx.authority?.refresh();
  return { ...done.answer, replayed: done.replayed };
}

/** All tenants' devices have their certificates from it. @throws {ForbiddenError} */
export function demandOperator(viewer: Viewer): void {
  if (viewer.tenant === null) return;
  throw new ForbiddenError(
    'OPERATOR_ONLY',
    'The device authority serves every tenant: this needs a token that belongs to none.',
  );
}

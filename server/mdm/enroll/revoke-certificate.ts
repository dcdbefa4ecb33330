import { z } from 'zod';
import { NotFoundError } from '../../model/errors.ts';
import { currentTraceId } from '../../model/trace.ts';
import type { Viewer } from '../../model/viewer.ts';
import { appendAudit } from '../../store/audit.ts';
import { lockIssued, writeRevoked } from '../../store/enroll/revocation.ts';
import { appendEvent } from '../../store/events/append.ts';
import { withTransaction } from '../../store/transaction.ts';
import { once } from '../idempotency.ts';
import type { EnrollContext } from './enroll-context.ts';

export interface RevokeCertificateInput {
  /** Hexadecimal. */
  readonly serialNumber: string;
  readonly reason: string | null;
  readonly idempotencyKey: string | null;
}

export interface RevokeCertificateAnswer {
  readonly serialNumber: string;
  readonly cursor: string;
  readonly replayed: boolean;
}

const stored = z.object({ serialNumber: z.string(), cursor: z.string() });

/**
 * Revokes a certificate that the device authority issued: within seconds every process refuses what is
 * signed with it. One that is revoked already stays as it is.
 * @throws {NotFoundError} no such certificate for this viewer
 */
export async function revokeIssuedCertificate(
  ctx: EnrollContext,
  viewer: Viewer,
  input: RevokeCertificateInput,
): Promise<RevokeCertificateAnswer> {
  const serialNumber = input.serialNumber.toLowerCase().replaceAll(':', '');
  const { reason, idempotencyKey: key } = input;
  const cursor = await ctx.currentCursor();
  const done = await withTransaction(ctx.graph, (client) =>
    once(
      client,
      { viewer, mutation: 'revokeIssuedCertificate', key, input: { serialNumber, reason } },
      async () => {
        const known = /^[\da-f]{1,64}$/.test(serialNumber)
          ? await lockIssued(client, serialNumber, viewer.tenant)
          : null;
        if (known === null) {
          throw new NotFoundError(
            'UNKNOWN_CERTIFICATE',
            'The device authority issued no certificate with this serial number.',
            ['input', 'serialNumber'],
          );
        }
        if (known.revokedAt !== null) return { serialNumber, cursor };
        const traceId = currentTraceId() ?? null;
        const details = { serialNumber, certificateSha256: known.sha256.toString('hex') };
        await writeRevoked(client, serialNumber, { actor: viewer.actor, reason });
        await appendEvent(client, {
          type: 'CertificateRevoked',
          tenantId: known.tenantId,
          at: ctx.clock.now(),
          traceId,
          actor: viewer.actor,
          data: { ...details, reason },
        });
        await appendAudit(client, viewer, 'revokeIssuedCertificate', traceId, details);
        return { serialNumber, cursor };
      },
      (answer) => stored.parse(answer),
    ),
  );
  ctx.committed();
  await ctx.authority?.refresh();
  return { ...done.answer, replayed: done.replayed };
}

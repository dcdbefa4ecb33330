import { defaultTenant } from '../../model/viewer.ts';
import { currentTraceId } from '../../model/trace.ts';
import type { Issuance, RecordIssuance } from '../../pki/issue.ts';
import type { FindIssued } from '../../pki/scep-types.ts';
import {
  endStanding,
  insertBegun,
  issuedBySerial,
  issuedInTransaction,
  isIssuedAndCurrent,
  lockStanding,
  storeSigned,
} from '../../store/enroll/issued.ts';
import { withTransaction } from '../../store/transaction.ts';
import { isUniqueViolation } from '../../store/violations.ts';
import type { MdmContext } from '../context.ts';
import { invitationOf, purposeHash, readGrant } from './grant.ts';

/** How often a certificate that was signed at the same moment as another for its purpose gives way. */
const mostTries = 5;

/** Records what is issued in the database. */
export function createIssuanceRecord(ctx: MdmContext): RecordIssuance {
  return {
    async begin(issuance) {
      const grant = issuance.grant === null ? null : readGrant(issuance.grant);
      await insertBegun(
        ctx.graph,
        {
          ...issuance,
          purposeSha256: purposeOf(issuance),
          invitationId: grant && invitationOf(grant),
          profileValuesSha256: grant?.valuesSha256 ?? null,
          at: ctx.clock.now(),
        },
        defaultTenant,
      );
    },
    async finish(issued) {
      const purpose = purposeOf(issued);
      for (let attempt = 1; ; attempt += 1) {
        try {
          const certificate = await store(ctx, issued, purpose);
          ctx.committed();
          return certificate;
        } catch (error) {
          const lost = isUniqueViolation(error, 'issued_certificate_purpose_sha256_key');
          if (!lost || attempt >= mostTries) throw error;
        }
      }
    },
  };
}

/** @returns DER of the certificate that stands for the purpose afterwards */
function store(
  ctx: MdmContext,
  issued: Parameters<RecordIssuance['finish']>[0],
  purpose: Buffer,
): Promise<Buffer> {
  return withTransaction(ctx.graph, async (client) => {
    const at = ctx.clock.now();
    const standing = await lockStanding(client, purpose);
    if (standing !== null) {
      if (!standing.revoked && standing.notAfter >= at) return standing.certificate;
      await endStanding(client, purpose);
    }
    const { serial, certificate, sha256 } = issued;
    await storeSigned(client, {
      serial,
      certificate,
      sha256,
      at,
      traceId: currentTraceId() ?? null,
    });
    return certificate;
  });
}

function purposeOf({ grant, transactionId, publicKeySha256, renewalOf }: Issuance): Buffer {
  const challenge = grant === null ? null : readGrant(grant).challenge;
  return purposeHash({ challenge, transactionId, publicKeySha256, renewalOf });
}

/** Answers from the record. */
export function createFindIssued({ graph }: MdmContext): FindIssued {
  return {
    byTransaction: ({ transactionId, requesterKeySha256, renewalOf }) =>
      issuedInTransaction(graph, {
        transactionId,
        requesterKeySha256,
        renewalOf: renewalOf ?? null,
      }),
    isCurrent: (sha256) => isIssuedAndCurrent(graph, sha256),
    bySerial: (serial) => issuedBySerial(graph, serial),
  };
}

import type { KeyObject } from 'node:crypto';
import type { Certificate } from '../protocol/cms/certificate.ts';
import type { CertificateRequest } from '../protocol/cms/certificate-request.ts';
import type { PkiMessage } from '../protocol/scep/pki-message.ts';
import type { DeviceAuthority } from './authority.ts';
import { isValid, trustedCertificates } from './authority.ts';
import type { IssuancePurpose, Issue, Subscriber } from './issue.ts';
import { keySha256 } from './issue.ts';
import { sha256Of } from './sha256.ts';
import { keyProblem } from './key-policy.ts';
import { ScepRefused } from './scep-refused.ts';
import { isIssuedBy } from './scep-renewal.ts';
import type { CheckChallenge, FindIssued, ScepPolicy } from './scep-types.ts';
import { alternativeNamesProblem, subjectProblem } from './subject-policy.ts';

/** What decides about a request for a certificate. */
export interface Enrolling {
  readonly authority: DeviceAuthority;
  readonly issue: Issue;
  readonly checkChallenge: CheckChallenge;
  readonly findIssued: FindIssued;
  readonly policy: ScepPolicy;
  readonly at: Date;
  readonly from: string | undefined;
}

/**
 * Decides about a PKCSReq or RenewalReq whose signatures hold. Signed with a current certificate of
 * ours it is a renewal and needs no challenge, whichever of the two it calls itself (devices do
 * both); else the challenge decides. The self-signed certificate of a first request should have the
 * key that the request is for (RFC 8894, 2.3), but widespread clients make another for it: the
 * request's own signature proves who has the key, and the challenge who may.
 * @param signerKey  who signed the message, and so who may ask for its outcome again
 * @returns DER of the certificate, issued now or before
 * @throws {ScepRefused}
 */
export async function enrol(
  message: PkiMessage,
  signerKey: KeyObject,
  { request, publicKey }: { readonly request: CertificateRequest; readonly publicKey: KeyObject },
  enrolling: Enrolling,
): Promise<Buffer> {
  const { authority, issue, checkChallenge, at, from } = enrolling;
  const subscriber = subscriberOf(request, publicKey, enrolling);
  const { transactionId, signer, messageType } = message;
  const publicKeySha256 = keySha256(publicKey);
  const requesterKeySha256 = keySha256(signerKey);
  if (isIssuedBy(signer, trustedCertificates(authority, at))) {
    const renewalOf = sha256Of(signer.der);
    const purpose = { transactionId, requesterKeySha256, grant: null, renewalOf };
    const already = await renewedBefore(purpose, publicKeySha256, enrolling);
    if (already !== null) return already;
    if (await mayRenew(signer, enrolling)) return issue(subscriber, purpose);
  }
  if (messageType === 'RenewalReq') {
    throw new ScepRefused('badRequest', 'not signed with a current certificate of this authority');
  }
  const { challengePassword: challenge } = request;
  const verdict = await checkChallenge({
    challenge,
    transactionId,
    publicKeySha256,
    at,
    ...(from !== undefined && { from }),
  });
  if (verdict.outcome === 'already') return verdict.certificate;
  if (verdict.outcome === 'refused') {
    throw new ScepRefused('badRequest', `challenge refused: ${verdict.reason}`);
  }
  const { grant } = verdict;
  return issue(subscriber, { transactionId, requesterKeySha256, grant, renewalOf: null });
}

function subscriberOf(
  { subjectDer, subjectAltName }: CertificateRequest,
  publicKey: KeyObject,
  { authority, policy }: Enrolling,
): Subscriber {
  const badKey = keyProblem(publicKey, policy);
  if (badKey !== null) throw new ScepRefused('badAlg', badKey);
  const names = policy.keepAlternativeNames === true ? subjectAltName : null;
  const problem = subjectProblem(subjectDer) ?? (names && alternativeNamesProblem(names));
  if (problem !== null) throw new ScepRefused('badRequest', problem);
  const spki = publicKey.export({ format: 'der', type: 'spki' });
  const ours = authority.generations.flatMap(({ certificate, ra }) => [
    certificate,
    ...(ra === null ? [] : [ra.certificate]),
  ]);
  if (ours.some(({ publicKeyDer }) => publicKeyDer.equals(spki))) {
    throw new ScepRefused('badRequest', "the request is for the authority's own key");
  }
  return { subjectDer, publicKey, subjectAltName: names };
}

/**
 * The reply to a renewal may be lost as well, and its old certificate retired since. Who renews with
 * the old key names the old transaction too: so only renewals of this very certificate count.
 */
async function renewedBefore(
  {
    transactionId,
    requesterKeySha256,
    renewalOf,
  }: IssuancePurpose & { readonly renewalOf: Buffer },
  publicKeySha256: Buffer,
  { findIssued }: Enrolling,
): Promise<Buffer | null> {
  const asked = { transactionId, requesterKeySha256, renewalOf };
  const found = await findIssued.byTransaction(asked);
  if (found === null) return null;
  if (!found.publicKeySha256.equals(publicKeySha256)) {
    throw new ScepRefused('badRequest', 'the transaction was for another key');
  }
  return found.certificate;
}

async function mayRenew(signer: Certificate, { findIssued, at }: Enrolling): Promise<boolean> {
  return isValid(signer, at) && (await findIssued.isCurrent(sha256Of(signer.der)));
}

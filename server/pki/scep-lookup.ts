import type { KeyObject } from 'node:crypto';
import { readIssuerAndSerial, readIssuerAndSubject } from '../protocol/scep/names.ts';
import type { PkiMessage } from '../protocol/scep/pki-message.ts';
import type { DeviceAuthority } from './authority.ts';
import { isValid, trustedCertificates } from './authority.ts';
import { keySha256 } from './issue.ts';
import { sha256Of } from './sha256.ts';
import { readOpened } from './scep-open.ts';
import { ScepRefused } from './scep-refused.ts';
import { isIssuedBy } from './scep-renewal.ts';
import type { FindIssued } from './scep-types.ts';

/**
 * Answers a CertPoll. Nothing here is ever pending: it comes from who missed the reply, and
 * transaction and key tell who that is.
 * @returns DER @throws {ScepRefused}
 */
export async function polledCertificate(
  { transactionId }: PkiMessage,
  signerKey: KeyObject,
  content: Buffer,
  findIssued: FindIssued,
): Promise<Buffer> {
  readOpened(content, readIssuerAndSubject);
  const requesterKeySha256 = keySha256(signerKey);
  const found = await findIssued.byTransaction({ transactionId, requesterKeySha256 });
  if (found === null) throw new ScepRefused('badCertId', 'nothing was issued in this transaction');
  return found.certificate;
}

/** Answers a GetCert: only holders of our certificates may look up others. @returns DER @throws {ScepRefused} */
export async function askedCertificate(
  { signer }: PkiMessage,
  content: Buffer,
  findIssued: FindIssued,
  { authority, at }: { readonly authority: DeviceAuthority; readonly at: Date },
): Promise<Buffer> {
  const { issuerDer, serial } = readOpened(content, readIssuerAndSerial);
  const authorities = trustedCertificates(authority, at);
  const known =
    isIssuedBy(signer, authorities) &&
    isValid(signer, at) &&
    (await findIssued.isCurrent(sha256Of(signer.der)));
  const ours = authorities.some(({ subjectDer }) => subjectDer.equals(issuerDer));
  const found = known && ours ? await findIssued.bySerial(serial.toString('hex')) : null;
  if (found === null) throw new ScepRefused('badCertId', 'no such certificate for this requester');
  return found;
}

import { BerError } from './ber.ts';
import type { Certificate } from './certificate.ts';
import { readCertificate } from './certificate.ts';
import type { SignedData, SignerId } from './signed-data.ts';

/** Whether a signer or recipient is named by that id. */
export function isNamedBy(id: SignerId, { serial, issuerDer, subjectKeyId }: Certificate): boolean {
  return 'serial' in id
    ? serial.equals(id.serial) && issuerDer.equals(id.issuer)
    : (subjectKeyId?.equals(id.subjectKeyId) ?? false);
}

/** The signer's certificate among those in the SignedData. @throws {BerError} it is not there */
export function signerCertificate(signed: SignedData): Certificate {
  for (const der of signed.certificates) {
    const certificate = readOrNull(der);
    if (certificate !== null && isNamedBy(signed.signerId, certificate)) return certificate;
  }
  throw new BerError("the signer's certificate is missing");
}

/** Others than the signer's may be of any kind. */
function readOrNull(der: Buffer): Certificate | null {
  try {
    return readCertificate(der);
  } catch (error) {
    if (error instanceof BerError) return null;
    throw error;
  }
}

import { schemeNamed, signatureHolds } from '../protocol/cms/algorithm.ts';
import { BerError } from '../protocol/cms/ber.ts';
import type { Certificate } from '../protocol/cms/certificate.ts';
import { publicKeyOf } from '../protocol/cms/certificate.ts';

/** Whether one of the authorities issued that certificate. Neither its validity nor whether it is revoked. */
export function isIssuedBy(certificate: Certificate, authorities: readonly Certificate[]): boolean {
  return authorities.some(
    (authority) =>
      authority.subjectDer.equals(certificate.issuerDer) &&
      !authority.der.equals(certificate.der) &&
      signed(authority, certificate),
  );
}

function signed(authority: Certificate, certificate: Certificate): boolean {
  try {
    const scheme = schemeNamed(certificate.signatureAlgorithm);
    const digest = scheme?.digest ?? null;
    if (scheme === null || digest === null || digest === 'sha1') return false;
    const key = publicKeyOf(authority);
    return signatureHolds(scheme, digest, certificate.tbs, key, certificate.signature);
  } catch (error) {
    if (error instanceof BerError) return false;
    throw error;
  }
}

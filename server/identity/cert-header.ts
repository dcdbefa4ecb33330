import type { VerifiedCertificate } from '../model/identity.ts';
import { Refusal } from '../model/refusal.ts';
import type { KnownCertificates } from './known-certificates.ts';
import { certificatesInPem, decodeBase64 } from './pem.ts';

const headerLimit = 64 * 1024;

/**
 * The certificate in a proxy's header: RFC 9440 (`:base64 DER:`), or URL-escaped PEM, whose first
 * certificate is the leaf. A raw `+` in escaped PEM is a plus, for AWS load balancers leave it raw;
 * as a blank (nginx never writes one so) it could only stand in the BEGIN and END lines.
 * @returns DER, or null if the value is neither
 */
export function certificateFromHeader(value: string): Buffer | null {
  const text = value.trim();
  if (text.length > headerLimit) return null;
  try {
    if (text.startsWith(':')) {
      return text.length > 2 && text.endsWith(':') ? decodeBase64(text.slice(1, -1)) : null;
    }
    const pem = decodeURIComponent(text).replace(
      /-----(BEGIN|END)\+([A-Z0-9+]+)-----/g,
      (line: string) => line.replaceAll('+', ' '),
    );
    // The first block decides, whatever it is.
    if (!/^\s*-----BEGIN CERTIFICATE-----/.test(pem)) return null;
    return certificatesInPem(pem)[0] ?? null;
  } catch {
    return null;
  }
}

/**
 * Creates the reader of certificates that a TLS-terminating proxy verified possession of and passes
 * on in a header. Their chain is checked like a signer's.
 * @throws {Refusal} from the returned function: 400, as for signatures
 */
export function createHeaderVerifier(options: {
  readonly certificates: KnownCertificates;
}): (header: string | undefined, at: Date) => VerifiedCertificate {
  return (header, at) => {
    if (header === undefined || header.trim() === '') {
      throw new Refusal(400, 'missing-certificate', 'The certificate header is missing.');
    }
    const der = certificateFromHeader(header);
    if (der === null) {
      throw new Refusal(400, 'bad-certificate', 'The certificate header can not be read.');
    }
    return options.certificates.trusted(der, [], at).verified;
  };
}

import type { KeyObject } from 'node:crypto';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { ValidationError } from '../model/errors.ts';
import { keyIsUsable } from '../protocol/cms/algorithm.ts';
import { BerError } from '../protocol/cms/ber.ts';
import type { Certificate } from '../protocol/cms/certificate.ts';
import { publicKeyOf, readCertificate } from '../protocol/cms/certificate.ts';
import type { Generation, IssuingGeneration } from './authority.ts';
import { isValid, keyFits } from './authority.ts';
import { withRegistrationAuthority } from './make-authority.ts';
import { readPkcs12 } from './pkcs12.ts';

/**
 * Takes over an authority from PEM.
 * @param pem.certificates  the authority's certificate first, then those above it, if any
 * @param pem.key           PKCS #8, PKCS #1 or SEC1, encrypted or not
 * @throws {ValidationError} what is wrong with which part
 */
export async function importPem(
  pem: { readonly certificates: string; readonly key: string; readonly passphrase?: string },
  now: Date,
): Promise<IssuingGeneration> {
  const { passphrase } = pem;
  const certificates = certificatesIn(pem.certificates);
  const key = refusing('CA_KEY_UNREADABLE', 'The private key cannot be read.', 'key', () =>
    createPrivateKey({ key: pem.key, ...(passphrase !== undefined && { passphrase }) }),
  );
  return takeOver(certificates, key, now);
}

/** Takes over an authority from a PKCS #12 file (`.p12`, `.pfx`). @throws {ValidationError} */
export async function importPkcs12(
  file: Buffer,
  password: string,
  now: Date,
): Promise<IssuingGeneration> {
  const { key, certificates } = readPkcs12(file, password);
  const own = certificates.find((each) => keyFits(each, key));
  if (own === undefined) throw keyMismatch();
  return takeOver([own, ...certificates.filter((each) => each !== own)], key, now);
}

/** Trusts an authority that is elsewhere: only its certificate is known. @throws {ValidationError} */
export function importExternal(certificates: string, now: Date): Generation {
  const [certificate, chain] = checked(certificatesIn(certificates), now);
  return { certificate, key: null, chain, ra: null };
}

async function takeOver(certificates: readonly Certificate[], key: KeyObject, now: Date) {
  const [certificate, chain] = checked(certificates, now);
  if (!keyIsUsable(key) || !['rsa', 'ec'].includes(key.asymmetricKeyType ?? '')) {
    throw new ValidationError(
      'CA_KEY_UNSUITABLE',
      'The private key must be RSA of 1024 to 8192 bits, or of the curve P-256, P-384 or P-521.',
      ['key'],
    );
  }
  if (!keyFits(certificate, key)) throw keyMismatch();
  return withRegistrationAuthority(certificate, key, chain, now);
}

/** The first certificate, if it may issue others, and those above it in order. */
function checked(
  certificates: readonly Certificate[],
  now: Date,
): readonly [Certificate, readonly Certificate[]] {
  const [certificate, ...others] = certificates;
  if (certificate === undefined) throw unreadable('There is no certificate.');
  const { basicConstraints, keyUsage } = certificate;
  if (basicConstraints?.ca !== true || keyUsage?.has('keyCertSign') === false) {
    throw new ValidationError(
      'CA_NOT_AN_AUTHORITY',
      'The first certificate is not one of an authority that may sign others.',
      ['certificates'],
    );
  }
  if (!isValid(certificate, now)) {
    throw new ValidationError('CA_NOT_VALID', "The authority's certificate is not valid now.", [
      'certificates',
    ]);
  }
  refusing('CA_UNREADABLE', "The certificate's key cannot be read.", 'certificates', () =>
    publicKeyOf(certificate),
  );
  return [certificate, chainAbove(certificate, others)];
}

function chainAbove(
  certificate: Certificate,
  others: readonly Certificate[],
): readonly Certificate[] {
  const chain: Certificate[] = [];
  let last = certificate;
  while (!last.issuerDer.equals(last.subjectDer)) {
    const { issuerDer } = last;
    const next = others.find(({ subjectDer }) => subjectDer.equals(issuerDer));
    if (next === undefined || chain.includes(next)) break;
    chain.push(next);
    last = next;
  }
  return chain;
}

const block = /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[^-]+-----END [A-Z0-9 ]+-----/g;

function certificatesIn(pem: string): readonly Certificate[] {
  return [...pem.matchAll(block)].map(([text]) =>
    refusing('CA_UNREADABLE', 'A certificate cannot be read.', 'certificates', () =>
      readCertificate(new X509Certificate(text).raw),
    ),
  );
}

function refusing<T>(code: string, message: string, part: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const reason = error instanceof BerError ? ` (${error.message})` : '';
    throw new ValidationError(code, `${message}${reason}`, [part]);
  }
}

function unreadable(message: string): ValidationError {
  return new ValidationError('CA_UNREADABLE', message, ['certificates']);
}

function keyMismatch(): ValidationError {
  return new ValidationError(
    'CA_KEY_MISMATCH',
    'The private key does not belong to the certificate.',
    ['key'],
  );
}

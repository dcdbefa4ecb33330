import type { KeyObject } from 'node:crypto';
import { sign } from 'node:crypto';
import { ValidationError } from '../../model/errors.ts';
import type { Certificate } from '../../protocol/cms/certificate.ts';
import { buildPlist } from '../../protocol/plist/build.ts';
import {
  chainAbove,
  isSelfIssued,
  matched,
  readCertificates,
  readPrivateKey,
} from '../../pki/key-pair.ts';
import { writePem } from '../../pki/pem-blocks.ts';

/** An MDM vendor's certificate as a caller gives it. Used once, never stored. */
export interface VendorInput {
  /** PEM, or base64 of DER. */
  readonly certificate: string;
  /** PEM. */
  readonly key: string;
  readonly password: string | null;
  /** Intermediates and the root, each PEM or base64 of DER, in any order. */
  readonly chain: readonly string[];
}

/** An MDM vendor's certificate, ready to sign requests. */
export interface Vendor {
  readonly key: KeyObject;
  /** The vendor's certificate first, the root last. */
  readonly certificates: readonly Certificate[];
}

const path = ['input', 'route', 'vendor'];

/**
 * Reads a vendor's certificate, key and chain.
 * @throws {ValidationError} unreadable, not belonging together, ended, or a chain without its root
 */
export function readVendor(input: VendorInput, now: Date): Vendor {
  const at = (...more: string[]) => [...path, ...more];
  if (input.chain.length > 10) {
    throw new ValidationError('TOO_MANY_CERTIFICATES', 'The chain is too long.', at('chain'));
  }
  const given = readCertificates(input.certificate, at('certificate'));
  const key = readPrivateKey(input.key, input.password, at('key'));
  const { certificate, others } = matched(given, key, at('key'));
  if (key.asymmetricKeyType !== 'rsa') {
    throw new ValidationError(
      'KEY_UNSUITABLE',
      "Apple's portal takes signatures by RSA only, so the vendor's key must be RSA.",
      at('key'),
    );
  }
  if (certificate.notAfter <= now || certificate.notBefore > now) {
    throw new ValidationError(
      'VENDOR_NOT_VALID',
      `The vendor's certificate is valid from ${certificate.notBefore.toISOString()} to ` +
        `${certificate.notAfter.toISOString()}, not now. Make a new one in the developer portal.`,
      at('certificate'),
    );
  }
  const above = input.chain.flatMap((text, index) =>
    readCertificates(text, at('chain', `${index}`)),
  );
  const chain = chainAbove(certificate, [...others, ...above]);
  const last = chain.at(-1) ?? certificate;
  if (!isSelfIssued(last)) {
    throw new ValidationError(
      'CHAIN_INCOMPLETE',
      "The chain has to go from the vendor's certificate to Apple's root: add Apple's intermediate " +
        '(Worldwide Developer Relations) and root, from https://www.apple.com/certificateauthority/.',
      at('chain'),
    );
  }
  return { key, certificates: [certificate, ...chain] };
}

/**
 * What Apple's push certificates portal takes: base64 of a property list with the request, the vendor's
 * chain and the vendor's signature (SHA-256 with RSA) over the request's DER. See "Setting Up Push
 * Notifications for Your MDM Customers" in Apple's documentation of Device Management.
 */
export function signRequest(csr: Buffer, { key, certificates }: Vendor): string {
  return buildPlist({
    PushCertCertificateChain: certificates.map(({ der }) => writePem('CERTIFICATE', der)).join(''),
    PushCertRequestCSR: csr.toString('base64'),
    PushCertSignature: sign('sha256', csr, key).toString('base64'),
  }).toString('base64');
}

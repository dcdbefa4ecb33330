import type { KeyObject } from 'node:crypto';
import type { SecureContext } from 'node:tls';
import { createSecureContext } from 'node:tls';
import { CertificateError } from './certificate-problem.ts';

/** A topic's certificate with its key: what we show Apple. */
export interface PushIdentity {
  /** Changes whenever the certificate is replaced; compared for equality only. */
  readonly version: string;
  /** PEM. */
  readonly certificate: string;
  /** PEM, not encrypted, or a private key. */
  readonly key: string | KeyObject;
  /** Issuers to send along, PEM. */
  readonly chain?: string;
}

/**
 * TLS as a client with this certificate.
 * @param ca  whom to trust instead of the usual authorities, PEM
 * @throws {CertificateError} certificate and key are none, or do not belong together
 */
export function secureContextOf(identity: PushIdentity, ca: string | undefined): SecureContext {
  const { certificate, chain, key } = identity;
  try {
    return createSecureContext({
      cert: chain === undefined ? certificate : `${certificate.trimEnd()}\n${chain}`,
      key: typeof key === 'string' ? key : key.export({ format: 'pem', type: 'pkcs8' }),
      minVersion: 'TLSv1.2',
      ...(ca !== undefined && { ca }),
    });
  } catch {
    // OpenSSL's own words may quote the input.
    throw new CertificateError(
      'unusable',
      'the push certificate and its key cannot be used for TLS',
    );
  }
}

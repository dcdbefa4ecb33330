import { X509Certificate } from 'node:crypto';

/** A file of certificates that the operator named. */
export interface PemBundle {
  readonly path: string;
  readonly certificates: readonly X509Certificate[];
}

const block = /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[\s\S]+?-----END [^-]+-----/g;

/**
 * Reads the certificates of a PEM file (RFC 7468, §5); what else the file holds is left alone.
 * @throws {Error} it holds none, or one that does not parse
 */
export function parsePemBundle(path: string, text: string): PemBundle {
  const blocks = text.match(block) ?? [];
  if (blocks.length === 0) throw new Error('holds no certificate in PEM form');
  const certificates = blocks.map((pem, index) => {
    try {
      return new X509Certificate(pem);
    } catch {
      throw new Error(`certificate ${index + 1} of ${blocks.length} cannot be read`);
    }
  });
  return { path, certificates };
}

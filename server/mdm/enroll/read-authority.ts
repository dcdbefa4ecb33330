import type { IssuingGeneration } from '../../pki/authority.ts';
import { importPem, importPkcs12 } from '../../pki/import-authority.ts';
import { readPemPair } from '../../pki/key-pair.ts';
import { writePem } from '../../pki/pem-blocks.ts';

/**
 * Reads an authority from one PEM text: certificate, key and those above it, in any order.
 * @param path  where the text stands in the caller's input
 * @throws {ValidationError} what is missing, unreadable or unfit
 */
export function readAuthorityPem(
  pem: string,
  password: string | null,
  now: Date,
  path: readonly string[] = [],
): Promise<IssuingGeneration> {
  const { certificate, key, others } = readPemPair(pem, password, path);
  const certificates = [certificate, ...others].map(({ der }) => writePem('CERTIFICATE', der));
  return importPem(
    {
      certificates: certificates.join(''),
      key: key.export({ format: 'pem', type: 'pkcs8' }).toString(),
    },
    now,
  );
}

/** Reads an authority from a file, PEM or PKCS #12, whichever it is. @throws {ValidationError} */
export function readAuthorityFile(
  bytes: Buffer,
  password: string | null,
  now: Date,
): Promise<IssuingGeneration> {
  const text = bytes.toString('latin1');
  return text.includes('-----BEGIN ')
    ? readAuthorityPem(text, password, now)
    : importPkcs12(bytes, password ?? '', now);
}

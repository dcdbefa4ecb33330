import { StartupError } from '../model/errors.ts';
import { BerError } from '../protocol/cms/ber.ts';
import type { Certificate } from '../protocol/cms/certificate.ts';
import { readCertificate } from '../protocol/cms/certificate.ts';

const block = /-----BEGIN ([A-Z0-9 ]+)-----([^-]*)-----END \1-----/g;
const certificateLabels: ReadonlySet<string> = new Set([
  'CERTIFICATE',
  'TRUSTED CERTIFICATE',
  'X509 CERTIFICATE',
]);

/** The bytes of every certificate in a PEM text; other blocks are passed over. @throws {TypeError} bad base64 */
export function certificatesInPem(pem: string): readonly Buffer[] {
  return [...pem.matchAll(block)]
    .filter((match) => certificateLabels.has(match[1] ?? ''))
    .map((match) => decodeBase64((match[2] ?? '').replace(/\s+/g, '')));
}

/**
 * Reads a file of certificate authorities.
 * @param what  how the operator calls it, such as `--ca roots.pem`
 * @throws {StartupError} it holds no certificate, or one that can't be read
 */
export function readPemBundle(pem: string, what: string): readonly Certificate[] {
  let found: readonly Buffer[];
  try {
    found = certificatesInPem(pem);
  } catch {
    throw new StartupError(`${what}: a certificate is not valid base64.`);
  }
  if (found.length === 0) throw new StartupError(`${what}: holds no PEM certificate.`);
  return found.map((bytes, index) => {
    try {
      return readCertificate(bytes);
    } catch (error) {
      if (!(error instanceof BerError)) throw error;
      throw new StartupError(`${what}: certificate ${index + 1} can't be read: ${error.message}.`);
    }
  });
}

/** Standard padded base64 and nothing else. @throws {TypeError} */
export function decodeBase64(text: string): Buffer {
  const { length } = text;
  // The decoder looks at a letter's last eight bits, passes over what it doesn't know, so that less comes out,
  // and reads the alphabet of URLs too: asking for all that is quicker by far than judging letter by letter.
  if (length === 0 || length % 4 !== 0 || Buffer.byteLength(text) !== length) {
    throw new TypeError('not base64');
  }
  const bytes = Buffer.from(text, 'base64');
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  if (bytes.length !== (length / 4) * 3 - padding || text.includes('-') || text.includes('_')) {
    throw new TypeError('not base64');
  }
  return bytes;
}

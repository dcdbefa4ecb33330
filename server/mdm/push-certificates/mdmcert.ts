import type { KeyObject } from 'node:crypto';
import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import { ValidationError } from '../../model/errors.ts';
import { readCertificate } from '../../protocol/cms/certificate.ts';
import { openEnvelope } from '../../protocol/cms/envelope.ts';
import { issueCertificate } from '../../protocol/cms/x509-write.ts';
import { parsePlist } from '../../protocol/plist/parse.ts';
import { isPlistDict } from '../../protocol/plist/value.ts';
import { pemBlocks, writePem } from '../../pki/pem-blocks.ts';
import { checkEmail } from './request-subject.ts';

/** Who is to sign at mdmcert.download. */
export interface MdmcertInput {
  /** A registered address there: the signed request is mailed to it. */
  readonly email: string;
  /** The API key of the server product. */
  readonly apiKey: string;
}

/** What is to be sent to mdmcert.download. */
export interface MdmcertRequest {
  readonly url: string;
  /** JSON, for a POST. */
  readonly body: string;
}

const url = 'https://mdmcert.download/api/v1/signrequest';
const day = 86_400_000;
const pair = promisify(generateKeyPair);
const path = ['input', 'encrypted'];

/** @throws {ValidationError} */
export function checkMdmcert({ email, apiKey }: MdmcertInput): void {
  checkEmail(email, ['input', 'route', 'mdmcertDownload', 'email']);
  if (/^[\x21-\x7e]{1,256}$/.test(apiKey)) return;
  throw new ValidationError('BAD_API_KEY', 'apiKey is the key of the API of mdmcert.download.', [
    'input',
    'route',
    'mdmcertDownload',
    'apiKey',
  ]);
}

/** Makes what the answer is to be encrypted for: an RSA key and a certificate of a year. */
export async function makeEncryptionIdentity(
  now: Date,
): Promise<{ readonly certificate: Buffer; readonly key: KeyObject }> {
  const { publicKey, privateKey } = await pair('rsa', { modulusLength: 2048 });
  const certificate = issueCertificate({
    subject: { commonName: 'graphmdm push certificate request' },
    publicKey,
    issuerKey: privateKey,
    notBefore: new Date(now.getTime() - day),
    notAfter: new Date(now.getTime() + 365 * day),
    keyUsage: ['keyEncipherment', 'dataEncipherment'],
  });
  return { certificate, key: privateKey };
}

/** The request to mdmcert.download: request and encryption certificate are base64 of PEM. */
export function mdmcertRequest(
  csr: Buffer,
  encryptionCertificate: Buffer,
  { email, apiKey }: MdmcertInput,
): MdmcertRequest {
  const encoded = (label: string, der: Buffer) =>
    Buffer.from(writePem(label, der)).toString('base64');
  return {
    url,
    body: JSON.stringify({
      csr: encoded('CERTIFICATE REQUEST', csr),
      email,
      key: apiKey,
      encrypt: encoded('CERTIFICATE', encryptionCertificate),
    }),
  };
}

/**
 * Opens the file that mdmcert.download mails: PKCS #7, in hexadecimal there, in base64 or PEM here too.
 * @param csr  the request that it has to be the signed form of
 * @returns what Apple's portal takes
 * @throws {ValidationError} it can't be decrypted, or is for another request
 */
export function openMdmcertAnswer(
  encrypted: string,
  holder: { readonly certificate: Buffer; readonly key: KeyObject },
  csr: Buffer,
): string {
  const signed = decrypt(decode(encrypted), holder).toString('latin1').replace(/\s+/g, '');
  if (!csrIn(signed).equals(csr)) {
    throw new ValidationError(
      'OTHER_REQUEST',
      'This is the signed form of another request: pass the id of the request that it belongs to.',
      path,
    );
  }
  return signed;
}

function decode(text: string): Buffer {
  const [block] = pemBlocks(text.slice(0, 256 * 1024));
  const bare = (block?.text.replace(/-----[^-]+-----/g, '') ?? text).replace(/\s+/g, '');
  return /^(?:[\da-f]{2})+$/i.test(bare) ? Buffer.from(bare, 'hex') : Buffer.from(bare, 'base64');
}

function decrypt(
  bytes: Buffer,
  { certificate, key }: { readonly certificate: Buffer; readonly key: KeyObject },
): Buffer {
  try {
    const holder = { certificate: readCertificate(certificate), key };
    // What it is encrypted with is the service's choice: single DES still is among them.
    return openEnvelope(bytes, [holder], () => true).content;
  } catch {
    throw unreadable();
  }
}

function csrIn(signed: string): Buffer {
  try {
    const plist = parsePlist(Buffer.from(signed, 'base64'));
    const csr = isPlistDict(plist) ? plist['PushCertRequestCSR'] : undefined;
    if (typeof csr === 'string') return Buffer.from(csr, 'base64');
  } catch {
    // Said below.
  }
  throw unreadable();
}

function unreadable(): ValidationError {
  return new ValidationError(
    'UNREADABLE',
    'This does not decrypt to a signed request. Pass the whole text of the file that mdmcert.download ' +
      'mailed for this request (its name ends with .plist.b64.p7).',
    path,
  );
}

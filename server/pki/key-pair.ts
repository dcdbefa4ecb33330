import type { KeyObject } from 'node:crypto';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { ValidationError } from '../model/errors.ts';
import { keyIsUsable } from '../protocol/cms/algorithm.ts';
import type { Certificate } from '../protocol/cms/certificate.ts';
import { readCertificate } from '../protocol/cms/certificate.ts';
import { keyFits } from './authority.ts';
import { type PemBlock, pemBlocks } from './pem-blocks.ts';
import { readPkcs12 } from './pkcs12.ts';

/** A private key, the certificate that is for it, and what else came with them. */
export interface KeyPair {
  readonly certificate: Certificate;
  readonly key: KeyObject;
  /** Other certificates of the file, in no certain order. */
  readonly others: readonly Certificate[];
}

/** Where in a caller's input the text stands, for the errors about it. */
type Path = readonly string[];

const mostCharacters = 256 * 1024;
const mostCertificates = 20;
const certificateLabels: ReadonlySet<string> = new Set([
  'CERTIFICATE',
  'X509 CERTIFICATE',
  'TRUSTED CERTIFICATE',
]);

/**
 * Reads a certificate and its key from one PEM text, in any order and with a chain around them: the
 * certificate is the one that the key belongs to.
 * @throws {ValidationError} what is missing, unreadable or does not belong together
 */
export function readPemPair(pem: string, password: string | null, path: Path): KeyPair {
  const blocks = blocksIn(pem, path);
  const foreign = blocks.find(({ label }) => !isCertificate(label) && !isKey(label));
  if (foreign !== undefined && foreign.label !== 'EC PARAMETERS') throw unexpected(foreign, path);
  const certificates = blocks.filter(({ label }) => isCertificate(label));
  if (certificates.length === 0) {
    throw new ValidationError(
      'NO_CERTIFICATE',
      'There is no certificate: add its block, which begins with -----BEGIN CERTIFICATE-----.',
      path,
    );
  }
  const read = certificates.map(({ text }) => certificateOf(text, path));
  return matched(read, keyIn(blocks, password, path), path);
}

/** Reads a certificate and its key from a PKCS #12 file. @throws {ValidationError} */
export function readPkcs12Pair(file: Buffer, password: string | null, path: Path): KeyPair {
  try {
    const { key, certificates } = readPkcs12(file, password ?? '');
    return matched(certificates, key, path);
  } catch (error) {
    // Said of "the file" there; here it has a place in the caller's input.
    if (error instanceof ValidationError)
      throw new ValidationError(error.code, error.message, path);
    throw error;
  }
}

/**
 * Reads certificates: PEM with one or more, or the base64 of one in DER, as a `.cer` file has it.
 * @throws {ValidationError}
 */
export function readCertificates(text: string, path: Path): readonly Certificate[] {
  const blocks = blocksIn(text, path);
  const foreign = blocks.find(({ label }) => !isCertificate(label));
  if (foreign !== undefined) throw unexpected(foreign, path);
  if (blocks.length > 0) return blocks.map((each) => certificateOf(each.text, path));
  const bare = text.replace(/\s+/g, '');
  if (!/^MI[A-Za-z0-9+/]+={0,2}$/.test(bare)) {
    throw new ValidationError(
      'NO_CERTIFICATE',
      'There is no certificate: give PEM, or the base64 of a certificate in DER.',
      path,
    );
  }
  return [certificateOf(Buffer.from(bare, 'base64'), path)];
}

/** Reads the one private key of a PEM text. @throws {ValidationError} */
export function readPrivateKey(pem: string, password: string | null, path: Path): KeyObject {
  return keyIn(blocksIn(pem, path), password, path);
}

/** Finds the certificate that a key belongs to. @throws {ValidationError} there is none */
export function matched(certificates: readonly Certificate[], key: KeyObject, path: Path): KeyPair {
  const certificate = certificates.find((each) => belongs(each, key));
  if (certificate === undefined) {
    throw new ValidationError(
      'KEY_MISMATCH',
      'The private key does not belong to the certificate: it is the key of another request. Look ' +
        'for the key that was made with this certificate’s request.',
      path,
    );
  }
  if (!keyIsUsable(key)) {
    throw new ValidationError(
      'KEY_UNSUITABLE',
      'The private key must be RSA of 1024 to 8192 bits, or of the curve P-256, P-384 or P-521.',
      path,
    );
  }
  return { certificate, key, others: certificates.filter((each) => each !== certificate) };
}

/** Of these, the certificates above one, in order, as far as they are there. */
export function chainAbove(
  certificate: Certificate,
  others: readonly Certificate[],
): readonly Certificate[] {
  const chain: Certificate[] = [];
  let last = certificate;
  while (!isSelfIssued(last)) {
    const { issuerDer } = last;
    const next = others.find(({ subjectDer }) => subjectDer.equals(issuerDer));
    if (next === undefined || next === certificate || chain.includes(next)) break;
    chain.push(next);
    last = next;
  }
  return chain;
}

/** Whether nothing stands above a certificate. */
export function isSelfIssued({ issuerDer, subjectDer }: Certificate): boolean {
  return issuerDer.equals(subjectDer);
}

function blocksIn(text: string, path: Path): readonly PemBlock[] {
  if (text.length > mostCharacters) {
    throw new ValidationError('TOO_LARGE', 'This is too long for certificates and a key.', path);
  }
  const blocks = pemBlocks(text);
  if (blocks.length > mostCertificates) {
    throw new ValidationError(
      'TOO_MANY_BLOCKS',
      'There are too many PEM blocks: give the certificate, its key and its chain.',
      path,
    );
  }
  return blocks;
}

function isCertificate(label: string): boolean {
  return certificateLabels.has(label);
}

function isKey(label: string): boolean {
  return label === 'PRIVATE KEY' || label.endsWith(' PRIVATE KEY');
}

function keyIn(blocks: readonly PemBlock[], password: string | null, path: Path): KeyObject {
  const [block, another] = blocks.filter(({ label }) => isKey(label));
  if (block === undefined) {
    throw new ValidationError(
      'NO_KEY',
      'There is no private key: add its block, such as -----BEGIN PRIVATE KEY-----.',
      path,
    );
  }
  if (another !== undefined) {
    throw new ValidationError('SEVERAL_KEYS', 'There is more than one private key.', path);
  }
  const encrypted =
    block.label === 'ENCRYPTED PRIVATE KEY' || /^Proc-Type:.*ENCRYPTED/m.test(block.text);
  if (encrypted && (password === null || password === '')) {
    throw new ValidationError(
      'PASSWORD_REQUIRED',
      'The private key is encrypted: give its password.',
      path,
    );
  }
  try {
    return createPrivateKey({
      key: block.text,
      format: 'pem',
      ...(encrypted && password !== null && { passphrase: password }),
    });
  } catch {
    // OpenSSL's own words may quote the input.
    throw encrypted
      ? new ValidationError('PASSWORD_WRONG', 'The password does not open the private key.', path)
      : new ValidationError('KEY_UNREADABLE', 'The private key cannot be read.', path);
  }
}

function certificateOf(text: string | Buffer, path: Path): Certificate {
  try {
    // OpenSSL decodes the base64, and what it takes our reader still has to take.
    return readCertificate(new X509Certificate(text).raw);
  } catch {
    throw new ValidationError('CERTIFICATE_UNREADABLE', 'A certificate cannot be read.', path);
  }
}

function belongs(certificate: Certificate, key: KeyObject): boolean {
  try {
    return keyFits(certificate, key);
  } catch {
    return false;
  }
}

function unexpected({ label }: PemBlock, path: Path): ValidationError {
  const request = label.endsWith('CERTIFICATE REQUEST');
  return new ValidationError(
    'UNEXPECTED_PEM_BLOCK',
    request
      ? 'This holds a certificate request. What is wanted is the certificate that answers it.'
      : `This holds a block of the kind "${label}", which does not belong here.`,
    path,
  );
}

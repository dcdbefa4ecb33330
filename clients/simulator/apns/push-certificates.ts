import type { KeyObject } from 'node:crypto';
import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import { readCertificate } from '../../../server/protocol/cms/certificate.ts';
import { oid } from '../../../server/protocol/cms/oids.ts';
import type { Subject } from '../../../server/protocol/cms/x509-write.ts';
import { issueCertificate } from '../../../server/protocol/cms/x509-write.ts';
import type { Authority } from '../identity.ts';
import { certificatePem, makeAuthority } from '../identity.ts';

/** A certificate and its key, PEM. */
export interface CertifiedKey {
  readonly certificate: string;
  /** PKCS#8. */
  readonly key: string;
}

export interface PushCertificateOptions {
  /** As the portal's requests have it: `rsa`; P-256 is made a hundred times faster. @default 'ec' */
  readonly key?: 'rsa' | 'ec';
  /** @default a day ago */
  readonly notBefore?: Date;
  /** @default in a year */
  readonly notAfter?: Date;
}

const pair = promisify(generateKeyPair);
const day = 86_400_000;

/** Makes the authority that stands for Apple's. */
export function makePushAuthority(): Promise<Authority> {
  return makeAuthority({ commonName: 'Simulated Push Authority' });
}

/** Makes a push certificate: the topic is the subject's UID, as in Apple's. */
export function makePushCertificate(
  authority: Authority,
  topic: string,
  options: PushCertificateOptions = {},
): Promise<CertifiedKey> {
  const subject = { userId: topic, commonName: `APSP:${topic}`, country: 'US' };
  return certify(authority, subject, oid.clientAuth, options);
}

/** Makes the certificate of a server that is reached as `host`. */
export function makeServerCertificate(authority: Authority, host: string): Promise<CertifiedKey> {
  return certify(authority, { commonName: host }, oid.serverAuth, {});
}

async function certify(
  authority: Authority,
  subject: Subject,
  purpose: string,
  options: PushCertificateOptions,
): Promise<CertifiedKey> {
  const { publicKey, privateKey } = await newKeys(options.key ?? 'ec');
  const certificate = issueCertificate({
    subject,
    publicKey,
    issuer: readCertificate(authority.certificate),
    issuerKey: authority.key,
    notBefore: options.notBefore ?? new Date(Date.now() - day),
    notAfter: options.notAfter ?? new Date(Date.now() + 365 * day),
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: [purpose],
  });
  const key = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  return { certificate: certificatePem(certificate), key };
}

function newKeys(kind: 'rsa' | 'ec'): Promise<{ publicKey: KeyObject; privateKey: KeyObject }> {
  return kind === 'rsa'
    ? pair('rsa', { modulusLength: 2048 })
    : pair('ec', { namedCurve: 'prime256v1' });
}

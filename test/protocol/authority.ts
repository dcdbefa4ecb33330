import type { KeyObject } from 'node:crypto';
import { generateKeyPairSync } from 'node:crypto';
import type { Certificate } from '../../server/protocol/cms/certificate.ts';
import { readCertificate } from '../../server/protocol/cms/certificate.ts';
import type { CertificateContent } from '../../server/protocol/cms/x509-write.ts';
import { issueCertificate } from '../../server/protocol/cms/x509-write.ts';

export interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

/** A certificate with its key, which can issue others. */
export interface Holder extends KeyPair {
  readonly der: Buffer;
  readonly certificate: Certificate;
  readonly pem: string;
}

export const rsaKeys = (modulusLength = 2048): KeyPair =>
  generateKeyPairSync('rsa', { modulusLength });
export const ecKeys = (namedCurve = 'P-256'): KeyPair => generateKeyPairSync('ec', { namedCurve });

/** The moment at which the tests' messages arrive; certificates are valid a day around it. */
export const now = new Date('2026-06-15T12:00:00Z');
export const yesterday = new Date('2026-06-14T12:00:00Z');
export const tomorrow = new Date('2026-06-16T12:00:00Z');

/** Issues a certificate around `now`; by itself if no issuer is given. */
export function issue(
  keys: KeyPair,
  issuer: Holder | null,
  content: Partial<CertificateContent> = {},
): Holder {
  const der = issueCertificate({
    subject: { commonName: 'device' },
    publicKey: keys.publicKey,
    issuerKey: issuer?.privateKey ?? keys.privateKey,
    ...(issuer === null ? {} : { issuer: issuer.certificate }),
    notBefore: yesterday,
    notAfter: tomorrow,
    ...content,
  });
  return { ...keys, der, certificate: readCertificate(der), pem: pemOf(der) };
}

/** Issues the certificate of an authority named `commonName`. */
export function authority(
  keys: KeyPair,
  commonName: string,
  issuer: Holder | null = null,
  content: Partial<CertificateContent> = {},
): Holder {
  return issue(keys, issuer, {
    subject: { commonName },
    ca: true,
    keyUsage: ['keyCertSign', 'cRLSign'],
    ...content,
  });
}

export function pemOf(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}

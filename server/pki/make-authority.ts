import type { KeyObject } from 'node:crypto';
import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import type { Certificate } from '../protocol/cms/certificate.ts';
import { readCertificate } from '../protocol/cms/certificate.ts';
import { oid } from '../protocol/cms/oids.ts';
import type { Subject } from '../protocol/cms/x509-write.ts';
import { issueCertificate } from '../protocol/cms/x509-write.ts';
import type { IssuingGeneration, KeyHolder } from './authority.ts';

export interface NewAuthority {
  readonly subject: Subject;
  /** Devices know RSA only in SCEP; P-256 gets an RSA registration authority. @default 'rsa' */
  readonly key?: 'rsa' | 'ec';
  /** In days. @default 3650 */
  readonly validDays?: number;
}

const pair = promisify(generateKeyPair);
const day = 86_400_000;
/** Clocks of devices may be behind ours. */
const backdated = day;

/** Makes a self-signed authority: RSA-2048, or P-256 with an RSA registration authority. */
export async function makeGeneration(wanted: NewAuthority, now: Date): Promise<IssuingGeneration> {
  const { publicKey, privateKey } =
    wanted.key === 'ec'
      ? await pair('ec', { namedCurve: 'P-256' })
      : await pair('rsa', { modulusLength: 2048 });
  const der = issueCertificate({
    subject: wanted.subject,
    publicKey,
    issuerKey: privateKey,
    notBefore: new Date(now.getTime() - backdated),
    notAfter: new Date(now.getTime() + (wanted.validDays ?? 3650) * day),
    ca: { pathLength: 0 },
    keyUsage: [
      'digitalSignature',
      ...(wanted.key === 'ec' ? [] : (['keyEncipherment'] as const)),
      'keyCertSign',
      'cRLSign',
    ],
  });
  return withRegistrationAuthority(readCertificate(der), privateKey, [], now);
}

/** Completes a generation: adds an RSA registration authority where the key or its usage demands one. */
export async function withRegistrationAuthority(
  certificate: Certificate,
  key: KeyObject,
  chain: readonly Certificate[],
  now: Date,
): Promise<IssuingGeneration> {
  const usage = certificate.keyUsage;
  const forEnvelopes =
    key.asymmetricKeyType === 'rsa' &&
    (usage === null || (usage.has('keyEncipherment') && usage.has('digitalSignature')));
  const ra = forEnvelopes ? null : await makeRegistrationAuthority(certificate, key, now);
  return { certificate, key, chain, ra };
}

async function makeRegistrationAuthority(
  issuer: Certificate,
  issuerKey: KeyObject,
  now: Date,
): Promise<KeyHolder> {
  const { publicKey, privateKey } = await pair('rsa', { modulusLength: 2048 });
  const earliest = Math.max(now.getTime() - backdated, issuer.notBefore.getTime());
  const der = issueCertificate({
    subject: { commonName: 'SCEP registration authority' },
    publicKey,
    issuer,
    issuerKey,
    notBefore: new Date(earliest),
    notAfter: issuer.notAfter,
    keyUsage: ['digitalSignature', 'keyEncipherment'],
    // Named, so that it can never pass for the certificate of a device.
    extendedKeyUsage: [oid.requestAgent],
  });
  return { certificate: readCertificate(der), key: privateKey };
}

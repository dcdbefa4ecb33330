import type { KeyObject } from 'node:crypto';
import { createHash, createPrivateKey, createPublicKey, generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import type { Certificate } from '../protocol/cms/certificate.ts';
import { publicKeyOf, readCertificate } from '../protocol/cms/certificate.ts';
import type { Subject } from '../protocol/cms/x509-write.ts';
import { issueCertificate } from '../protocol/cms/x509-write.ts';
import { oid } from '../protocol/cms/oids.ts';

/** A certificate with its private key. */
export interface KeyHolder {
  readonly certificate: Certificate;
  readonly key: KeyObject;
}

/** One certificate of the device authority, with what belongs to it. */
export interface Generation {
  readonly certificate: Certificate;
  /** Null if the authority is external: then its devices are trusted, and nothing is issued. */
  readonly key: KeyObject | null;
  /** Certificates above it, up to the root; empty for a root. */
  readonly chain: readonly Certificate[];
  /** Registration authority: opens and signs SCEP messages where the authority's own key can't. */
  readonly ra: KeyHolder | null;
}

/** A generation that can issue. */
export interface IssuingGeneration extends Generation {
  readonly key: KeyObject;
}

/**
 * The authority that devices' certificates come from: its generations, newest first. A renewal puts
 * a new one before the old, which stays trusted and answers its clients until it ends.
 */
export interface DeviceAuthority {
  readonly generations: readonly Generation[];
}

/** A generation as it is stored. Keys are PKCS #8 DER: seal them. */
export interface StoredGeneration {
  readonly certificate: Buffer;
  readonly key: Buffer | null;
  readonly chain: readonly Buffer[];
  readonly ra: { readonly certificate: Buffer; readonly key: Buffer } | null;
}

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

/** The generation that issues now: the newest that has a key and is valid; null if there is none. */
export function issuingGeneration(authority: DeviceAuthority, at: Date): IssuingGeneration | null {
  return issuingGenerations(authority, at)[0] ?? null;
}

/** All that could issue now, newest first: each still opens what its clients send. */
export function issuingGenerations(
  { generations }: DeviceAuthority,
  at: Date,
): readonly IssuingGeneration[] {
  return generations.filter(canIssue).filter(({ certificate }) => isValid(certificate, at));
}

function canIssue(generation: Generation): generation is IssuingGeneration {
  return generation.key !== null;
}

/** The certificates that devices' chains may end at now. */
export function trustedCertificates(
  { generations }: DeviceAuthority,
  at: Date,
): readonly Certificate[] {
  return generations.map(({ certificate }) => certificate).filter((each) => isValid(each, at));
}

/** Puts a new generation before the others, and drops those that have ended. */
export function renewed(
  authority: DeviceAuthority,
  generation: Generation,
  at: Date,
): DeviceAuthority {
  const left = authority.generations.filter(({ certificate }) => certificate.notAfter >= at);
  return { generations: [generation, ...left] };
}

/** Whose key opens and signs SCEP messages. */
export function scepIdentity({ certificate, key, ra }: IssuingGeneration): KeyHolder {
  return ra ?? { certificate, key };
}

/**
 * The certificates that GetCACert shows: the one for envelopes first, because simple clients take
 * the first, then the authority and what is above it.
 */
export function shownCertificates(generation: Generation): readonly Buffer[] {
  const { certificate, chain, ra } = generation;
  return [...(ra === null ? [] : [ra.certificate]), certificate, ...chain].map(({ der }) => der);
}

/**
 * The name that a generation's profiles give their SCEP payload, and that comes back as the message
 * of GetCACert: so a profile made before a renewal still finds the certificate it has the print of.
 */
export function generationName({ certificate }: Generation): string {
  return createHash('sha256').update(certificate.der).digest('hex').slice(0, 16);
}

export function isValid({ notBefore, notAfter }: Certificate, at: Date): boolean {
  return at >= notBefore && at <= notAfter;
}

export function storeGeneration({ certificate, key, chain, ra }: Generation): StoredGeneration {
  return {
    certificate: certificate.der,
    key: key && privateDer(key),
    chain: chain.map(({ der }) => der),
    ra: ra && { certificate: ra.certificate.der, key: privateDer(ra.key) },
  };
}

/** @throws {BerError} what is stored is not what was stored */
export function restoreGeneration({ certificate, key, chain, ra }: StoredGeneration): Generation {
  return {
    certificate: readCertificate(certificate),
    key: key && privateKeyOf(key),
    chain: chain.map(readCertificate),
    ra: ra && { certificate: readCertificate(ra.certificate), key: privateKeyOf(ra.key) },
  };
}

/** Whether a private key is the one that a certificate is for. @throws {BerError} */
export function keyFits(certificate: Certificate, key: KeyObject): boolean {
  return publicKeyOf(certificate).equals(createPublicKey(key));
}

function privateDer(key: KeyObject): Buffer {
  return key.export({ format: 'der', type: 'pkcs8' });
}

function privateKeyOf(der: Buffer): KeyObject {
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
}

import type { KeyObject } from 'node:crypto';
import { createHash, createPublicKey } from 'node:crypto';
import type { Certificate } from '../protocol/cms/certificate.ts';
import { publicKeyOf } from '../protocol/cms/certificate.ts';

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

/** Whether a private key is the one that a certificate is for. @throws {BerError} */
export function keyFits(certificate: Certificate, key: KeyObject): boolean {
  return publicKeyOf(certificate).equals(createPublicKey(key));
}

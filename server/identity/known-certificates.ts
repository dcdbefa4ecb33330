import type { KeyObject } from 'node:crypto';
import { createHash } from 'node:crypto';
import type { VerifiedCertificate } from '../model/identity.ts';
import { Refusal } from '../model/refusal.ts';
import { keyIsUsable } from '../protocol/cms/algorithm.ts';
import { BerError } from '../protocol/cms/ber.ts';
import type { Certificate } from '../protocol/cms/certificate.ts';
import { publicKeyOf, readCertificate } from '../protocol/cms/certificate.ts';
import { formatName } from '../protocol/cms/name.ts';
import { createLru } from './lru.ts';
import type { Trust } from './trust.ts';

/** A certificate with what is costly to get from it. */
export interface KnownCertificate {
  readonly certificate: Certificate;
  readonly publicKey: KeyObject;
  readonly verified: VerifiedCertificate;
}

/** Reads and judges certificates, and remembers those that are trusted. */
export interface KnownCertificates {
  /**
   * @param der    the certificate
   * @param extra  further certificates that came with it; read only if it is not trusted without
   * @throws {Refusal} 400 `bad-certificate`, `untrusted`, `expired`, `not-yet-valid`, `bad-key-usage`
   */
  trusted(der: Buffer, extra: readonly Buffer[], at: Date): KnownCertificate;
  /** Reads a certificate without judging it. @throws {BerError} it is none */
  read(der: Buffer): Certificate;
}

interface Entry extends KnownCertificate {
  readonly trust: Trust;
  readonly validFrom: Date;
  readonly validTo: Date;
}

/**
 * Creates the cache over `trust`. Parsing a certificate and its key and checking its chain cost ten
 * times what the signature itself does, and devices come back with the same certificate for years.
 * Only trusted ones are kept, so that nobody else can push them out; they are judged anew when the
 * authorities change or the chain leaves its validity.
 */
export function createKnownCertificates(options: {
  readonly trust: () => Trust;
  /** Certificates to keep, about 6 KB each. */
  readonly cacheSize: number;
}): KnownCertificates {
  const entries = createLru<string, Entry>(options.cacheSize);
  return {
    read(der) {
      return entries.get(hashOf(der).toString('latin1'))?.certificate ?? readCertificate(der);
    },
    trusted(der, extra, at) {
      const trust = options.trust();
      const sha256 = hashOf(der);
      const key = sha256.toString('latin1');
      const known = entries.get(key);
      if (known?.trust === trust && known.validFrom <= at && at <= known.validTo) return known;
      const entry = judge(der, sha256, extra, trust, at);
      entries.set(key, entry);
      return entry;
    },
  };
}

function hashOf(der: Buffer): Buffer {
  return createHash('sha256').update(der).digest();
}

function judge(
  source: Buffer,
  sha256: Buffer,
  extra: readonly Buffer[],
  trust: Trust,
  at: Date,
): Entry {
  // A copy of its own: what it was cut from may be much larger and would be kept alive.
  const der = Buffer.from(source);
  try {
    const certificate = readCertificate(der);
    const alone = trust.check(certificate, [], at);
    const helped = alone.trusted || alone.problem !== 'untrusted' || extra.length === 0;
    const verdict = helped ? alone : trust.check(certificate, readable(extra), at);
    if (!verdict.trusted) throw new Refusal(400, verdict.problem, verdict.reason);
    const publicKey = publicKeyOf(certificate);
    if (!keyIsUsable(publicKey)) throw new BerError('its key is too short or of another kind');
    const { validFrom, validTo } = verdict;
    return {
      certificate,
      publicKey,
      verified: verifiedOf(certificate, sha256),
      trust,
      validFrom,
      validTo,
    };
  } catch (error) {
    if (!(error instanceof BerError)) throw error;
    throw new Refusal(400, 'bad-certificate', `The certificate can't be read: ${error.message}.`);
  }
}

/** Certificates that can't be read are no help, and no harm. */
function readable(ders: readonly Buffer[]): readonly Certificate[] {
  return ders.flatMap((der) => {
    try {
      return [readCertificate(der)];
    } catch (error) {
      if (error instanceof BerError) return [];
      throw error;
    }
  });
}

function verifiedOf(certificate: Certificate, sha256: Buffer): VerifiedCertificate {
  return {
    sha256,
    subject: formatName(certificate.subjectDer),
    issuer: formatName(certificate.issuerDer),
    // A leading zero octet only says that the number is positive.
    serial: certificate.serial.toString('hex').replace(/^00(?=.)/, ''),
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
    der: certificate.der,
    subjectDer: certificate.subjectDer,
    issuerDer: certificate.issuerDer,
  };
}

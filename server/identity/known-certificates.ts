import type { KeyObject } from 'node:crypto';
import { hash } from 'node:crypto';
import type { VerifiedCertificate } from '../model/identity.ts';
import { Refusal } from '../model/refusal.ts';
import { keyIsUsable } from '../protocol/cms/algorithm.ts';
import { BerError } from '../protocol/cms/ber.ts';
import type { Certificate } from '../protocol/cms/certificate.ts';
import { publicKeyOf, readCertificate } from '../protocol/cms/certificate.ts';
import { formatName } from '../protocol/cms/name.ts';
import { createRecent } from './recent.ts';
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

/** That a certificate was found to be trusted, as long as all of its path is valid. */
interface Verdict {
  readonly trust: Trust;
  readonly validFrom: Date;
  readonly validTo: Date;
}

interface Entry extends KnownCertificate, Verdict {}

/** The bytes last asked for, with their hash, and what was read of them. */
interface Last {
  readonly der: Buffer;
  readonly key: string;
  certificate: Certificate | null;
}

/**
 * Creates the cache over `trust`. Parsing a certificate and its key and checking its chain cost ten
 * times what the signature itself does, and devices come back with the same certificate for years.
 * Only trusted ones are kept, so that nobody else can push them out; they are judged anew when the
 * authorities change or the chain leaves its validity.
 *
 * A fleet larger than the cache comes round in turns and finds each certificate pushed out. That its chain
 * was good is remembered longer: most of the time is in its signatures, and little memory.
 */
export function createKnownCertificates(options: {
  readonly trust: () => Trust;
  /** Certificates to keep, about 6 KB each. */
  readonly cacheSize: number;
  /** Certificates of which it is kept that they were trusted, about 200 bytes each. */
  readonly verdicts: number;
}): KnownCertificates {
  const entries = createRecent<string, Entry>(options.cacheSize);
  const verdicts = createRecent<string, Verdict>(options.verdicts);
  /** Whoever is told apart among a signature's certificates is judged next. */
  let last: Last = { der: Buffer.alloc(0), key: '', certificate: null };

  /** @param der not to be changed by anybody afterwards */
  function named(der: Buffer): Last {
    if (last.der !== der) last = { der, key: hash('sha256', der, 'binary'), certificate: null };
    return last;
  }

  function readOnce(asked: Last): Certificate {
    // A copy of its own: what it was cut from may be much larger and would be kept alive.
    asked.certificate ??= readCertificate(Buffer.from(asked.der));
    return asked.certificate;
  }

  function holds(verdict: Verdict | undefined, trust: Trust, at: Date): verdict is Verdict {
    return verdict?.trust === trust && verdict.validFrom <= at && at <= verdict.validTo;
  }

  function judge(
    certificate: Certificate,
    key: string,
    extra: readonly Buffer[],
    trust: Trust,
    at: Date,
  ): Verdict {
    const known = verdicts.get(key);
    if (holds(known, trust, at)) return known;
    const alone = trust.check(certificate, [], at);
    const helped = alone.trusted || alone.problem !== 'untrusted' || extra.length === 0;
    const verdict = helped ? alone : trust.check(certificate, readable(extra), at);
    if (!verdict.trusted) throw new Refusal(400, verdict.problem, verdict.reason);
    const { validFrom, validTo } = verdict;
    const kept = { trust, validFrom, validTo };
    verdicts.set(key, kept);
    return kept;
  }

  return {
    read(der) {
      const asked = named(der);
      return entries.get(asked.key)?.certificate ?? readOnce(asked);
    },
    trusted(der, extra, at) {
      const trust = options.trust();
      const asked = named(der);
      const { key } = asked;
      const known = entries.get(key);
      if (holds(known, trust, at)) return known;
      try {
        const certificate = readOnce(asked);
        const verdict = judge(certificate, key, extra, trust, at);
        const publicKey = publicKeyOf(certificate);
        if (!keyIsUsable(publicKey)) throw new BerError('its key is too short or of another kind');
        const verified = verifiedOf(certificate, Buffer.from(key, 'binary'));
        const entry = { certificate, publicKey, verified, ...verdict };
        entries.set(key, entry);
        return entry;
      } catch (error) {
        if (!(error instanceof BerError)) throw error;
        throw new Refusal(
          400,
          'bad-certificate',
          `The certificate can't be read: ${error.message}.`,
        );
      }
    },
  };
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

import type { KeyObject } from 'node:crypto';
import { sign, verify } from 'node:crypto';
import type { Clock } from '../model/clock.ts';
import type { Certificate } from '../protocol/cms/certificate.ts';
import { publicKeyOf } from '../protocol/cms/certificate.ts';
import { formatName } from '../protocol/cms/name.ts';
import { oid } from '../protocol/cms/oids.ts';
import { newSerial, withSignature, writeCertificate } from '../protocol/cms/x509-write.ts';
import type { DeviceAuthority } from './authority.ts';
import { issuingGeneration } from './authority.ts';
import type { Intended } from './lint.ts';
import { lint } from './lint.ts';
import { sha256Of } from './sha256.ts';

/** What for and to whom a certificate is issued, as it is recorded. */
export interface IssuancePurpose {
  /** The SCEP transaction. */
  readonly transactionId: string;
  /** SHA-256 of the key that signed the request (SubjectPublicKeyInfo): who may ask again. */
  readonly requesterKeySha256: Buffer;
  /** What allowed it, such as an invitation's id; null for a renewal. */
  readonly grant: string | null;
  /** SHA-256 of the certificate that signed the request and is so renewed; null if none did. */
  readonly renewalOf: Buffer | null;
}

/** A certificate that is about to be signed. */
export interface Issuance extends IssuancePurpose {
  /** Lower-case hexadecimal. */
  readonly serial: string;
  /** As RFC 4514 writes it; may be empty. */
  readonly subject: string;
  /** SHA-256 of its key (SubjectPublicKeyInfo). */
  readonly publicKeySha256: Buffer;
  /** SHA-256 of the authority's certificate. */
  readonly issuerSha256: Buffer;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** How issued certificates are recorded: before and after they are signed. */
export interface RecordIssuance {
  /** Makes durable that this certificate is going to exist. A rejection ends it: nothing is signed. */
  begin(issuance: Issuance): Promise<void>;
  /**
   * Stores the certificate.
   * @returns DER of the one that stands for this purpose (grant, transaction, key and renewed
   *   certificate): this one, or a current one that a repeated request stored just before
   */
  finish(
    issued: Issuance & { readonly certificate: Buffer; readonly sha256: Buffer },
  ): Promise<Buffer>;
}

export interface IssuePolicy {
  /** Days. Never beyond the authority's own end. @default 365 */
  readonly validDays?: number;
  /** Minutes by which certificates start before now, for devices whose clock is behind. @default 60 */
  readonly backdatedMinutes?: number;
}

/** What a checked request wants certified. */
export interface Subscriber {
  /** May be empty. */
  readonly subjectDer: Buffer;
  readonly publicKey: KeyObject;
  /** GeneralNames, DER, or null. */
  readonly subjectAltName: Buffer | null;
}

/** Issues a device's certificate. @returns its DER */
export type Issue = (subscriber: Subscriber, purpose: IssuancePurpose) => Promise<Buffer>;

/** No certificate can be issued: there is no authority, or what was made fails its own check. */
export class IssueError extends Error {
  override readonly name = 'IssueError';
}

/**
 * Prepares to issue devices' certificates: for TLS clients and signatures, a year long, with random
 * serial numbers. Each is looked over and recorded before it is signed, so that none exists that we
 * don't know.
 * @param options.authority  asked each time, so that a renewed authority is used at once
 */
export function createIssue(options: {
  readonly authority: () => DeviceAuthority;
  readonly record: RecordIssuance;
  readonly clock: Clock;
  readonly policy?: IssuePolicy;
}): Issue {
  const { authority, record, clock, policy = {} } = options;
  return async (subscriber, purpose) => {
    const now = clock.now();
    const generation = issuingGeneration(authority(), now);
    if (generation === null) throw new IssueError('There is no authority that could issue.');
    const { certificate: issuer, key: issuerKey } = generation;
    const intended = intentFor(subscriber, issuer, policy, now);
    const serial = newSerial();
    const unsigned = writeCertificate({
      subject: subscriber.subjectDer,
      publicKey: subscriber.publicKey,
      issuer,
      issuerKey,
      notBefore: intended.notBefore,
      notAfter: intended.notAfter,
      // keyEncipherment says nothing for a key on a curve (RFC 8813, 3).
      keyUsage:
        subscriber.publicKey.asymmetricKeyType === 'rsa'
          ? ['digitalSignature', 'keyEncipherment']
          : ['digitalSignature'],
      extendedKeyUsage: [oid.clientAuth],
      serial,
      ...(subscriber.subjectAltName && { subjectAltName: subscriber.subjectAltName }),
    });
    const problems = lint(unsigned, intended);
    if (problems.length > 0) {
      throw new IssueError(`The certificate was made wrongly: ${problems.join('; ')}.`);
    }
    const issuance: Issuance = {
      ...purpose,
      serial: serial.toString('hex'),
      subject: formatName(subscriber.subjectDer),
      publicKeySha256: keySha256(subscriber.publicKey),
      issuerSha256: sha256Of(issuer.der),
      notBefore: intended.notBefore,
      notAfter: intended.notAfter,
    };
    await record.begin(issuance);
    const signature = sign('sha256', unsigned.tbs, issuerKey);
    // A faulty RSA signature gives the private key away (Boneh, DeMillo, Lipton): it never leaves.
    if (!verify('sha256', unsigned.tbs, publicKeyOf(issuer), signature)) {
      throw new IssueError("The authority's key signed wrongly.");
    }
    const certificate = withSignature(unsigned, signature);
    return record.finish({ ...issuance, certificate, sha256: sha256Of(certificate) });
  };
}

function intentFor(
  { subjectDer, publicKey }: Subscriber,
  issuer: Certificate,
  { validDays = 365, backdatedMinutes = 60 }: IssuePolicy,
  now: Date,
): Intended {
  const start = Math.max(now.getTime() - backdatedMinutes * 60_000, issuer.notBefore.getTime());
  const end = Math.min(now.getTime() + validDays * 86_400_000, issuer.notAfter.getTime());
  return {
    subjectDer,
    publicKeyDer: publicKey.export({ format: 'der', type: 'spki' }),
    issuer,
    notBefore: wholeSeconds(start),
    notAfter: wholeSeconds(end),
  };
}

/** Certificates know no parts of seconds; what is recorded is what they say. */
function wholeSeconds(time: number): Date {
  return new Date(Math.floor(time / 1000) * 1000);
}

/** SHA-256 of a public key's SubjectPublicKeyInfo, written one way whatever way it came. */
export function keySha256(key: KeyObject): Buffer {
  return sha256Of(key.export({ format: 'der', type: 'spki' }));
}

import { BerError, bytesOf, childrenOf, contentOf, expectTag, readWhole, tag } from '../cms/ber.ts';
import { derSequence } from '../cms/der-write.ts';
import { signerIdOf } from '../cms/signed-data-write.ts';

/** Whom a CertPoll asks about: the authority that shall issue, and for which subject. */
export interface IssuerAndSubject {
  readonly issuerDer: Buffer;
  readonly subjectDer: Buffer;
}

/** Which certificate a GetCert or GetCRL asks about. */
export interface IssuerAndSerial {
  readonly issuerDer: Buffer;
  /** Content octets of the serial number. */
  readonly serial: Buffer;
}

/** The content of a CertPoll (RFC 8894, 3.3.3). @throws {BerError} */
export function readIssuerAndSubject(bytes: Buffer): IssuerAndSubject {
  const [issuer, subject] = pairIn(bytes);
  return {
    issuerDer: bytesOf(expectTag(issuer, tag.sequence)),
    subjectDer: bytesOf(expectTag(subject, tag.sequence)),
  };
}

export function writeIssuerAndSubject({ issuerDer, subjectDer }: IssuerAndSubject): Buffer {
  return derSequence(issuerDer, subjectDer);
}

/** The content of a GetCert or GetCRL (RFC 8894, 3.3.4). @throws {BerError} */
export function readIssuerAndSerial(bytes: Buffer): IssuerAndSerial {
  const [issuer, serial] = pairIn(bytes);
  return {
    issuerDer: bytesOf(expectTag(issuer, tag.sequence)),
    serial: contentOf(expectTag(serial, tag.integer)),
  };
}

/** @param certificate  the one that is asked about, DER @throws {BerError} */
export function writeIssuerAndSerial(certificate: Buffer): Buffer {
  return signerIdOf(certificate);
}

function pairIn(bytes: Buffer) {
  const [one, other, more] = childrenOf(expectTag(readWhole(bytes), tag.sequence));
  if (more !== undefined) throw new BerError('a pair has three parts');
  return [one, other] as const;
}

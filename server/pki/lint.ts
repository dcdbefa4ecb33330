import { BerError } from '../protocol/cms/ber.ts';
import type { Certificate } from '../protocol/cms/certificate.ts';
import { readCertificate } from '../protocol/cms/certificate.ts';
import { oid } from '../protocol/cms/oids.ts';
import type { UnsignedCertificate } from '../protocol/cms/x509-write.ts';
import { keyIdOf, withSignature } from '../protocol/cms/x509-write.ts';

/** What a device's certificate was meant to say. */
export interface Intended {
  readonly subjectDer: Buffer;
  readonly publicKeyDer: Buffer;
  readonly issuer: Certificate;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/**
 * Looks a device's certificate over before anything signs it, by reading it back.
 * @returns what is wrong with it; anything at all is a fault of ours
 */
export function lint(unsigned: UnsignedCertificate, intended: Intended): readonly string[] {
  let found: Certificate;
  try {
    found = readCertificate(withSignature(unsigned, Buffer.alloc(32)));
  } catch (error) {
    if (error instanceof BerError) return [`it cannot be read: ${error.message}`];
    throw error;
  }
  const { issuer } = intended;
  const first = found.serial[0] ?? 0;
  const usages = [...(found.keyUsage ?? [])].join();
  const rules: readonly (readonly [boolean, string])[] = [
    [found.version === 3, 'not of version 3'],
    [
      found.serial.length >= 16 && found.serial.length <= 20,
      'the serial number is of a wrong size',
    ],
    [first > 0 && first < 0x80, 'the serial number is not positive'],
    [found.issuerDer.equals(issuer.subjectDer), 'another issuer'],
    [found.subjectDer.equals(intended.subjectDer), 'another subject'],
    [found.publicKeyDer.equals(intended.publicKeyDer), 'another key'],
    [!found.publicKeyDer.equals(issuer.publicKeyDer), "the authority's own key"],
    [found.basicConstraints?.ca !== true, 'it is an authority'],
    [
      usages === 'digitalSignature,keyEncipherment' || usages === 'digitalSignature',
      'other usages',
    ],
    [found.extendedKeyUsage?.join() === oid.clientAuth, 'other purposes'],
    [found.subjectKeyId?.equals(keyIdOf(intended.publicKeyDer)) === true, 'another key id'],
    [
      found.authorityKeyId?.equals(issuer.subjectKeyId ?? keyIdOf(issuer.publicKeyDer)) === true,
      "another authority's key id",
    ],
    [found.unknownCritical.length === 0, 'unknown critical extensions'],
    [sameSecond(found.notBefore, intended.notBefore), 'another start'],
    [sameSecond(found.notAfter, intended.notAfter), 'another end'],
    [found.notBefore < found.notAfter, 'it ends before it starts'],
    [found.notBefore >= issuer.notBefore, 'it starts before its issuer'],
    [found.notAfter <= issuer.notAfter, 'it outlives its issuer'],
  ];
  return rules.filter(([holds]) => !holds).map(([, problem]) => problem);
}

function sameSecond(one: Date, other: Date): boolean {
  return Math.floor(one.getTime() / 1000) === Math.floor(other.getTime() / 1000);
}

import type { KeyObject } from 'node:crypto';
import { createPrivateKey } from 'node:crypto';
import forge from 'node-forge';
import { ValidationError } from '../model/errors.ts';
import { BerError } from '../protocol/cms/ber.ts';
import type { Certificate } from '../protocol/cms/certificate.ts';
import { readCertificate } from '../protocol/cms/certificate.ts';

const sizeLimit = 256 * 1024;

/** What a PKCS #12 file holds: one private key, and certificates in no certain order. */
export interface Pkcs12 {
  readonly key: KeyObject;
  readonly certificates: readonly Certificate[];
}

/** Reads a PKCS #12 file. Slow (its key derivation is): for uploads only. @throws {ValidationError} */
export function readPkcs12(file: Buffer, password: string): Pkcs12 {
  if (file.length > sizeLimit) throw refused('The file is too large for a PKCS #12 file.');
  const { keys, certificates } = bagsIn(file, password);
  const [key, another] = keys;
  if (key === undefined || another !== undefined) {
    throw refused('The file must hold exactly one private key.');
  }
  if (certificates.length > 20) throw refused('The file holds too many certificates.');
  try {
    return {
      key: createPrivateKey({ key, format: 'der', type: 'pkcs8' }),
      certificates: certificates.map(readCertificate),
    };
  } catch (error) {
    const reason = error instanceof BerError ? ` (${error.message})` : '';
    throw refused(`Its key or a certificate cannot be read${reason}.`);
  }
}

function bagsIn(file: Buffer, password: string) {
  const { pki } = forge;
  const keys: Buffer[] = [];
  const certificates: Buffer[] = [];
  try {
    const pfx = forge.pkcs12.pkcs12FromAsn1(forge.asn1.fromDer(file.toString('binary')), password);
    for (const bag of pfx.safeContents.flatMap(({ safeBags }) => safeBags)) {
      // Where forge knows no elliptic curve it leaves the ASN.1 as it stood.
      if (bag.type === pki.oids['certBag']) {
        certificates.push(bytesOf(bag.cert ? asItStood(bag.cert) : bag.asn1));
      } else if (bag.type === pki.oids['keyBag'] || bag.type === pki.oids['pkcs8ShroudedKeyBag']) {
        const rsa = bag.key;
        keys.push(bytesOf(rsa ? pki.wrapRsaPrivateKey(pki.privateKeyToAsn1(rsa)) : bag.asn1));
      }
    }
  } catch {
    throw refused('The password is wrong, or the file is no PKCS #12 file.');
  }
  return { keys, certificates };
}

/**
 * A certificate as the file had it. forge's own writer gives the outer algorithm a NULL that the one
 * inside has not where an elliptic-curve authority has signed, and the two must be equal (RFC 5280,
 * §4.1.1.2).
 */
function asItStood(certificate: forge.pki.Certificate): forge.asn1.Asn1 {
  const { asn1 } = forge;
  const { tbsCertificate: signed, signature } = certificate;
  const fields: readonly forge.asn1.Asn1[] = Array.isArray(signed?.value) ? signed.value : [];
  // The version is absent, or the first field and tagged [0].
  const hasVersion = fields[0]?.tagClass === asn1.Class.CONTEXT_SPECIFIC;
  const algorithm = fields[hasVersion ? 2 : 1];
  if (algorithm === undefined) throw new Error('a certificate without an algorithm');
  return asn1.create(asn1.Class.UNIVERSAL, asn1.Type.SEQUENCE, true, [
    signed,
    algorithm,
    asn1.create(asn1.Class.UNIVERSAL, asn1.Type.BITSTRING, false, `\0${String(signature)}`),
  ]);
}

function bytesOf(asn1: forge.asn1.Asn1): Buffer {
  return Buffer.from(forge.asn1.toDer(asn1).getBytes(), 'binary');
}

function refused(message: string): ValidationError {
  return new ValidationError('PKCS12_UNREADABLE', message, ['file']);
}

import type { KeyObject } from 'node:crypto';
import { createPrivateKey } from 'node:crypto';
import { readCertificate } from '../protocol/cms/certificate.ts';
import type { Generation } from './authority.ts';

/** A generation as it is stored. Keys are PKCS #8 DER: seal them. */
export interface StoredGeneration {
  readonly certificate: Buffer;
  readonly key: Buffer | null;
  readonly chain: readonly Buffer[];
  readonly ra: { readonly certificate: Buffer; readonly key: Buffer } | null;
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

function privateDer(key: KeyObject): Buffer {
  return key.export({ format: 'der', type: 'pkcs8' });
}

function privateKeyOf(der: Buffer): KeyObject {
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
}

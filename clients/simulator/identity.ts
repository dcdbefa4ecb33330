import type { KeyObject } from 'node:crypto';
import { createPrivateKey, generateKeyPair, X509Certificate } from 'node:crypto';
import { promisify } from 'node:util';
import { readCertificate } from '../../server/protocol/cms/certificate.ts';
import { oid } from '../../server/protocol/cms/oids.ts';
import { signDetached } from '../../server/protocol/cms/sign.ts';
import { issueCertificate } from '../../server/protocol/cms/x509-write.ts';

/** RSA 2048, as devices have it, or P-256, which is made a hundred times faster. */
export type KeyKind = 'rsa' | 'ec';

/** `apple`: as devices sign (BER, SHA-1, no signed attributes); `modern`: DER, SHA-256, attributes. */
export type SignatureStyle = 'apple' | 'modern';

/** A certificate authority of our own. */
export interface Authority {
  /** DER. */
  readonly certificate: Buffer;
  readonly key: KeyObject;
}

/** A device's key and certificate. */
export interface Identity {
  readonly commonName: string;
  /** DER. */
  readonly certificate: Buffer;
  readonly key: KeyObject;
  /** Sent along with every signature. */
  readonly intermediates: readonly Buffer[];
}

const pair = promisify(generateKeyPair);
const day = 86_400_000;

function newKeys(kind: KeyKind): Promise<{ publicKey: KeyObject; privateKey: KeyObject }> {
  return kind === 'rsa'
    ? pair('rsa', { modulusLength: 2048 })
    : pair('ec', { namedCurve: 'prime256v1' });
}

/**
 * Makes a throw-away authority, valid for ten years.
 * @param issuer  the authority above it; without one it is a root
 */
export async function makeAuthority(
  options: {
    readonly commonName?: string;
    readonly key?: KeyKind;
    readonly issuer?: Authority;
  } = {},
): Promise<Authority> {
  const { commonName = 'graphmdm simulator CA', key = 'ec', issuer } = options;
  const { publicKey, privateKey } = await newKeys(key);
  const now = Date.now();
  const certificate = issueCertificate({
    subject: { commonName },
    publicKey,
    ...(issuer && { issuer: readCertificate(issuer.certificate) }),
    issuerKey: issuer?.key ?? privateKey,
    notBefore: new Date(now - day),
    notAfter: new Date(now + 3650 * day),
    ca: true,
    keyUsage: ['keyCertSign', 'cRLSign', 'digitalSignature'],
  });
  return { certificate, key: privateKey };
}

/** Takes an authority from PEM. @throws when the key is not the certificate's */
export function readAuthority(certificatePem: string, keyPem: string): Authority {
  const certificate = new X509Certificate(certificatePem);
  const key = createPrivateKey(keyPem);
  if (!certificate.checkPrivateKey(key)) {
    throw new Error("the CA's key does not belong to its certificate");
  }
  return { certificate: certificate.raw, key };
}

/** A certificate as PEM. */
export function certificatePem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}

export interface IdentityOptions {
  readonly commonName: string;
  /** @default 'ec' */
  readonly key?: KeyKind;
  /** @default a day ago */
  readonly notBefore?: Date;
  /** @default in a year */
  readonly notAfter?: Date;
  /** As Apple's own have it: nothing in the subject. @default false */
  readonly emptySubject?: boolean;
  /** Certificates to send along with every signature, DER. */
  readonly intermediates?: readonly Buffer[];
}

/** Makes a device's key and has the authority certify it, for signing and TLS as SCEP's would be. */
export async function issueIdentity(
  authority: Authority,
  options: IdentityOptions,
): Promise<Identity> {
  const { commonName, emptySubject = false, intermediates = [] } = options;
  const { publicKey, privateKey } = await newKeys(options.key ?? 'ec');
  const certificate = issueCertificate({
    subject: emptySubject ? {} : { commonName },
    publicKey,
    issuer: readCertificate(authority.certificate),
    issuerKey: authority.key,
    notBefore: options.notBefore ?? new Date(Date.now() - day),
    notAfter: options.notAfter ?? new Date(Date.now() + 365 * day),
    keyUsage: ['digitalSignature', 'keyEncipherment'],
    extendedKeyUsage: [oid.clientAuth],
  });
  return { commonName, certificate, key: privateKey, intermediates };
}

/** The CMS for the `Mdm-Signature` header, before base64. */
export function signMessage(identity: Identity, body: Buffer, style: SignatureStyle): Buffer {
  const { key, certificate, intermediates } = identity;
  return signDetached({ body, key, certificate, intermediates, style });
}

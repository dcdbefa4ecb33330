import { createPrivateKey, type KeyObject } from 'node:crypto';
import forge from 'node-forge';
import type { CertifiedKey } from '../../clients/simulator/apns/push-certificates.ts';

/** The key in other clothes. */
export function keyAs(
  { key }: CertifiedKey,
  form: 'pkcs1' | 'sec1' | 'pkcs8' | 'encrypted' | 'encrypted the old way',
  password = '',
): string {
  const object = createPrivateKey(key);
  if (form === 'encrypted') {
    return pem(object, { type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: password });
  }
  if (form === 'encrypted the old way') {
    const type = object.asymmetricKeyType === 'ec' ? 'sec1' : 'pkcs1';
    return pem(object, { type, cipher: 'aes-128-cbc', passphrase: password });
  }
  return pem(object, { type: form });
}

function pem(
  key: KeyObject,
  options: {
    readonly type: 'pkcs1' | 'pkcs8' | 'sec1';
    readonly cipher?: string;
    readonly passphrase?: string;
  },
): string {
  return key.export({ ...options, format: 'pem' }).toString();
}

/** A PKCS #12 file, as Keychain and OpenSSL export it; RSA only. @returns base64 */
export function pkcs12(
  { certificate, key }: CertifiedKey,
  password: string,
  chain: readonly string[] = [],
): string {
  const certificates = [certificate, ...chain].map((text) => forge.pki.certificateFromPem(text));
  const file = forge.pkcs12.toPkcs12Asn1(
    forge.pki.privateKeyFromPem(keyAs({ certificate, key }, 'pkcs1')),
    certificates,
    password,
    { algorithm: '3des', count: 10 },
  );
  return Buffer.from(forge.asn1.toDer(file).getBytes(), 'binary').toString('base64');
}

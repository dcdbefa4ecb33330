import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Authority, certificatePem } from '../../clients/simulator/identity.ts';
import { readCertificate } from '../../server/protocol/cms/certificate.ts';
import { der } from '../../server/protocol/cms/der-write.ts';
import { issueCertificate } from '../../server/protocol/cms/x509-write.ts';

/** What a proxy shows to the outside: PEM files. */
export interface ServerTls {
  readonly certificate: string;
  readonly key: string;
}

/** Writes a certificate of `localhost` and its key. */
export function writeServerTls(authority: Authority, folder: string): ServerTls {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const certificate = issueCertificate({
    subject: { commonName: 'localhost' },
    publicKey,
    issuer: readCertificate(authority.certificate),
    issuerKey: authority.key,
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 3_600_000),
    keyUsage: ['digitalSignature'],
    // GeneralNames with one dNSName (RFC 5280, §4.2.1.6).
    subjectAltName: der(0x30, der(0x82, Buffer.from('localhost'))),
  });
  const files = { certificate: join(folder, 'localhost.pem'), key: join(folder, 'localhost.key') };
  writeFileSync(files.certificate, certificatePem(certificate));
  writeFileSync(files.key, privateKey.export({ type: 'pkcs8', format: 'pem' }));
  return files;
}

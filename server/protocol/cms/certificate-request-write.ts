import type { KeyObject } from 'node:crypto';
import { createPublicKey, sign } from 'node:crypto';
import { writeAttribute } from './attributes.ts';
import { derBits, derContext, derInteger, derSequence, derUtf8 } from './der-write.ts';
import { oid } from './oids.ts';
import type { Subject } from './x509-write.ts';
import { extension, sha256SignatureAlgorithm, writeName } from './x509-write.ts';

/** What a certification request asks for. */
export interface RequestContent {
  /** A subject to write, or one that is DER already. Nothing at all is allowed. */
  readonly subject: Subject | Buffer;
  /** RSA or EC private key; the certificate is asked for its public half. */
  readonly key: KeyObject;
  readonly challengePassword?: string;
  /** GeneralNames, DER. */
  readonly subjectAltName?: Buffer;
}

/** Writes and signs (SHA-256) a PKCS #10 certification request. @returns DER */
export function writeCertificateRequest(content: RequestContent): Buffer {
  const { key, challengePassword, subjectAltName } = content;
  const subject = Buffer.isBuffer(content.subject) ? content.subject : writeName(content.subject);
  const attributes: Buffer[] = [];
  if (challengePassword !== undefined) {
    attributes.push(
      writeAttribute({ type: oid.challengePassword, value: derUtf8(challengePassword) }),
    );
  }
  if (subjectAltName !== undefined) {
    const wanted = derSequence(extension(oid.subjectAltName, false, subjectAltName));
    attributes.push(writeAttribute({ type: oid.extensionRequest, value: wanted }));
  }
  const info = derSequence(
    derInteger(0),
    subject,
    createPublicKey(key).export({ format: 'der', type: 'spki' }),
    derContext(0, ...attributes.toSorted((one, other) => Buffer.compare(one, other))),
  );
  return derSequence(info, sha256SignatureAlgorithm(key), derBits(sign('sha256', info, key)));
}

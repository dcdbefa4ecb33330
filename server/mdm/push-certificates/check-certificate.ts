import { ValidationError } from '../../model/errors.ts';
import type { Certificate } from '../../protocol/cms/certificate.ts';
import { nameAttribute } from '../../protocol/cms/name.ts';
import { oid } from '../../protocol/cms/oids.ts';
import { chainAbove, type KeyPair } from '../../pki/key-pair.ts';

/** A push certificate that passed its checks. */
export interface CheckedPushCertificate {
  readonly topic: string;
  readonly certificate: Certificate;
  /** PKCS #8, PEM. */
  readonly keyPem: string;
  /** Certificates above it, in order, as far as they were given. */
  readonly chain: readonly Certificate[];
}

const topicPrefix = 'com.apple.mgmt.';

/** Whether a text can be a topic of MDM: what Apple names them, in characters that a header carries. */
export function isTopic(text: string): boolean {
  return text.startsWith(topicPrefix) && /^[\x21-\x7e]{16,255}$/.test(text);
}

/**
 * Checks that a certificate is one that MDM pushes with, now.
 * @param force  takes one that has ended, too
 * @throws {ValidationError} what is wrong with it, and what to do
 */
export function checkPushCertificate(
  { certificate, key, others }: KeyPair,
  { now, force }: { readonly now: Date; readonly force: boolean },
  path: readonly string[],
): CheckedPushCertificate {
  const topic = topicOf(certificate, path);
  const { notBefore, notAfter } = certificate;
  if (notBefore > now) {
    throw new ValidationError(
      'NOT_YET_VALID',
      `The certificate begins on ${notBefore.toISOString()}. Upload it then, or set this server's clock ` +
        'right.',
      path,
    );
  }
  if (notAfter <= now && !force) {
    throw new ValidationError(
      'EXPIRED',
      `The certificate ended on ${notAfter.toISOString()}, so Apple refuses it. Renew it at Apple's ` +
        'push certificates portal, with the Apple ID that made it, and upload what that gives; ' +
        '`force: true` stores it all the same.',
      path,
    );
  }
  return {
    topic,
    certificate,
    keyPem: key.export({ format: 'pem', type: 'pkcs8' }).toString(),
    chain: chainAbove(certificate, others),
  };
}

/** Apple writes the topic into the subject, as UID. */
function topicOf({ subjectDer }: Certificate, path: readonly string[]): string {
  const topic = readTopic(subjectDer);
  if (topic === null) {
    throw new ValidationError(
      'NO_TOPIC',
      "The certificate's subject has no UID, which names the topic: it is none of Apple's push " +
        "certificates. Upload the certificate that Apple's push certificates portal gives.",
      path,
    );
  }
  if (!isTopic(topic)) {
    throw new ValidationError(
      'BAD_TOPIC',
      `The certificate is for ${JSON.stringify(topic.slice(0, 255))}; topics of MDM begin with ` +
        `${topicPrefix} Upload an MDM push certificate, not one of an app.`,
      path,
    );
  }
  return topic;
}

function readTopic(subjectDer: Buffer): string | null {
  try {
    return nameAttribute(subjectDer, oid.userId);
  } catch {
    // A name that can't be read names no topic.
    return null;
  }
}

import type { IncomingHttpHeaders } from 'node:http2';
import { readCertificate } from '../../../server/protocol/cms/certificate.ts';
import { nameAttribute } from '../../../server/protocol/cms/name.ts';
import { oid } from '../../../server/protocol/cms/oids.ts';
import type { Reason } from './reasons.ts';

/** A push that passed Apple's checks. */
export interface ReceivedPush {
  /** Lower-case hexadecimal. */
  readonly token: string;
  readonly topic: string;
  readonly magic: string;
  readonly apnsId: string | undefined;
  readonly expiresAt: Date;
  readonly priority: string;
}

/** Whose connection it is. */
export interface Caller {
  /** Whether the certificate is in date and from the right authority. */
  readonly trusted: boolean;
  /** The certificate, DER; absent when none was shown. */
  readonly certificate: Buffer | undefined;
}

/** The topic of a push certificate, or null if it is none. */
export function topicOf(certificate: Buffer): string | null {
  return nameAttribute(readCertificate(certificate).subjectDer, oid.userId);
}

/**
 * Checks a request as Apple does, and more strictly where Apple would silently drop the push: the
 * payload must be exactly `{"mdm": magic}`, and topic, type, priority and expiration must be said.
 */
export function check(
  caller: Caller,
  headers: IncomingHttpHeaders,
  body: Buffer,
): ReceivedPush | Reason {
  if (caller.certificate === undefined) return 'MissingProviderToken';
  const topic = caller.trusted ? topicOf(caller.certificate) : null;
  if (topic === null) return 'BadCertificate';

  if (headers[':method'] !== 'POST') return 'MethodNotAllowed';
  const [, token] = /^\/3\/device\/([^/]*)$/.exec(headers[':path'] ?? '') ?? [];
  if (token === undefined) return 'BadPath';
  if (token === '') return 'MissingDeviceToken';
  if (!/^([0-9a-f]{2}){32,100}$/.test(token)) return 'BadDeviceToken';

  if (headers['apns-topic'] === undefined) return 'MissingTopic';
  if (headers['apns-topic'] !== topic) return 'TopicDisallowed';
  if (headers['apns-push-type'] !== 'mdm') return 'InvalidPushType';
  const priority = text(headers['apns-priority']);
  if (priority !== '10' && priority !== '5') return 'BadPriority';
  const expiration = text(headers['apns-expiration']);
  if (!/^\d{1,10}$/.test(expiration)) return 'BadExpirationDate';
  const apnsId = headers['apns-id'];
  if (apnsId !== undefined && !/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(text(apnsId))) {
    return 'BadMessageId';
  }

  if (body.length > 4096) return 'PayloadTooLarge';
  const magic = magicIn(body);
  if (magic === null) return 'PayloadEmpty';
  const expiresAt = new Date(Number(expiration) * 1000);
  return { token, topic, magic, apnsId: apnsId && text(apnsId), expiresAt, priority };
}

function magicIn(body: Buffer): string | null {
  try {
    const json: unknown = JSON.parse(body.toString('utf8'));
    if (typeof json !== 'object' || json === null || !('mdm' in json)) return null;
    const { mdm, ...rest } = json;
    return typeof mdm === 'string' && Object.keys(rest).length === 0 ? mdm : null;
  } catch {
    return null;
  }
}

function text(value: string | string[] | undefined): string {
  return Array.isArray(value) ? value.join(',') : (value ?? '');
}

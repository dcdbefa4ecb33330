import type { PoolClient } from 'pg';
import { z } from 'zod';
import { ConflictError, ValidationError } from '../../model/errors.ts';
import { currentTraceId } from '../../model/trace.ts';
import { defaultTenant, type TenantId, type Viewer } from '../../model/viewer.ts';
import { formatName } from '../../protocol/cms/name.ts';
import { writePem } from '../../pki/pem-blocks.ts';
import { sha256Of } from '../../pki/sha256.ts';
import { appendAudit } from '../../store/audit.ts';
import { appendEvent } from '../../store/events/append.ts';
import {
  lockPushCertificate,
  putPushCertificate,
  type TopicInUse,
  topicsInUse,
} from '../../store/push-certificates/certificates.ts';
import type { MdmContext } from '../context.ts';
import { resumeTopic } from '../push/resume.ts';
import { type CheckedPushCertificate, isTopic } from './check-certificate.ts';
import { pushKeyPlace } from './identity.ts';

/** What the caller says about the topic, so that none is changed by mistake. */
export interface TopicIntent {
  /** The topic that the certificate has to be for; null: nothing is said. */
  readonly renews: string | null;
  /** Whether a topic that nothing is enrolled on is meant. */
  readonly newTopic: boolean;
}

/** What was stored. */
export interface StoredUpload {
  readonly topic: string;
  readonly version: number;
}

/** For answers that an idempotency key brings back. */
export const storedUpload = z.object({ topic: z.string(), version: z.number() });

/** @throws {ValidationError} the caller contradicts himself */
export function checkIntent({ renews, newTopic }: TopicIntent): void {
  if (renews === null) return;
  if (!isTopic(renews)) {
    throw new ValidationError(
      'BAD_TOPIC',
      '`renews` names a topic, such as com.apple.mgmt.External.00000000-0000-0000-0000-000000000000.',
      ['input', 'renews'],
    );
  }
  if (newTopic) {
    throw new ValidationError(
      'RENEWS_OR_NEW',
      'A certificate renews a topic or brings a new one: give `renews` or `newTopic`, not both.',
      ['input', 'newTopic'],
    );
  }
}

/**
 * Stores a checked certificate under its topic, with event and audit entry, in the caller's transaction.
 * @param action  the mutation that does it, for the audit
 * @throws {ConflictError} another topic than was meant, or one that is not the viewer's
 */
export async function storePushCertificate(
  ctx: MdmContext,
  client: PoolClient,
  viewer: Viewer,
  checked: CheckedPushCertificate,
  intent: TopicIntent,
  action: string,
): Promise<StoredUpload> {
  const { topic, certificate } = checked;
  await demandRenewed(client, viewer, topic, intent.renews);
  const known = await lockPushCertificate(client, topic);
  if (known !== null && viewer.tenant !== null && viewer.tenant !== known.tenantId) {
    throw unavailable();
  }
  const tenantId = known?.tenantId ?? viewer.tenant ?? defaultTenant;
  if (known === null && intent.renews === null && !intent.newTopic) {
    await demandKnownTopic(client, tenantId, topic);
  }
  const at = ctx.clock.now();
  const version = await putPushCertificate(client, {
    topic,
    tenantId,
    certificate: [certificate, ...checked.chain]
      .map(({ der }) => writePem('CERTIFICATE', der))
      .join(''),
    key: ctx.keyring.seal(pushKeyPlace(topic), Buffer.from(checked.keyPem)),
    subject: formatName(certificate.subjectDer),
    issuer: formatName(certificate.issuerDer),
    serial: certificate.serial.toString('hex'),
    sha256: sha256Of(certificate.der),
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
    uploadedBy: viewer.actor,
    uploadedAt: at,
  });
  // Between our look and our write somebody else brought the topic in.
  if (version === null) throw unavailable();
  const traceId = currentTraceId() ?? null;
  await appendEvent(client, {
    type: 'PushCertificateUploaded',
    tenantId,
    at,
    traceId,
    actor: viewer.actor,
    data: { topic, version, expiresAt: certificate.notAfter.toISOString() },
  });
  await appendAudit(client, viewer, action, traceId, {
    topic,
    version,
    certificateSha256: sha256Of(certificate.der).toString('hex'),
  });
  await resumeTopic(client, { topic, tenantId, actor: viewer.actor });
  return { topic, version };
}

/** `renews` is what tells a renewal from a new topic: both are just certificates (fleet#49045). */
async function demandRenewed(
  client: PoolClient,
  viewer: Viewer,
  topic: string,
  renews: string | null,
): Promise<void> {
  if (renews === null || renews === topic) return;
  const inUse = await topicsInUse(client, viewer.tenant);
  const devices = inUse.find((one) => one.topic === renews)?.devices ?? 0;
  throw new ConflictError(
    'OTHER_TOPIC',
    `This certificate is for ${topic}, not for ${renews}, so it renews nothing. ` +
      `${counted(devices)} enrolled on ${renews} and would be cut off: they hear pushes of that topic ` +
      "only. At Apple's portal, choose Renew beside the certificate of that topic, with the Apple ID " +
      'that made it, instead of Create a Certificate.',
    ['input', 'renews'],
  );
}

async function demandKnownTopic(
  client: PoolClient,
  tenant: TenantId,
  topic: string,
): Promise<void> {
  const inUse = await topicsInUse(client, tenant);
  if (inUse.length === 0 || inUse.some((one) => one.topic === topic)) return;
  const devices = inUse.reduce((sum, one) => sum + one.devices, 0);
  throw new ConflictError(
    'NEW_TOPIC',
    `Nothing is enrolled on ${topic}. ${counted(devices)} enrolled on other topics ` +
      `(${named(inUse)}) and would be cut off if this was meant to renew one of them: each hears ` +
      'pushes of its own topic only. To renew, have Apple renew the certificate of that topic and ' +
      'pass `renews`; if a further topic is meant, pass `newTopic: true`.',
    ['input', 'newTopic'],
  );
}

function counted(devices: number): string {
  return devices === 1 ? '1 device is' : `${devices} devices are`;
}

/** The topics of most devices. */
function named(topics: readonly TopicInUse[]): string {
  const shown = topics.slice(0, 3).map(({ topic, devices }) => `${topic}: ${devices}`);
  return [...shown, ...(topics.length > 3 ? ['…'] : [])].join(', ');
}

/** Says no more than that: whose it is is nobody else's business. */
function unavailable(): ConflictError {
  return new ConflictError('TOPIC_UNAVAILABLE', 'This topic cannot be used here.', ['input']);
}

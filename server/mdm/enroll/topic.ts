import { ConflictError, ValidationError } from '../../model/errors.ts';
import type { TenantId } from '../../model/viewer.ts';
import { pushTopics } from '../../store/enroll/invitations.ts';
import type { MdmContext } from '../context.ts';
import { isTopic } from '../push-certificates/check-certificate.ts';

/**
 * Checks a topic that somebody names for enrolments of a tenant. One without a certificate here is
 * taken: it may be pushed on from elsewhere.
 * @throws {ValidationError} it is none, or another tenant's
 */
export async function checkTopic(
  ctx: MdmContext,
  tenant: TenantId,
  topic: string,
  path: readonly string[],
): Promise<void> {
  const known = isTopic(topic) ? await pushTopics(ctx.graph, null) : null;
  const owner = known?.find((each) => each.topic === topic)?.tenantId ?? tenant;
  if (known !== null && owner === tenant) return;
  throw new ValidationError(
    'BAD_TOPIC',
    'A topic looks like com.apple.mgmt.External.00000000-0000-0000-0000-000000000000, and has to be ' +
      'one that can be used here.',
    path,
  );
}

/**
 * The one topic that a tenant has a push certificate for.
 * @throws {ConflictError} there is none, or more than one
 */
export async function onlyTopic(ctx: MdmContext, tenant: TenantId): Promise<string> {
  const topics = await pushTopics(ctx.graph, tenant);
  const [first, second] = topics;
  if (first === undefined) {
    throw new ConflictError(
      'NO_PUSH_CERTIFICATE',
      'Profiles name the topic of the push certificate, and there is none yet: upload one with ' +
        '`uploadPushCertificate`, or give `topic`.',
    );
  }
  if (second !== undefined) {
    const names = topics.slice(0, 5).map(({ topic }) => topic);
    throw new ConflictError(
      'TOPIC_REQUIRED',
      `There are push certificates for several topics: say which, with \`topic\`: ${names.join(', ')}.`,
    );
  }
  return first.topic;
}

import { z } from 'zod';
import { ConflictError } from '../../model/errors.ts';
import type { Targets } from '../../model/targets.ts';
import { currentTraceId } from '../../model/trace.ts';
import { defaultTenant, type Viewer } from '../../model/viewer.ts';
import { sha256Of } from '../../pki/sha256.ts';
import { appendAudit } from '../../store/audit.ts';
import { appendEvent } from '../../store/events/append.ts';
import { keepSuppliedProfile, recordProfile } from '../../store/renewal/supplied.ts';
import { withTransaction } from '../../store/transaction.ts';
import type { EnrollContext } from '../enroll/enroll-context.ts';
import { suppliedProfilePlace } from './renewal-profile.ts';
import { once } from '../idempotency.ts';
import { asGiven } from '../queue/targets-as-given.ts';
import { readSuppliedProfile } from './supplied-profile.ts';

export interface RecordProfileInput {
  /** Devices; their users' channels are renewed with them. */
  readonly targets: Targets;
  /** The `.mobileconfig` that they were enrolled with. */
  readonly profile: Buffer;
  readonly validateOnly: boolean;
  readonly idempotencyKey: string | null;
}

export interface RecordProfileAnswer {
  readonly topic: string;
  readonly serverUrl: string;
  readonly recordedCount: number;
  /** Devices on another topic: left as they are. */
  readonly otherTopicCount: number;
  readonly sample: readonly string[];
  readonly cursor: string;
  readonly replayed: boolean;
  readonly validateOnly: boolean;
}

const stored = z.object({
  topic: z.string(),
  serverUrl: z.string(),
  recordedCount: z.number(),
  otherTopicCount: z.number(),
  sample: z.array(z.string()),
  cursor: z.string(),
});

/**
 * Records which profile devices were enrolled with, so that they can be renewed: for those that were
 * enrolled elsewhere it is not known. Devices on another topic than the profile's are left out.
 * @throws {ValidationError} it is no enrolment profile with SCEP
 * @throws {ConflictError} none of the targets is on the profile's topic
 */
export async function recordEnrollmentProfile(
  ctx: EnrollContext,
  viewer: Viewer,
  input: RecordProfileInput,
): Promise<RecordProfileAnswer> {
  const { targets, profile, validateOnly } = input;
  const read = readSuppliedProfile(profile, ['input', 'profile']);
  // Not the bare hash of the bytes: they hold a challenge that somebody could guess by it.
  const sha256 = sha256Of(ctx.keyring.fingerprint(profile));
  const cursor = await ctx.currentCursor();
  const done = await withTransaction(ctx.graph, (client) =>
    once(
      client,
      {
        viewer,
        mutation: 'recordEnrollmentProfile',
        key: validateOnly ? null : input.idempotencyKey,
        input: { targets: asGiven(targets), profile: sha256.toString('hex') },
      },
      async () => {
        const { actor, tenant } = viewer;
        const at = ctx.clock.now();
        const record = validateOnly ? null : { sha256, actor, at };
        if (record !== null) {
          const sealed = ctx.keyring.seal(suppliedProfilePlace(sha256), profile);
          await keepSuppliedProfile(client, { sha256, content: read, profile: sealed });
        }
        const counted = await recordProfile(client, targets, tenant, read.topic, record);
        if (counted.recorded === 0 && !validateOnly) throw noneOnTopic(read.topic);
        const { topic, serverUrl } = read;
        if (record !== null) {
          const traceId = currentTraceId() ?? null;
          const data = { topic, recordedCount: counted.recorded };
          await appendEvent(client, {
            type: 'EnrollmentProfileRecorded',
            tenantId: tenant ?? defaultTenant,
            at,
            traceId,
            actor,
            data,
          });
          await appendAudit(client, viewer, 'recordEnrollmentProfile', traceId, data);
        }
        return {
          topic,
          serverUrl,
          recordedCount: counted.recorded,
          otherTopicCount: counted.otherTopic,
          sample: [...counted.sample],
          cursor,
        };
      },
      (answer) => stored.parse(answer),
    ),
  );
  ctx.committed();
  return { ...done.answer, replayed: done.replayed, validateOnly };
}

function noneOnTopic(topic: string): ConflictError {
  return new ConflictError(
    'OTHER_TOPIC',
    `None of these devices is enrolled on the topic of the profile, ${topic}.`,
    ['input', 'targets'],
  );
}

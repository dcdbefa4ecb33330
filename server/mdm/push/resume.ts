import { randomUUID } from 'node:crypto';
import type { PoolClient } from 'pg';
import type { TenantId } from '../../model/viewer.ts';
import { insertJob } from '../../store/jobs/jobs.ts';
import { countRefusedOnTopic } from '../../store/push/refused.ts';
import { type PushJobInput, pushJobKind } from './push-job-input.ts';

/**
 * Makes a job that pushes to those who could not be pushed to before their topic got the certificate that
 * the caller's transaction stores.
 */
export async function resumeTopic(
  client: PoolClient,
  topic: { readonly topic: string; readonly tenantId: TenantId; readonly actor: string },
): Promise<void> {
  const total = await countRefusedOnTopic(client, topic.topic);
  if (total === 0) return;
  await insertJob(client, {
    id: randomUUID(),
    tenantId: topic.tenantId,
    kind: pushJobKind,
    input: { refusedOnTopic: topic.topic } satisfies PushJobInput,
    total,
    createdBy: topic.actor,
  });
}

import type { PushIdentity } from '../../apns/push-identity.ts';
import { currentTraceId } from '../../model/trace.ts';
import { appendEvent } from '../../store/events/append.ts';
import { readPushIdentity, writeTopicStopped } from '../../store/push-certificates/identity.ts';
import { withTransaction } from '../../store/transaction.ts';
import type { MdmContext } from '../context.ts';

/** Where a push certificate's key is bound to. */
export function pushKeyPlace(topic: string) {
  return { table: 'push_certificate', column: 'key', row: topic };
}

/** A topic's certificate with its key, to push with; null when none was uploaded. */
export async function loadPushIdentity(
  ctx: MdmContext,
  topic: string,
): Promise<PushIdentity | null> {
  const stored = await readPushIdentity(ctx.graph, topic);
  if (stored === null) return null;
  return {
    version: String(stored.version),
    certificate: stored.certificate,
    key: ctx.keyring.open(pushKeyPlace(topic), stored.key).toString(),
  };
}

/** Stops pushing on a topic because Apple refuses this version of its certificate. */
export async function stopTopic(
  ctx: MdmContext,
  topic: string,
  version: number,
  reason: string,
): Promise<void> {
  await withTransaction(ctx.graph, async (client) => {
    const tenantId = await writeTopicStopped(client, topic, version, reason);
    if (tenantId === null) return;
    await appendEvent(client, {
      type: 'PushTopicStopped',
      tenantId,
      at: ctx.clock.now(),
      traceId: currentTraceId() ?? null,
      data: { topic, reason },
    });
  });
  ctx.committed();
}

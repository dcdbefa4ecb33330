import type { PoolClient } from 'pg';
import type { Viewer } from '../model/viewer.ts';

/**
 * Notes who did what, in the transaction that does it.
 * @param details never a secret: ids, counts, types
 */
export async function appendAudit(
  client: Pick<PoolClient, 'query'>,
  viewer: Viewer,
  action: string,
  traceId: string | null,
  details: Readonly<Record<string, unknown>>,
): Promise<void> {
  await client.query(
    `insert into audit_entry (tenant_id, actor, action, trace_id, details)
     values ($1, $2, $3, $4, $5)`,
    [viewer.tenant, viewer.actor, action, traceId, details],
  );
}

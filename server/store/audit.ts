import type { PoolClient } from 'pg';
import type { SecretRead } from '../model/secret-read.ts';
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

/** Notes secrets that somebody is about to be shown: an entry for each, in one statement. */
export async function appendSecretReads(
  db: Pick<PoolClient, 'query'>,
  viewer: Viewer,
  traceId: string | null,
  reads: readonly SecretRead[],
): Promise<void> {
  await db.query(
    `insert into audit_entry (tenant_id, actor, action, trace_id, details)
     select $1, $2, 'readSecret', $3, read
     from jsonb_array_elements($4::jsonb) with ordinality as list (read, place) order by place`,
    [viewer.tenant, viewer.actor, traceId, JSON.stringify(reads)],
  );
}

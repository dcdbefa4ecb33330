import type { Pool, PoolClient } from 'pg';

/** A topic's certificate as it is stored. */
export interface StoredPushIdentity {
  readonly version: number;
  /** PEM: the leaf, then its chain. */
  readonly certificate: string;
  /** Sealed. */
  readonly key: Buffer;
}

/** A topic's certificate and sealed key; null when there is none. */
export async function readPushIdentity(
  pool: Pool,
  topic: string,
): Promise<StoredPushIdentity | null> {
  const result = await pool.query<StoredPushIdentity>({
    name: 'read-push-identity',
    text: 'select version, certificate, key from push_certificate where topic = $1',
    values: [topic],
  });
  return result.rows[0] ?? null;
}

/**
 * Notes that Apple refuses a topic's certificate, unless it has been replaced since.
 * @returns the tenant that it belongs to, or null when nothing was changed
 */
export async function writeTopicStopped(
  client: PoolClient,
  topic: string,
  version: number,
  reason: string,
): Promise<number | null> {
  const result = await client.query<{ tenant_id: number }>(
    `update push_certificate set stopped_at = now(), stopped_reason = $3
     where topic = $1 and version = $2 and stopped_at is null
     returning tenant_id`,
    [topic, version, reason],
  );
  return result.rows[0]?.tenant_id ?? null;
}

import type { Pool, PoolClient } from 'pg';
import type { TenantId } from '../../model/viewer.ts';

/** A push certificate to be stored under its topic. */
export interface NewPushCertificate {
  readonly topic: string;
  readonly tenantId: TenantId;
  /** PEM: its own first, then its chain. */
  readonly certificate: string;
  /** PKCS #8, sealed. */
  readonly key: Buffer;
  readonly subject: string;
  readonly issuer: string;
  /** Lower-case hexadecimal. */
  readonly serial: string;
  readonly sha256: Buffer;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly uploadedBy: string;
  readonly uploadedAt: Date;
}

/** What stands under a topic now; locked until the transaction ends. */
export async function lockPushCertificate(
  client: PoolClient,
  topic: string,
): Promise<{ readonly tenantId: TenantId; readonly version: number } | null> {
  const { rows } = await client.query<{ tenant_id: number; version: number }>(
    'select tenant_id, version from push_certificate where topic = $1 for update',
    [topic],
  );
  const row = rows[0];
  return row === undefined ? null : { tenantId: row.tenant_id, version: row.version };
}

/**
 * Stores a push certificate, or replaces the one of its topic: the version grows by one, and what was
 * said about the one before (stopped, warned of) is forgotten.
 * @returns its version, or null when the topic is another tenant's
 */
export async function putPushCertificate(
  client: PoolClient,
  push: NewPushCertificate,
): Promise<number | null> {
  const { rows } = await client.query<{ version: number }>(
    `
insert into push_certificate as stored (topic, tenant_id, certificate, key, subject, issuer, serial,
  sha256, not_before, not_after, uploaded_by, uploaded_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
on conflict (topic) do update set
  version = stored.version + 1, certificate = excluded.certificate, key = excluded.key,
  subject = excluded.subject, issuer = excluded.issuer, serial = excluded.serial,
  sha256 = excluded.sha256, not_before = excluded.not_before, not_after = excluded.not_after,
  uploaded_by = excluded.uploaded_by, uploaded_at = excluded.uploaded_at,
  stopped_at = null, stopped_reason = null, warned_days = null
where stored.tenant_id = excluded.tenant_id
returning version`,
    [
      push.topic,
      push.tenantId,
      push.certificate,
      push.key,
      push.subject,
      push.issuer,
      push.serial,
      push.sha256,
      push.notBefore,
      push.notAfter,
      push.uploadedBy,
      push.uploadedAt,
    ],
  );
  return rows[0]?.version ?? null;
}

/** A topic that devices are pushed on, and how many are. */
export interface TopicInUse {
  readonly topic: string;
  readonly devices: number;
}

/** The topics that enabled devices of a tenant (null: of all) have, those of most devices first. */
export async function topicsInUse(
  client: PoolClient,
  tenant: TenantId | null,
): Promise<readonly TopicInUse[]> {
  const { rows } = await client.query<TopicInUse>(
    `select topic, count(*)::int as devices from enrollment
     where enabled and device_key is null and topic is not null
       and ($1::int is null or tenant_id = $1)
     group by topic order by devices desc, topic`,
    [tenant],
  );
  return rows;
}

/** Until when a topic's certificate lasts; null when there is none. */
export async function findCertificateTerm(
  pool: Pool,
  topic: string,
): Promise<{ readonly topic: string; readonly notAfter: Date } | null> {
  const { rows } = await pool.query<{ topic: string; notAfter: Date }>(
    'select topic, not_after as "notAfter" from push_certificate where topic = $1',
    [topic],
  );
  return rows[0] ?? null;
}

/** The tenant that a topic's certificate belongs to; null when there is none. */
export async function tenantOfCertificate(pool: Pool, topic: string): Promise<TenantId | null> {
  const { rows } = await pool.query<{ tenant_id: number }>(
    'select tenant_id from push_certificate where topic = $1',
    [topic],
  );
  return rows[0]?.tenant_id ?? null;
}

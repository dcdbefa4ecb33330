import type { Pool, PoolClient } from 'pg';
import type { TenantId } from '../../model/viewer.ts';

/** An invitation to be stored. Of its challenge only the hash is. */
export interface NewInvitation {
  /** UUID. */
  readonly id: string;
  readonly tenantId: TenantId;
  readonly challengeSha256: Buffer;
  readonly description: string | null;
  readonly tags: readonly string[];
  readonly topic: string | null;
  /** The one enrolment that it may renew; null: it is for new ones. */
  readonly enrollmentKey: string | null;
  /** Null: no limit. */
  readonly useLimit: number | null;
  readonly expiresAt: Date;
  readonly createdBy: string;
  readonly createdAt: Date;
}

export async function insertInvitation(
  client: Pick<PoolClient, 'query'>,
  invitation: NewInvitation,
): Promise<void> {
  await client.query(
    `insert into enrollment_invitation (id, tenant_id, challenge_sha256, description, tags, topic,
       enrollment_key, use_limit, expires_at, created_by, created_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
    [
      invitation.id,
      invitation.tenantId,
      invitation.challengeSha256,
      invitation.description,
      invitation.tags,
      invitation.topic,
      invitation.enrollmentKey,
      invitation.useLimit,
      invitation.expiresAt,
      invitation.createdBy,
      invitation.createdAt,
    ],
  );
}

/** What the page of an invitation has to know. */
export interface ShownInvitation {
  readonly id: string;
  readonly tenantId: TenantId;
  readonly topic: string | null;
  readonly expiresAt: Date;
  readonly revoked: boolean;
  readonly usedUp: boolean;
}

/** The invitation for new enrolments that a challenge is of. */
export async function findInvitation(
  db: Pick<Pool, 'query'>,
  challengeSha256: Buffer,
): Promise<ShownInvitation | null> {
  const { rows } = await db.query<{
    id: string;
    tenant_id: number;
    topic: string | null;
    expires_at: Date;
    revoked: boolean;
    used_up: boolean;
  }>({
    name: 'find-invitation',
    text: `
select id, tenant_id, topic, expires_at, revoked_at is not null as revoked,
  coalesce(use_count >= use_limit, false) as used_up
from enrollment_invitation where challenge_sha256 = $1 and enrollment_key is null`,
    values: [challengeSha256],
  });
  const row = rows[0];
  if (row === undefined) return null;
  return {
    id: row.id,
    tenantId: row.tenant_id,
    topic: row.topic,
    expiresAt: row.expires_at,
    revoked: row.revoked,
    usedUp: row.used_up,
  };
}

/**
 * Revokes an invitation; one that is revoked already stays as it is.
 * @param tenant  null: any
 * @returns its tenant and whether it was still good, or null when there is none for new enrolments
 */
export async function revokeInvitation(
  client: PoolClient,
  id: string,
  tenant: TenantId | null,
  by: { readonly actor: string; readonly at: Date },
): Promise<{ readonly tenantId: TenantId; readonly changed: boolean } | null> {
  const { rows } = await client.query<{ tenant_id: number; changed: boolean }>(
    `with known as materialized (
       select key, tenant_id, revoked_at is null as changed from enrollment_invitation
       where id = $1 and enrollment_key is null and ($2::int is null or tenant_id = $2) for update
     ), revoked as (
       update enrollment_invitation i set revoked_at = $4, revoked_by = $3
       from known where i.key = known.key and known.changed
     )
     select tenant_id, changed from known`,
    [id, tenant, by.actor, by.at],
  );
  const row = rows[0];
  return row === undefined ? null : { tenantId: row.tenant_id, changed: row.changed };
}

/** The topics that a tenant may have devices enrolled on (null: any), sorted. */
export async function pushTopics(
  db: Pick<Pool, 'query'>,
  tenant: TenantId | null,
): Promise<readonly { readonly topic: string; readonly tenantId: TenantId }[]> {
  const { rows } = await db.query<{ topic: string; tenant_id: number }>(
    `select topic, tenant_id from push_certificate
     where $1::int is null or tenant_id = $1 order by topic`,
    [tenant],
  );
  return rows.map(({ topic, tenant_id: tenantId }) => ({ topic, tenantId }));
}

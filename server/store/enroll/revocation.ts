import type { Pool, PoolClient } from 'pg';
import type { TenantId } from '../../model/viewer.ts';

/** A certificate that is refused from now on, until it would have ended. */
export interface RevokedCertificate {
  readonly sha256: Buffer;
  readonly notAfter: Date;
}

/**
 * The certificates that were revoked at or after a moment and have not ended.
 * @param since  by the database's clock; null: all of them
 * @returns them, and the database's time: what to pass next, less the longest time that a transaction
 *   may take
 */
export async function readRevoked(
  db: Pick<Pool, 'query'>,
  since: Date | null,
): Promise<{ readonly revoked: readonly RevokedCertificate[]; readonly at: Date }> {
  const { rows } = await db.query<{ at: Date; sha256: Buffer | null; not_after: Date | null }>({
    name: 'read-revoked',
    text: `
select now() as at, i.sha256, i.not_after
from (select 1) one left join issued_certificate i
  on i.revoked_at is not null and i.sha256 is not null and i.not_after > now()
  and ($1::timestamptz is null or i.revoked_at >= $1)`,
    values: [since],
  });
  return {
    at: rows[0]?.at ?? new Date(0),
    revoked: rows.flatMap(({ sha256, not_after: notAfter }) =>
      sha256 === null || notAfter === null ? [] : [{ sha256, notAfter }],
    ),
  };
}

/** An issued certificate that is to be revoked; locked. */
export interface LockedCertificate {
  readonly tenantId: TenantId;
  readonly sha256: Buffer;
  readonly revokedAt: Date | null;
}

/** @param serial  lower-case hexadecimal @param tenant  null: any */
export async function lockIssued(
  client: PoolClient,
  serial: string,
  tenant: TenantId | null,
): Promise<LockedCertificate | null> {
  const { rows } = await client.query<{
    tenant_id: number;
    sha256: Buffer;
    revoked_at: Date | null;
  }>(
    `select tenant_id, sha256, revoked_at from issued_certificate
     where serial = $1 and sha256 is not null and ($2::int is null or tenant_id = $2) for update`,
    [serial, tenant],
  );
  const row = rows[0];
  if (row === undefined) return null;
  return { tenantId: row.tenant_id, sha256: row.sha256, revokedAt: row.revoked_at };
}

/** Revokes a certificate, by the database's clock: others look for what is new by it. */
export async function writeRevoked(
  client: PoolClient,
  serial: string,
  by: { readonly actor: string; readonly reason: string | null },
): Promise<void> {
  await client.query(
    `update issued_certificate set revoked_at = clock_timestamp(), revoked_by = $2, revoked_reason = $3
     where serial = $1`,
    [serial, by.actor, by.reason],
  );
}

import type { Pool, PoolClient } from 'pg';
import type { VerifiedCertificate } from '../../model/identity.ts';

/** A device channel as the certificate policy sees it; the row stays locked for the transaction. */
export interface BoundDevice {
  readonly key: string;
  readonly id: string;
  readonly tenantId: number;
  readonly enabled: boolean;
  readonly disabledReason: string | null;
  readonly everEnrolled: boolean;
  /** Its new certificate renews this enrolment rather than beginning another. */
  readonly renewing: boolean;
  readonly currentHash: Buffer | null;
  readonly pendingHash: Buffer | null;
}

interface Row {
  readonly key: string;
  readonly id: string;
  readonly tenant_id: number;
  readonly enabled: boolean;
  readonly disabled_reason: string | null;
  readonly enrolled_at: Date | null;
  readonly renewing: boolean;
  readonly cert_hash: Buffer | null;
  readonly pending_cert_hash: Buffer | null;
}

/** Reads and locks a device channel, so that its messages take effect one after the other. */
export async function lockDevice(
  client: PoolClient,
  deviceId: string,
): Promise<BoundDevice | null> {
  const result = await client.query<Row>({
    name: 'lock-device',
    text: `
select key, id, tenant_id, enabled, disabled_reason, enrolled_at, renewing, cert_hash,
  pending_cert_hash
from enrollment where id = $1 and device_key is null for update`,
    values: [deviceId],
  });
  const row = result.rows[0];
  if (row === undefined) return null;
  return {
    key: row.key,
    id: row.id,
    tenantId: row.tenant_id,
    enabled: row.enabled,
    disabledReason: row.disabled_reason,
    everEnrolled: row.enrolled_at !== null,
    renewing: row.renewing,
    currentHash: row.cert_hash,
    pendingHash: row.pending_cert_hash,
  };
}

/**
 * Records that a certificate belongs to a device.
 * @returns false when it belongs to another device already
 */
export async function recordCertificate(
  client: PoolClient,
  deviceKey: string,
  certificate: VerifiedCertificate,
  at: Date,
): Promise<boolean> {
  const result = await client.query<{ device_key: string }>({
    name: 'record-certificate',
    text: `
insert into device_certificate
  (sha256, device_key, subject, issuer, serial, not_before, not_after, der, bound_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (sha256) do update set retired_at = null
  where device_certificate.device_key = excluded.device_key
returning device_key`,
    values: [
      certificate.sha256,
      deviceKey,
      certificate.subject,
      certificate.issuer,
      certificate.serial,
      certificate.notBefore,
      certificate.notAfter,
      certificate.der,
      at,
    ],
  });
  return result.rows.length === 1;
}

/** Makes a certificate the one that a device may change to; its user channels carry it too. */
export async function setPendingCertificate(
  client: PoolClient,
  deviceKey: string,
  certificate: Buffer | null,
): Promise<void> {
  await client.query({
    name: 'set-pending-certificate',
    text: 'update enrollment set pending_cert_hash = $2 where key = $1 or device_key = $1',
    values: [deviceKey, certificate],
  });
}

/**
 * Makes the pending certificate the current one for the device and its user channels, retires the
 * old one and appends the event with both hashes.
 */
export async function promotePendingCertificate(
  client: PoolClient,
  device: BoundDevice,
  certificate: Buffer,
  at: Date,
  traceId: string,
): Promise<void> {
  await client.query({
    name: 'promote-certificate',
    text: `
with channels as (
  update enrollment set cert_hash = $2, pending_cert_hash = null, renewing = false, heard_at = $3,
    cert_not_after = (select not_after from device_certificate where sha256 = $2)
  where key = $1 or device_key = $1
), retired as (
  update device_certificate set retired_at = $3
  where device_key = $1 and sha256 <> $2 and retired_at is null
), made_current as (
  update device_certificate set current_at = $3, retired_at = null where sha256 = $2
)
insert into event (type, tenant_id, at, trace_id, enrollment_key, data)
values ('CertificateReplaced', $4, $3, $5, $1,
  jsonb_build_object('certificateSha256', encode($2, 'hex'),
    'replacedCertificateSha256', encode($6::bytea, 'hex'), 'renewal', $7::boolean))`,
    values: [
      device.key,
      certificate,
      at,
      device.tenantId,
      traceId,
      device.currentHash,
      device.renewing,
    ],
  });
}

/**
 * The id of the device that a certificate is bound to now, as its current or its pending one; null also
 * for one that has left or is to leave.
 */
export async function enrollmentOfCertificate(pool: Pool, sha256: Buffer): Promise<string | null> {
  const result = await pool.query<{ id: string }>({
    name: 'enrollment-of-certificate',
    text: `
select e.id from device_certificate d join enrollment e on e.key = d.device_key
where d.sha256 = $1 and $1 in (e.cert_hash, e.pending_cert_hash)
  and coalesce(e.disabled_reason, '') not in
    ('CHECKED_OUT', 'UNENROLL_UNRECOGNIZED_DEVICE', 'UNENROLL_UNAUTHORIZED')`,
    values: [sha256],
  });
  return result.rows[0]?.id ?? null;
}

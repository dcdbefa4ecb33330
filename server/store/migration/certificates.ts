import type { Pool, PoolClient } from 'pg';
import { Overtaken } from './enrollments.ts';

/** Which devices certificates are bound to now: ids by the hash in hexadecimal. */
export async function ownersOfCertificates(
  client: PoolClient,
  hashes: readonly Buffer[],
): Promise<ReadonlyMap<string, string>> {
  if (hashes.length === 0) return new Map();
  const { rows } = await client.query<{ sha256: Buffer; id: string }>({
    name: 'owners-of-certificates',
    text: `
select d.sha256, e.id from device_certificate d join enrollment e on e.key = d.device_key
where d.sha256 = any($1)`,
    values: [hashes],
  });
  return new Map(rows.map(({ sha256, id }) => [sha256.toString('hex'), id]));
}

/** A certificate that a device had elsewhere; the facts are null when only its hash is known. */
export interface MigratedCertificate {
  readonly sha256: Buffer;
  readonly deviceKey: string;
  readonly subject: string | null;
  readonly issuer: string | null;
  readonly serial: string | null;
  readonly notBefore: Date | null;
  readonly notAfter: Date | null;
  readonly der: Buffer | null;
  readonly boundAt: Date;
  readonly current: boolean;
}

/**
 * Binds certificates to devices; what is known of one that is bound already is completed.
 * @throws {Overtaken} one was bound to another device meanwhile
 */
export async function bindMigrated(
  client: PoolClient,
  certificates: readonly MigratedCertificate[],
  at: Date,
): Promise<void> {
  if (certificates.length === 0) return;
  const result = await client.query({
    name: 'bind-migrated-certificates',
    text: `
insert into device_certificate as d (sha256, device_key, subject, issuer, serial, not_before,
  not_after, der, bound_at, current_at, migrated_at)
select sha256, device_key, subject, issuer, serial, not_before, not_after, der, bound_at,
  case when current then bound_at end, $11
from unnest($1::bytea[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::timestamptz[],
    $7::timestamptz[], $8::bytea[], $9::timestamptz[], $10::boolean[])
  as r (sha256, device_key, subject, issuer, serial, not_before, not_after, der, bound_at, current)
order by sha256
on conflict (sha256) do update set
  subject = coalesce(d.subject, excluded.subject), issuer = coalesce(d.issuer, excluded.issuer),
  serial = coalesce(d.serial, excluded.serial),
  not_before = coalesce(d.not_before, excluded.not_before),
  not_after = coalesce(d.not_after, excluded.not_after), der = coalesce(d.der, excluded.der),
  current_at = coalesce(d.current_at, excluded.current_at)
  where d.device_key = excluded.device_key`,
    values: [
      certificates.map(({ sha256 }) => sha256),
      certificates.map(({ deviceKey }) => deviceKey),
      certificates.map(({ subject }) => subject),
      certificates.map(({ issuer }) => issuer),
      certificates.map(({ serial }) => serial),
      certificates.map(({ notBefore }) => notBefore),
      certificates.map(({ notAfter }) => notAfter),
      certificates.map(({ der }) => der),
      certificates.map(({ boundAt }) => boundAt),
      certificates.map(({ current }) => current),
      at,
    ],
  });
  if ((result.rowCount ?? 0) < certificates.length) {
    throw new Overtaken('a certificate was bound meanwhile');
  }
}

/** Whether a certificate came in as one that this device may have, and was not retired since. */
export async function isMigratedCertificate(
  client: PoolClient,
  deviceKey: string,
  sha256: Buffer,
): Promise<boolean> {
  const { rows } = await client.query({
    name: 'is-migrated-certificate',
    text: `
select 1 from device_certificate
where sha256 = $2 and device_key = $1 and migrated_at is not null and retired_at is null`,
    values: [deviceKey, sha256],
  });
  return rows.length > 0;
}

/**
 * Retires, of the certificates that came in with an import, those that their device does not use: it was
 * heard since, and not with them, for then one of them would have become its current one.
 */
export async function retireMigratedCertificates(pool: Pool): Promise<number> {
  const result = await pool.query(`
with unused as materialized (
  select d.sha256 from device_certificate d
  join enrollment e on e.key = d.device_key
  join enrollment_seen s on s.enrollment_key = e.key
  where d.migrated_at is not null and d.retired_at is null and d.sha256 <> e.cert_hash
    and e.pending_cert_hash is null and s.last_seen_at > d.migrated_at
  limit 5000
)
update device_certificate d set retired_at = now() from unused where d.sha256 = unused.sha256`);
  return result.rowCount ?? 0;
}

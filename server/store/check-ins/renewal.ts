import type { PoolClient } from 'pg';
import type { VerifiedCertificate } from '../../model/identity.ts';

/**
 * Whether a certificate that is new for a device can be its renewal under a CA that is not ours: an
 * InstallProfile that renews the MDM profile has been delivered and is not answered yet, and issuer
 * and subject are those of the certificate it would replace. One that was replaced itself never comes
 * back so.
 */
export async function renewalDelivered(
  client: PoolClient,
  deviceKey: string,
  certificate: VerifiedCertificate,
): Promise<boolean> {
  const result = await client.query({
    name: 'renewal-delivered',
    text: `
select 1
from enrollment e
join device_certificate d on d.sha256 = e.cert_hash
where e.key = $1 and d.subject = $2 and d.issuer = $3
  and not exists (
    select 1 from device_certificate old where old.sha256 = $4 and old.retired_at is not null)
  and exists (
    select 1 from queue_entry q join command c on c.key = q.command_key
    where q.enrollment_key = e.key and q.first_sent_at is not null and c.renewal)`,
    values: [deviceKey, certificate.subject, certificate.issuer, certificate.sha256],
  });
  return result.rows.length > 0;
}

/**
 * What our own record says of a certificate that is new for a device: `renewal` if it was issued on the
 * challenge of a renewal profile for this enrolment, or if its request was signed by the device's
 * current certificate (or by one renewed from that, which was never heard); `other` if it was issued
 * for something else, was revoked or was replaced itself; `foreign` if it is not ours.
 */
export async function issuedAs(
  client: PoolClient,
  deviceKey: string,
  sha256: Buffer,
): Promise<'renewal' | 'other' | 'foreign'> {
  const result = await client.query<{ renewal: boolean }>({
    name: 'issued-as',
    text: `
with recursive renewed as (
  select i.renewal_of, 1 as steps from issued_certificate i where i.sha256 = $2
  union all
  select i.renewal_of, r.steps + 1
  from renewed r join issued_certificate i on i.sha256 = r.renewal_of
  where r.steps < 8
)
select i.revoked_at is null
  and not exists (
    select 1 from device_certificate old where old.sha256 = $2 and old.retired_at is not null)
  and (
    exists (
      select 1 from enrollment_invitation v
      where v.id = i.invitation_id and v.enrollment_key = $1)
    or exists (
      select 1 from renewed r join enrollment e on e.cert_hash = r.renewal_of where e.key = $1)
  ) as renewal
from issued_certificate i where i.sha256 = $2`,
    values: [deviceKey, sha256],
  });
  const row = result.rows[0];
  if (row === undefined) return 'foreign';
  return row.renewal ? 'renewal' : 'other';
}

/** The key of the one enrolment that a certificate was issued to renew; null: it is for none in particular. */
export async function renewedEnrollment(
  client: PoolClient,
  sha256: Buffer,
): Promise<string | null> {
  const result = await client.query<{ enrollment_key: string | null }>({
    name: 'renewed-enrollment',
    text: `
select v.enrollment_key
from issued_certificate i join enrollment_invitation v on v.id = i.invitation_id
where i.sha256 = $1`,
    values: [sha256],
  });
  return result.rows[0]?.enrollment_key ?? null;
}

/** Marks whether a device is in the middle of a renewal: authenticated, not yet heard again. */
export async function setRenewing(
  client: PoolClient,
  deviceKey: string,
  renewing: boolean,
): Promise<void> {
  await client.query({
    name: 'set-renewing',
    text: 'update enrollment set renewing = $2 where key = $1',
    values: [deviceKey, renewing],
  });
}

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

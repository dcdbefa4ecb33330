import type { Pool, PoolClient } from 'pg';
import type { TenantId } from '../../model/viewer.ts';

/** A device whose certificate is to be renewed now. */
export interface DueDevice {
  readonly key: string;
  readonly id: string;
  readonly tenantId: TenantId;
  readonly certificateSha256: Buffer;
  readonly notAfter: Date;
}

/** What is due is judged by these. */
export interface DueBy {
  readonly now: Date;
  /** Milliseconds before its end in which a certificate is renewed. */
  readonly before: number;
}

// Never in the first half of a certificate's life: with a validity shorter than the time before its end,
// devices would be asked again as soon as they had renewed.
const ending = `
d.current_at is not null and d.retired_at is null and d.not_after > $1
  and d.not_after <= $1 + $2 * interval '1 millisecond'
  and d.not_after - $1 <= (d.not_after - d.not_before) / 2`;

const devices = `
device_certificate d join enrollment e on e.key = d.device_key and e.cert_hash = d.sha256`;

/** Whether a renewal `r` that is known already is to be tried (again). */
function mayBeAsked(now: string): string {
  return `r.state = 'UNKNOWN_PROFILE' or (r.state = 'FAILED' and r.retry_at <= ${now})`;
}

/** The devices that are due and whose profile is known, those whose certificate ends first first. */
export async function dueDevices(
  pool: Pool,
  { now, before }: DueBy,
  limit: number,
): Promise<readonly DueDevice[]> {
  const { rows } = await pool.query<{
    key: string;
    id: string;
    tenant_id: number;
    sha256: Buffer;
    not_after: Date;
  }>({
    name: 'due-devices',
    text: `
select e.key, e.id, e.tenant_id, d.sha256, d.not_after
from ${devices}
join enrollment_profile_values v on v.enrollment_key = e.key
left join certificate_renewal r on r.enrollment_key = e.key and r.certificate_sha256 = d.sha256
where ${ending} and e.enabled and not e.renewing
  and (r.enrollment_key is null or ${mayBeAsked('$1')})
order by d.not_after
limit $3`,
    values: [now, before, limit],
  });
  return rows.map((row) => ({
    key: row.key,
    id: row.id,
    tenantId: row.tenant_id,
    certificateSha256: row.sha256,
    notAfter: row.not_after,
  }));
}

/**
 * Locks a device that was due, if it still has that certificate, nobody else is at it, and nobody has
 * asked it since it was found: a process that stood still goes on with an old list.
 * @returns whether it is to be asked
 */
export async function lockDue(client: PoolClient, device: DueDevice, now: Date): Promise<boolean> {
  const { rowCount } = await client.query({
    name: 'lock-due',
    text: `
select 1 from enrollment
where key = $1 and cert_hash = $2 and enabled and not renewing
for no key update skip locked`,
    values: [device.key, device.certificateSha256],
  });
  if (rowCount !== 1) return false;
  // Apart: the statement that locks may see the table as it was before the other one's commit.
  const taken = await client.query({
    name: 'asked-since',
    text: `
select 1 from certificate_renewal r
where r.enrollment_key = $1 and r.certificate_sha256 = $2 and not (${mayBeAsked('$3')})`,
    values: [device.key, device.certificateSha256, now],
  });
  return taken.rowCount === 0;
}

/** Lists the devices that are due and of whose profile nothing is known, a page of new ones at a time. */
export async function noteUnknownProfiles(
  client: PoolClient,
  { now, before }: DueBy,
  limit: number,
): Promise<number> {
  const { rowCount } = await client.query({
    name: 'note-unknown-profiles',
    text: `
insert into certificate_renewal as r
  (enrollment_key, certificate_sha256, not_after, state, reason, noticed_at)
select e.key, d.sha256, d.not_after, 'UNKNOWN_PROFILE', 'UNKNOWN_PROFILE', $1
from ${devices}
where ${ending} and e.enabled and not e.renewing
  and not exists (select 1 from enrollment_profile_values v where v.enrollment_key = e.key)
  and not exists (
    select 1 from certificate_renewal known
    where known.enrollment_key = e.key and known.certificate_sha256 = d.sha256)
order by e.key
limit $3
on conflict (enrollment_key) do update set certificate_sha256 = excluded.certificate_sha256,
  not_after = excluded.not_after, state = excluded.state, reason = excluded.reason,
  command_key = null, attempts = 0, asked_at = null, retry_at = null,
  noticed_at = excluded.noticed_at`,
    values: [now, before, limit],
  });
  return rowCount ?? 0;
}

/**
 * Lists the enabled devices whose certificate has ended, each with its event, a page of new ones at a
 * time: what they sign is refused.
 */
export async function noteEnded(
  client: PoolClient,
  { now, traceId }: { readonly now: Date; readonly traceId: string | null },
  limit: number,
): Promise<number> {
  const { rowCount } = await client.query({
    name: 'note-ended-certificates',
    text: `
with ended as materialized (
  select e.key, e.tenant_id, d.sha256, d.not_after
  from ${devices}
  left join certificate_renewal r on r.enrollment_key = e.key
  where d.current_at is not null and d.retired_at is null and d.not_after <= $1 and e.enabled
    and (r.enrollment_key is null or r.certificate_sha256 <> d.sha256 or r.state <> 'ENDED')
  order by e.key
  limit $3
), noted as (
  insert into certificate_renewal as r
    (enrollment_key, certificate_sha256, not_after, state, reason, noticed_at)
  select key, sha256, not_after, 'ENDED', null, $1 from ended
  on conflict (enrollment_key) do update set certificate_sha256 = excluded.certificate_sha256,
    not_after = excluded.not_after, state = 'ENDED', retry_at = null
)
insert into event (type, tenant_id, at, trace_id, enrollment_key, data)
select 'DeviceCertificateEnded', tenant_id, $1, $2, key,
  jsonb_build_object('certificateSha256', encode(sha256, 'hex'))
from ended`,
    values: [now, traceId, limit],
  });
  return rowCount ?? 0;
}

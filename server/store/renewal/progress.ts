import type { PoolClient } from 'pg';
import type { DueDevice } from './due.ts';

/** That a device was asked to renew, or could not be. */
export interface Attempt {
  readonly at: Date;
  /** When it is tried again if nothing comes of it. */
  readonly retryAt: Date;
  /** The InstallProfile; null: none could be made. */
  readonly commandKey: string | null;
  /** Why none could be made: an error's code. */
  readonly reason: string | null;
}

/** Notes an attempt; of an earlier one for the same certificate the last reason stays to be seen. */
export async function noteAttempt(
  client: PoolClient,
  device: DueDevice,
  { at, retryAt, commandKey, reason }: Attempt,
): Promise<void> {
  await client.query({
    name: 'note-renewal-attempt',
    text: `
insert into certificate_renewal as r (enrollment_key, certificate_sha256, not_after, state, reason,
  command_key, attempts, asked_at, retry_at, noticed_at)
values ($1, $2, $3, case when $4::bigint is null then 'FAILED' else 'ASKED' end, $5, $4, 1, $6, $7, $6)
on conflict (enrollment_key) do update set certificate_sha256 = excluded.certificate_sha256,
  not_after = excluded.not_after, state = excluded.state, command_key = excluded.command_key,
  asked_at = excluded.asked_at, retry_at = excluded.retry_at,
  reason = case when r.certificate_sha256 = excluded.certificate_sha256 and r.state <> 'UNKNOWN_PROFILE'
    then coalesce(excluded.reason, r.reason) else excluded.reason end,
  attempts = case when r.certificate_sha256 = excluded.certificate_sha256 then r.attempts else 0 end + 1`,
    values: [
      device.key,
      device.certificateSha256,
      device.notAfter,
      commandKey,
      reason,
      at,
      retryAt,
    ],
  });
}

/** Forgets renewals that are over: the device has another certificate, or is not managed any more. */
export async function forgetFinished(client: PoolClient): Promise<number> {
  const { rowCount } = await client.query({
    name: 'forget-finished-renewals',
    text: `
delete from certificate_renewal r using enrollment e
where e.key = r.enrollment_key and (not e.enabled or e.cert_hash is distinct from r.certificate_sha256)`,
  });
  return rowCount ?? 0;
}

/**
 * Finds attempts that came to nothing, and appends an event for each: the device answered that it cannot
 * install the profile, or the time in which it should have renewed is over.
 *
 * One that says it has installed the profile goes on with its old certificate for a while; and a command
 * that left the queue by other hands (cancelled, cleared) has failed at once.
 */
export async function noteFailures(
  client: PoolClient,
  { now, traceId }: { readonly now: Date; readonly traceId: string | null },
): Promise<number> {
  const { rowCount } = await client.query({
    name: 'note-renewal-failures',
    text: `
with failed as materialized (
  select r.enrollment_key, case
    when h.ended is null or h.ended = 'EXPIRED' then 'UNANSWERED'
    when h.ended <> 'ANSWERED' then h.ended
    when h.status = 'Acknowledged' then 'NOT_TAKEN'
    else 'ANSWERED_ERROR'
  end as reason
  from certificate_renewal r
  left join command_result h
    on h.enrollment_key = r.enrollment_key and h.command_key = r.command_key
  where r.state = 'ASKED'
    and (r.retry_at <= $1 or (h.ended is not null and h.status is distinct from 'Acknowledged'))
), noted as (
  update certificate_renewal r set state = 'FAILED', reason = failed.reason
  from failed, enrollment e
  where r.enrollment_key = failed.enrollment_key and e.key = r.enrollment_key
  returning r.enrollment_key, e.tenant_id, r.command_key, r.reason, r.attempts, r.retry_at
)
insert into event (type, tenant_id, at, trace_id, enrollment_key, command_key, data)
select 'CertificateRenewalFailed', tenant_id, $1, $2, enrollment_key, command_key,
  jsonb_build_object('reason', reason, 'attempts', attempts, 'retryAt', retry_at)
from noted`,
    values: [now, traceId],
  });
  return rowCount ?? 0;
}

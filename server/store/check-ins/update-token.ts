import type { Pool } from 'pg';
import type { StoredCheckIn } from './check-in-row.ts';
import { jsonb } from './jsonb.ts';

// The usual TokenUpdate in one statement: an enrolment that is known, signed with its current
// certificate. Everything else (a pending certificate, a user channel that is new, a channel that comes
// back) takes the way through a transaction.
const text = `
with before as materialized (
  select key, enabled from enrollment
  where id = $1 and cert_hash = $2 and coalesce(disabled_reason, '') not like 'UNENROLL%'
    and (enabled or enrolled_at is null or $15)
  for update
), channel as (
  update enrollment e set
    topic = $3, push_token = $4, push_magic = $5,
    unlock_token = coalesce($6, e.unlock_token),
    awaiting_configuration = $7,
    user_short_name = coalesce($8, e.user_short_name),
    user_long_name = coalesce($9, e.user_long_name),
    enabled = true, disabled_reason = null,
    token_update_tally = e.token_update_tally + 1,
    token_updated_at = $10, heard_at = $10,
    enrolled_at = case when e.enabled then e.enrolled_at else $10 end
  from before
  where e.key = before.key
  returning e.key, e.tenant_id, e.token_update_tally, not before.enabled as newly_enabled
), message as (
  insert into check_in (id, enrollment_key, message_type, raw, url_params, trace_id, received_at)
  select $11, key, 'TokenUpdate', $12, $13, $14, $10 from channel
), event as (
  insert into event (type, tenant_id, at, trace_id, enrollment_key, check_in_id, data)
  select 'EnrollmentTokenUpdated', tenant_id, $10, $14, key, $11,
    jsonb_build_object('tokenUpdateTally', token_update_tally, 'topic', $3::text,
      'awaitingConfiguration', $7::boolean, 'newlyEnabled', newly_enabled)
  from channel
)
select key from channel`;

export interface TokenUpdateRow {
  readonly id: string;
  /** SHA-256 of the certificate that signed. */
  readonly certificate: Buffer;
  readonly topic: string;
  readonly pushToken: Buffer;
  /** Sealed. */
  readonly pushMagic: Buffer;
  /** Sealed; null leaves the one that is there. */
  readonly unlockToken: Buffer | null;
  readonly awaitingConfiguration: boolean | null;
  readonly userShortName: string | null;
  readonly userLongName: string | null;
  readonly message: StoredCheckIn;
}

/**
 * Takes new push data for an enrolment and enables it.
 * @param comesBack  also one that was enrolled before and is not enabled now: its caller has seen to what
 *   was left in its queue
 * @returns its key, or null when the enrolment is unknown or the certificate is not its current one;
 * then nothing is written
 */
export async function updateToken(
  pool: Pick<Pool, 'query'>,
  row: TokenUpdateRow,
  comesBack = false,
): Promise<string | null> {
  const result = await pool.query<{ key: string }>({
    name: 'token-update',
    text,
    values: [
      row.id,
      row.certificate,
      row.topic,
      row.pushToken,
      row.pushMagic,
      row.unlockToken,
      row.awaitingConfiguration,
      row.userShortName,
      row.userLongName,
      row.message.at,
      row.message.id,
      row.message.raw,
      jsonb(row.message.urlParams),
      row.message.traceId,
      comesBack,
    ],
  });
  return result.rows[0]?.key ?? null;
}

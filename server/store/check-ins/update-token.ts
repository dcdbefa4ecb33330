import type { Pool } from 'pg';
import { byteaArray, textArray, timestampArray } from '../binary-array.ts';
import { shortTextSql } from '../events/short-text.ts';
import type { StoredCheckIn } from './check-in-row.ts';
import { jsonb } from './jsonb.ts';

// The usual TokenUpdate in one statement: an enrolment that is known, signed with its current
// certificate. Everything else (a pending certificate, a user channel that is new, a channel that comes
// back) takes the way through a transaction.
//
// One text for one message and for many, of as many enrolments, which are locked in key order.
function textOf(asked: string): string {
  return `
with asked (n, id, certificate, topic, push_token, push_magic, unlock_token, awaiting_configuration,
    user_short_name, user_long_name, at, message_id, raw, url_params, trace_id, comes_back) as materialized (
  ${asked}
), before as materialized (
  select asked.*, e.key, e.enabled
  from asked join enrollment e on e.id = asked.id and e.cert_hash = asked.certificate
  where coalesce(e.disabled_reason, '') not like 'UNENROLL%'
    and (e.enabled or e.enrolled_at is null or asked.comes_back)
  order by e.key for update of e
), channel as (
  update enrollment e set
    topic = before.topic, push_token = before.push_token, push_magic = before.push_magic,
    unlock_token = coalesce(before.unlock_token, e.unlock_token),
    awaiting_configuration = before.awaiting_configuration,
    user_short_name = coalesce(before.user_short_name, e.user_short_name),
    user_long_name = coalesce(before.user_long_name, e.user_long_name),
    enabled = true, disabled_reason = null,
    token_update_tally = e.token_update_tally + 1,
    token_updated_at = before.at, heard_at = before.at,
    enrolled_at = case when e.enabled then e.enrolled_at else before.at end
  from before
  where e.key = before.key
  returning before.n, e.key, e.tenant_id, e.token_update_tally, e.topic, e.awaiting_configuration,
    not before.enabled as newly_enabled, before.at, before.message_id, before.raw, before.url_params,
    before.trace_id
), message as (
  insert into check_in (id, enrollment_key, message_type, raw, url_params, trace_id, received_at)
  select message_id, key, 'TokenUpdate', raw, url_params, trace_id, at from channel
), event as (
  insert into event (type, tenant_id, at, trace_id, enrollment_key, check_in_id, data)
  select 'EnrollmentTokenUpdated', tenant_id, at, trace_id, key, message_id,
    jsonb_build_object('tokenUpdateTally', token_update_tally, 'topic', ${shortTextSql('topic')},
      'awaitingConfiguration', awaiting_configuration, 'newlyEnabled', newly_enabled)
  from channel
)
select n, key from channel`;
}

const text =
  textOf(`select 1, $1::text, $2::bytea, $3::text, $4::bytea, $5::bytea, $6::bytea, $7::boolean,
    $8::text, $9::text, $10::timestamptz, $11::uuid, $12::bytea, $13::jsonb, $14::text, $15::boolean`);

/** The same for messages that arrived together; the statement's parameters are arrays. */
export const tokenUpdateTextOfMany =
  textOf(`select n::int, id, certificate, topic, push_token, push_magic,
    unlock_token, awaiting_configuration::boolean, user_short_name, user_long_name, at, message_id::uuid, raw,
    url_params::jsonb, trace_id, false
  from unnest($1::text[], $2::bytea[], $3::text[], $4::bytea[], $5::bytea[], $6::bytea[], $7::text[],
      $8::text[], $9::text[], $10::timestamptz[], $11::text[], $12::bytea[], $13::text[], $14::text[])
    with ordinality as r (id, certificate, topic, push_token, push_magic, unlock_token,
      awaiting_configuration, user_short_name, user_long_name, at, message_id, raw, url_params, trace_id, n)`);

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

/**
 * `updateToken` for several enrolments, each at most once, in one statement and one commit; none of them
 * comes back.
 * @returns answers in the order of the rows
 */
export async function updateTokensTogether(
  pool: Pool,
  rows: readonly TokenUpdateRow[],
): Promise<readonly (string | null)[]> {
  const texts = (read: (row: TokenUpdateRow) => string | null) => textArray(rows.map(read));
  const bytes = (read: (row: TokenUpdateRow) => Buffer | null) => byteaArray(rows.map(read));
  const result = await pool.query<{ n: number; key: string }>({
    name: 'token-update-together',
    text: tokenUpdateTextOfMany,
    values: [
      texts(({ id }) => id),
      bytes(({ certificate }) => certificate),
      texts(({ topic }) => topic),
      bytes(({ pushToken }) => pushToken),
      bytes(({ pushMagic }) => pushMagic),
      bytes(({ unlockToken }) => unlockToken),
      texts(({ awaitingConfiguration: is }) => (is === null ? null : String(is))),
      texts(({ userShortName }) => userShortName),
      texts(({ userLongName }) => userLongName),
      timestampArray(rows.map(({ message }) => message.at)),
      texts(({ message }) => message.id),
      bytes(({ message }) => message.raw),
      texts(({ message }) => jsonb(message.urlParams)),
      texts(({ message }) => message.traceId),
    ],
  });
  const answers = rows.map((): string | null => null);
  for (const { n, key } of result.rows) answers[n - 1] = key;
  return answers;
}

import type { PoolClient } from 'pg';

/** What became of a push, as it is kept. */
export interface PushOutcomeRow {
  readonly enrollmentKey: string;
  /** The token that was pushed to: what is said of another one is not kept. */
  readonly token: Buffer | null;
  readonly outcome: string;
  readonly reason: string | null;
  /** HTTP status of Apple's answer, if there was one. */
  readonly status: number | null;
  readonly apnsId: string | null;
  readonly attempts: number;
  /** Seconds from now until it is tried again; null: not by itself. */
  readonly retryInSeconds: number | null;
}

/**
 * Keeps what became of pushes: one set-based statement, in key order. A push that was asked for again
 * meanwhile keeps its earlier time.
 * @param tell append an event for accepted pushes too, not only for those that failed
 */
export async function keepOutcomes(
  client: Pick<PoolClient, 'query'>,
  rows: readonly PushOutcomeRow[],
  tell: { readonly accepted: boolean; readonly jobId: string | null },
): Promise<void> {
  await client.query({
    name: 'keep-push-outcomes',
    text: `
with heard as materialized (
  select * from unnest($1::bigint[], $2::bytea[], $3::text[], $4::text[], $5::int[], $6::text[],
    $7::int[], $8::float8[])
    as h (key, token, outcome, reason, status, apns_id, attempts, retry_in)
  order by key
), kept as (
  update push_state s set
    outcome = h.outcome, outcome_at = now(), reason = h.reason, status = h.status,
    apns_id = h.apns_id, attempts = h.attempts,
    accepted_at = case when h.outcome = 'ACCEPTED' then now() else s.accepted_at end,
    retry_at = case
      when s.retry_at < s.claimed_at + interval '30 seconds' then s.retry_at
      when h.retry_in is null then null
      else now() + make_interval(secs => h.retry_in) end
  from heard h join enrollment e on e.key = h.key
  where s.enrollment_key = h.key and e.push_token is not distinct from h.token
  returning s.enrollment_key
)
insert into event (type, tenant_id, enrollment_key, job_id, data)
select case when h.outcome = 'ACCEPTED' then 'PushAccepted' else 'PushFailed' end,
  e.tenant_id, h.key, $10,
  jsonb_build_object('outcome', h.outcome, 'reason', h.reason, 'status', h.status,
    'apnsId', h.apns_id, 'attempts', h.attempts, 'retryInSeconds', round(h.retry_in))
from heard h join enrollment e on e.key = h.key
where h.outcome <> 'ACCEPTED' or $9`,
    values: [
      rows.map((row) => row.enrollmentKey),
      rows.map((row) => row.token),
      rows.map((row) => row.outcome),
      rows.map((row) => row.reason),
      rows.map((row) => row.status),
      rows.map((row) => row.apnsId),
      rows.map((row) => row.attempts),
      rows.map((row) => row.retryInSeconds),
      tell.accepted,
      tell.jobId,
    ],
  });
}

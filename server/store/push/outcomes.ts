import type { PoolClient } from 'pg';
import type { ClaimedPush } from './claimed-push.ts';

/** What became of a push, as it is kept. */
export interface PushOutcomeRow {
  /** The claim under which it was pushed. */
  readonly push: ClaimedPush;
  readonly outcome: string;
  readonly reason: string | null;
  /** HTTP status of Apple's answer, if there was one. */
  readonly status: number | null;
  /** Null when nothing was sent. */
  readonly apnsId: string | null;
  readonly attempts: number;
  /** Seconds from now until it is tried again; null: not by itself. */
  readonly retryInSeconds: number | null;
}

// A push speaks only for its own claim. It is due again at once when what it went by has changed while
// it was under way: the device's token, or the certificate that was refused. Whether it was asked for
// again shows in `retry_at`: a claim that is alive lies further ahead.
const text = `
with heard as materialized (
  select * from unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[], $4::int[], $5::text[],
    $6::text[], $7::int[], $8::text[], $9::int[], $10::float8[])
    as h (key, claim, token_update, certificate_version, outcome, reason, status, apns_id, attempts,
      retry_in)
), before as materialized (
  select s.* from push_state s join heard h on h.key = s.enrollment_key
  order by s.enrollment_key for update of s
), kept as (
  update push_state s set
    outcome = h.outcome, outcome_at = now(), reason = h.reason, status = h.status,
    apns_id = h.apns_id, token_updated_at = h.token_update,
    accepted_at = case when h.outcome = 'ACCEPTED' then now() else s.accepted_at end,
    attempts = case when before.retry_at <= now() + interval '1 second' then 0 else h.attempts end,
    retry_at = case
      when before.retry_at <= now() + interval '1 second' then before.retry_at
      when e.token_updated_at is distinct from h.token_update then now()
      when h.outcome in ('CERTIFICATE_REFUSED', 'NO_CERTIFICATE') and p.stopped_at is null
        and p.version is distinct from h.certificate_version and p.version is not null then now()
      else now() + make_interval(secs => h.retry_in) end
  from heard h
  join before on before.enrollment_key = h.key and before.claimed_at = h.claim
  join enrollment e on e.key = h.key
  left join push_certificate p on p.topic = e.topic
  where s.enrollment_key = h.key
)
insert into event (type, tenant_id, enrollment_key, job_id, trace_id, data)
select case when h.outcome = 'ACCEPTED' then 'PushAccepted' else 'PushFailed' end,
  e.tenant_id, h.key, $12::uuid, $13::text,
  jsonb_build_object('outcome', h.outcome, 'reason', h.reason, 'status', h.status,
    'apnsId', h.apns_id, 'attempts', h.attempts, 'retryInSeconds', round(h.retry_in))
from heard h join enrollment e on e.key = h.key join before on before.enrollment_key = h.key
where case when h.outcome = 'ACCEPTED' then $11::boolean
  -- What was never sent for a reason that is known already is told to who asked only.
  else $12::uuid is not null or h.apns_id is not null or before.outcome is distinct from h.outcome end`;

/** Keeps what became of pushes, one for an enrolment: one set-based statement, in key order. */
export async function keepOutcomes(
  client: Pick<PoolClient, 'query'>,
  rows: readonly PushOutcomeRow[],
  tell: {
    /** Append an event for accepted pushes too, not only for those that failed. */
    readonly accepted: boolean;
    readonly jobId: string | null;
    readonly traceId: string | null;
  },
): Promise<void> {
  await client.query({
    name: 'keep-push-outcomes',
    text,
    values: [
      rows.map(({ push }) => push.enrollmentKey),
      rows.map(({ push }) => push.claim),
      rows.map(({ push }) => push.tokenUpdate),
      rows.map(({ push }) => push.certificateVersion),
      rows.map((row) => row.outcome),
      rows.map((row) => row.reason),
      rows.map((row) => row.status),
      rows.map((row) => row.apnsId),
      rows.map((row) => row.attempts),
      rows.map((row) => row.retryInSeconds),
      tell.accepted,
      tell.jobId,
      tell.traceId,
    ],
  });
}

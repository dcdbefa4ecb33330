import type { PoolClient } from 'pg';
import type { TenantId } from '../../model/viewer.ts';
import { claimColumns, type ClaimedPush, claimSeconds, toldToWait } from './claimed-push.ts';

/** An enrolment that was asked for by its id. */
export interface AskedPush extends ClaimedPush {
  readonly enabled: boolean;
  /** Whether it is ours to push to; not when it is disabled, or Apple wants it left in peace for now. */
  readonly ours: boolean;
}

/**
 * Claims enrolments by their ids, in key order, also those that somebody else has claimed: whoever asks
 * waits for Apple's answer, and a second push at the same time only wakes a device once more. Ids that
 * name nothing are left out.
 */
export async function claimIds(
  client: PoolClient,
  ids: readonly string[],
  tenant: TenantId | null,
): Promise<readonly AskedPush[]> {
  const result = await client.query<AskedPush>({
    name: 'claim-pushes-by-id',
    text: `
with asked as materialized (
  select key, enabled from enrollment
  where id = any($1::text[]) and ($2::int is null or tenant_id = $2)
), claimed as (
  insert into push_state as s (enrollment_key, claimed_at, retry_at)
  select key, now(), now() + interval '${claimSeconds} seconds' from asked where enabled order by key
  on conflict (enrollment_key) do update set attempts = 0,
    claimed_at = excluded.claimed_at, retry_at = excluded.retry_at
    where not ${toldToWait}
  returning enrollment_key, claimed_at, outcome, token_updated_at
)
select ${claimColumns}, 0 as attempts, e.enabled, s.claimed_at is not null as ours
from asked join enrollment e on e.key = asked.key
left join claimed s on s.enrollment_key = asked.key
left join push_certificate p on p.topic = e.topic`,
    values: [ids, tenant],
  });
  return result.rows;
}

import type { PoolClient } from 'pg';
import {
  claimColumns,
  type ClaimedPush,
  claimSeconds,
  quietSeconds,
  toldToWait,
} from './claimed-push.ts';
import { type PushSelection, selectionSql } from './selection.ts';

/** A page of enrolments that were looked at. */
export interface ClaimedPage {
  readonly claimed: readonly ClaimedPush[];
  /** How many, claimed or not. */
  readonly looked: number;
  /** The last one's key, or where the page began when it was empty. */
  readonly last: string;
  /** Where the next page begins; null when this was the last. */
  readonly next: string | null;
}

/**
 * Claims the next page of enrolments, in key order. One that was claimed since `since` is served by
 * that push and left out, and one that Apple wants to be left in peace by the push that comes when that
 * is over. One that was claimed a moment before gets its push when the moment is over, together with
 * whatever else is asked for until then.
 */
export async function claimPage(
  client: PoolClient,
  selection: PushSelection,
  page: { readonly after: string; readonly since: Date; readonly limit: number },
): Promise<ClaimedPage> {
  const values: unknown[] = [page.after, page.since, page.limit];
  const source = selectionSql(selection, values);
  const isQuiet = `s.claimed_at < now() - interval '${quietSeconds} seconds'`;
  const result = await client.query<ClaimedPush & { readonly ours: boolean }>(
    `
with page as materialized (
  ${source} order by key limit $3
), claimed as (
  insert into push_state as s (enrollment_key, claimed_at, retry_at)
  select key, now(), now() + interval '${claimSeconds} seconds' from page order by key
  on conflict (enrollment_key) do update set attempts = 0,
    claimed_at = case when ${isQuiet} then excluded.claimed_at else s.claimed_at end,
    retry_at = case when ${isQuiet} then excluded.retry_at
      else least(s.retry_at, s.claimed_at + interval '${quietSeconds} seconds') end
    where s.claimed_at < $2 and not ${toldToWait}
  returning enrollment_key, claimed_at, outcome, token_updated_at
)
select ${claimColumns}, 0 as attempts, coalesce(s.claimed_at = now(), false) as ours
from page join enrollment e on e.key = page.key
left join claimed s on s.enrollment_key = page.key
left join push_certificate p on p.topic = e.topic
order by page.key`,
    values,
  );
  const { rows } = result;
  const last = rows.at(-1)?.enrollmentKey ?? page.after;
  return {
    claimed: rows.filter((row) => row.ours),
    looked: rows.length,
    last,
    next: rows.length < page.limit ? null : last,
  };
}

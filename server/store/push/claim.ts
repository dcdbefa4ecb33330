import type { Pool, PoolClient } from 'pg';
import type { Targets } from '../../model/targets.ts';
import type { TenantId } from '../../model/viewer.ts';
import { compileEnrollmentFilter } from '../read/enrollment-filter.ts';

/** An enrolment to be pushed to, claimed by us: nobody else pushes to it for now. */
export interface ClaimedPush {
  readonly enrollmentKey: string;
  readonly enrollmentId: string;
  readonly tenantId: TenantId;
  readonly topic: string | null;
  readonly token: Buffer | null;
  /** Sealed. */
  readonly pushMagic: Buffer | null;
  /** What Apple says of the token counts only if it is later than this. */
  readonly tokenUpdatedAt: Date | null;
  /** Version of the topic's push certificate now; null: there is none. */
  readonly certificateVersion: number | null;
  /** Why Apple does not take that certificate; null: as far as we know it does. */
  readonly topicStopped: string | null;
  /** Times that this push was tried already. */
  readonly attempts: number;
  /** What Apple said of the very token before, if that makes another push pointless. */
  readonly deadToken: string | null;
}

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

/** Whom a page of pushes is for. */
export type PushSelection =
  | { readonly targets: Targets; readonly tenant: TenantId | null }
  | { readonly commandKey: string }
  /** The daily sweep: those with work waiting, or silent for a day, up to a key. */
  | { readonly sweepTo: string };

/**
 * A claim that nobody says the outcome of (its process died) is taken up again after this many seconds.
 */
export const claimSeconds = 60;

/** Pushes to one enrolment are at least this far apart; what is asked for in between goes together. */
export const quietSeconds = 1;

const claimColumns = `
  e.key as "enrollmentKey", e.id as "enrollmentId", e.tenant_id as "tenantId", e.topic,
  e.push_token as token, e.push_magic as "pushMagic", e.token_updated_at as "tokenUpdatedAt",
  p.version as "certificateVersion",
  case when p.stopped_at is not null then p.stopped_reason end as "topicStopped",
  case when s.outcome in ('UNREGISTERED', 'BAD_DEVICE_TOKEN')
    and s.outcome_at > coalesce(e.token_updated_at, '-infinity') then s.outcome end as "deadToken"`;

/**
 * Claims the next page of enrolments, in key order. One that was claimed since `since` is served by
 * that push and left out. One that was claimed a moment before gets its push when the moment is over,
 * together with whatever else is asked for until then.
 */
export async function claimPage(
  client: PoolClient,
  selection: PushSelection,
  page: { readonly after: string; readonly since: Date; readonly limit: number },
): Promise<ClaimedPage> {
  const values: unknown[] = [page.after, page.since, page.limit];
  const source = sourceOf(selection, values);
  const result = await client.query<ClaimedPush & { readonly ours: boolean }>(
    `
with page as materialized (
  ${source} order by key limit $3
), claimed as (
  insert into push_state as s (enrollment_key, claimed_at, retry_at)
  select key, now(), now() + interval '${claimSeconds} seconds' from page order by key
  on conflict (enrollment_key) do update set
    claimed_at = case when s.claimed_at < now() - interval '${quietSeconds} seconds'
      then excluded.claimed_at else s.claimed_at end,
    retry_at = case when s.claimed_at < now() - interval '${quietSeconds} seconds'
      then excluded.retry_at
      else least(s.retry_at, s.claimed_at + interval '${quietSeconds} seconds') end,
    attempts = 0
    where s.claimed_at < $2
  returning s.enrollment_key, s.claimed_at = now() as now
)
select ${claimColumns}, 0 as attempts, coalesce(c.now, false) as ours
from page join enrollment e on e.key = page.key
left join claimed c on c.enrollment_key = page.key
left join push_state s on s.enrollment_key = page.key
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

function sourceOf(selection: PushSelection, values: unknown[]): string {
  if ('commandKey' in selection) {
    values.push(selection.commandKey);
    return `select enrollment_key as key from queue_entry
      where command_key = $${values.length} and enrollment_key > $1`;
  }
  if ('sweepTo' in selection) {
    values.push(selection.sweepTo);
    return `select e.key from enrollment e
      left join enrollment_seen seen on seen.enrollment_key = e.key
      where e.enabled and e.key > $1 and e.key <= $${values.length}
        and (coalesce(seen.last_seen_at, e.created_at) < now() - interval '24 hours'
          or exists (select 1 from queue_entry q where q.enrollment_key = e.key))`;
  }
  const { targets, tenant } = selection;
  const filter =
    'ids' in targets ? { ids: targets.ids } : 'filter' in targets ? targets.filter : {};
  const channels = 'ids' in targets ? 'ALL' : targets.channels;
  const condition = compileEnrollmentFilter(filter, { tenant, channels }, values.length + 1);
  values.push(...condition.values);
  return `select e.key from enrollment e where (${condition.sql}) and e.enabled and e.key > $1`;
}

/**
 * Claims pushes whose time has come: put off, to be tried again, or left by a process that died. Those
 * of enrolments that are disabled by now are let go.
 */
export async function claimDue(pool: Pool, limit: number): Promise<readonly ClaimedPush[]> {
  const result = await pool.query<ClaimedPush>({
    name: 'claim-due-pushes',
    text: `
with due as materialized (
  select enrollment_key from push_state where retry_at <= now()
  order by retry_at limit $1 for update skip locked
), claimed as (
  update push_state s set claimed_at = now(),
    retry_at = case when e.enabled then now() + interval '${claimSeconds} seconds' end
  from due join enrollment e on e.key = due.enrollment_key
  where s.enrollment_key = due.enrollment_key
  returning s.enrollment_key, s.attempts
)
select ${claimColumns}, c.attempts
from claimed c join enrollment e on e.key = c.enrollment_key
join push_state s on s.enrollment_key = c.enrollment_key
left join push_certificate p on p.topic = e.topic
where e.enabled`,
    values: [limit],
  });
  return result.rows;
}

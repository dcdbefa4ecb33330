import { shortTextSql } from '../events/short-text.ts';

/** How a target leaves the queue without an answer. */
export type EndReason =
  | 'RE_ENROLLED'
  | 'UNENROLLED'
  | 'CLEARED'
  | 'CANCELLED'
  | 'EXPIRED'
  | 'MOVED';

/** One row: how many entries have left, and the last enrolment among them. */
export interface LeftRow {
  readonly count: number;
  readonly last: string | null;
}

/**
 * Ends entries of the queue: each goes to history with its reason and an event.
 *
 * Command and enrolment name an entry, whatever its urgency: that may change until the entry is locked,
 * and an old one would find nothing to delete.
 * @param chosen selects `enrollment_key` and `command_key` in the order of locking, and locks
 * @param value  placeholders, with their types
 */
export function leaveSql(
  chosen: string,
  value: {
    readonly reason: string;
    readonly at: string;
    readonly traceId: string;
    readonly actor: string;
  },
): string {
  return `
with chosen as materialized (
${chosen}
), gone as (
  delete from queue_entry q using chosen w
  where q.enrollment_key = w.enrollment_key and q.command_key = w.command_key
  returning q.*
), history as (
  insert into command_result (enrollment_key, command_key, ended, not_now_at, not_now_tally,
    first_sent_at, queued_at, ended_at)
  select enrollment_key, command_key, ${value.reason}, not_now_at, not_now_tally, first_sent_at,
    queued_at, ${value.at}
  from gone
), told as (
  insert into event (type, tenant_id, at, trace_id, actor, enrollment_key, command_key, data)
  select 'CommandEnded', c.tenant_id, ${value.at}, ${value.traceId}, ${value.actor},
    g.enrollment_key, g.command_key, jsonb_build_object('reason', ${value.reason},
      'requestType', ${shortTextSql('c.request_type')}, 'notNowTally', g.not_now_tally)
  from gone g join command c on c.key = g.command_key
  order by g.enrollment_key, g.urgency, g.command_key
)
select count(*)::int as count, max(enrollment_key) as last from gone`;
}

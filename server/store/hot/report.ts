import type { Pool } from 'pg';
import {
  type NextCommandRow,
  type StoredCommand,
  nextCommandColumns,
  nextCommandOf,
  nextCommandSql,
} from './next-command.ts';

// Who deletes the queue entry ends the command: that one statement writes history and event, and a
// repeat finds nothing to delete and writes nothing.
//
// All parts see the database as it was before the statement. So the entry just deleted is still seen
// by `next`, which leaves it out by hand; and of two equal reports at the same moment the second sees
// the entry (`target`) without being able to delete it, which tells it from a stray. Then somebody else
// ended the entry meanwhile (another report, a CheckOut, a cancellation), and the history row that this
// report may have to join is not seen yet: it has been overtaken, and runs again.
const text = `
with e as materialized (
  select key, tenant_id, enabled from enrollment where id = $1 and cert_hash = $2
), c as materialized (
  select command.key, command.request_type
  from command, e
  where command.uuid = $3 and command.tenant_id = e.tenant_id
), target as materialized (
  select 1 from queue_entry q, e, c where q.command_key = c.key and q.enrollment_key = e.key
), done as (
  delete from queue_entry q using e, c
  where q.command_key = c.key and q.enrollment_key = e.key
  returning q.*
), answered as (
  insert into command_result (enrollment_key, command_key, ended, status, result, not_now_at,
    not_now_tally, first_sent_at, queued_at, ended_at, answered_at)
  select enrollment_key, command_key, 'ANSWERED', $4, $5, not_now_at,
    not_now_tally, coalesce(first_sent_at, $8), queued_at, $6, $6
  from done
  returning enrollment_key, command_key, not_now_tally
), late as (
  update command_result h set status = $4, result = $5, answered_at = $6,
    first_sent_at = coalesce(first_sent_at, $8)
  from e, c
  where h.enrollment_key = e.key and h.command_key = c.key and h.answered_at is null
  returning h.enrollment_key, h.command_key, h.not_now_tally, h.ended
), stray as (
  insert into stray_report (enrollment_key, command_uuid, status, result, received_at)
  select e.key, $3, $4, $5, $6 from e
  where not exists (select 1 from target)
    and not exists (
      select 1 from command_result h, c where h.enrollment_key = e.key and h.command_key = c.key)
  on conflict do nothing
  returning enrollment_key
), events as (
  insert into event (type, tenant_id, at, trace_id, enrollment_key, command_key, data)
  select 'CommandAnswered', e.tenant_id, $6, $7, a.enrollment_key, a.command_key,
    jsonb_build_object('status', $4::text, 'requestType', c.request_type,
      'notNowTally', a.not_now_tally)
  from answered a, e, c
  union all
  select 'CommandAnswered', e.tenant_id, $6, $7, l.enrollment_key, l.command_key,
    jsonb_build_object('status', $4::text, 'requestType', c.request_type,
      'notNowTally', l.not_now_tally, 'late', true, 'ended', l.ended)
  from late l, e, c
  union all
  select 'StrayReportReceived', e.tenant_id, $6, $7, e.key, null,
    jsonb_build_object('status', $4::text, 'commandUuid', $3::text)
  from stray, e
  returning 1
)
select e.key, e.enabled, (select count(*) from events)::int as events,
  exists (select 1 from target) and not exists (select 1 from done) as overtaken,
  ${nextCommandColumns}
from e
left join c on true
${nextCommandSql('e', 'e.enabled', 'and q.command_key is distinct from c.key')}`;

interface Row extends NextCommandRow {
  readonly key: string;
  readonly enabled: boolean;
  readonly events: number;
  readonly overtaken: boolean;
}

export interface ReportInput {
  readonly enrollmentId: string;
  /** SHA-256 of the certificate that signed. */
  readonly certificate: Buffer;
  readonly commandUuid: string;
  /** The device's word, such as `Acknowledged` or `Error`. */
  readonly status: string;
  /** The report as sent, sealed. */
  readonly result: Buffer;
  readonly at: Date;
  readonly traceId: string;
  /** When the command was handed over, as far as this process knows and has not written yet. */
  readonly firstSentAt: Date | null;
}

export interface ReportAnswer {
  readonly enrollmentKey: string;
  readonly enabled: boolean;
  /** Whether anything was written (false: a repeat). */
  readonly changed: boolean;
  readonly next: StoredCommand | null;
}

/**
 * Ends a command for an enrolment by the device's own report and returns what to send next.
 * One statement, a second one only when the command was ended by somebody else at the same moment; a
 * repeated report changes nothing; one for a command that this enrolment never had is kept once, apart.
 * @returns null when the certificate is not the enrolment's current one, or no such enrolment exists
 */
export async function report(pool: Pool, input: ReportInput): Promise<ReportAnswer | null> {
  let row = await runReport(pool, input);
  if (row?.overtaken) row = await runReport(pool, input);
  if (row === undefined) return null;
  return {
    enrollmentKey: row.key,
    enabled: row.enabled,
    changed: row.events > 0,
    next: nextCommandOf(row),
  };
}

async function runReport(pool: Pool, input: ReportInput): Promise<Row | undefined> {
  const result = await pool.query<Row>({
    name: 'report',
    text,
    values: [
      input.enrollmentId,
      input.certificate,
      input.commandUuid,
      input.status,
      input.result,
      input.at,
      input.traceId,
      input.firstSentAt,
    ],
  });
  return result.rows[0];
}

import type { Pool } from 'pg';
import { shortTextSql } from '../events/short-text.ts';
import {
  type NextCommandRow,
  nextCommandColumns,
  nextCommandOf,
  nextCommandSql,
} from './next-command.ts';
import type { ReportAnswer, ReportInput } from './report.ts';

// A NotNow leaves the command in the queue. Until the device's next report of another kind every
// command that it has put off is passed over, so that one which is always put off starves nobody.
const text = `
with e as materialized (
  select key, tenant_id, enabled from enrollment where id = $1 and cert_hash = $2
), c as materialized (
  select command.key, command.request_type
  from command, e
  where command.uuid = $3 and command.tenant_id = e.tenant_id
), marked as (
  update queue_entry q
  set not_now_at = coalesce(q.not_now_at, $6), not_now_tally = q.not_now_tally + 1
  from e, c
  where q.command_key = c.key and q.enrollment_key = e.key
  returning q.enrollment_key, q.command_key, q.not_now_tally
), target as materialized (
  select 1 from queue_entry q, e, c where q.command_key = c.key and q.enrollment_key = e.key
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
  select 'CommandNotNow', e.tenant_id, $6, $7, m.enrollment_key, m.command_key,
    jsonb_build_object('status', ${shortTextSql('$4::text')},
      'requestType', ${shortTextSql('c.request_type')}, 'notNowTally', m.not_now_tally)
  from marked m, e, c
  union all
  select 'StrayReportReceived', e.tenant_id, $6, $7, e.key, null,
    jsonb_build_object('status', ${shortTextSql('$4::text')},
      'commandUuid', ${shortTextSql('$3::text')})
  from stray, e
  returning 1
)
select e.key, e.enabled, (select count(*) from events)::int as events, ${nextCommandColumns}
from e
left join c on true
${nextCommandSql('e', 'e.enabled', 'and q.not_now_at is null and q.command_key is distinct from c.key')}`;

interface Row extends NextCommandRow {
  readonly key: string;
  readonly enabled: boolean;
  readonly events: number;
}

/**
 * Notes that the device put a command off, and returns the first that it has not put off yet.
 * @returns null when the certificate is not the enrolment's current one, or no such enrolment exists
 */
export async function notNow(pool: Pool, input: ReportInput): Promise<ReportAnswer | null> {
  const result = await pool.query<Row>({
    name: 'not-now',
    text,
    values: [
      input.enrollmentId,
      input.certificate,
      input.commandUuid,
      input.status,
      Buffer.concat(input.seal()),
      input.at,
      input.traceId,
    ],
  });
  const row = result.rows[0];
  if (row === undefined) return null;
  return {
    enrollmentKey: row.key,
    enabled: row.enabled,
    changed: row.events > 0,
    next: nextCommandOf(row),
  };
}

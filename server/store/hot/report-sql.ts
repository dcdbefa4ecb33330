import { shortTextSql } from '../events/short-text.ts';
import { nextCommandColumns, nextCommandColumnsOfMany, nextCommandSql } from './next-command.ts';

// Who deletes the queue entry ends the command: that one statement writes history and event, and a
// repeat finds nothing to delete and writes nothing.
//
// All parts see the database as it was before the statement. So the entry just deleted is still seen
// by `next`, which leaves it out by hand; and of two equal reports at the same moment the second sees
// the entry (`target`) without being able to delete it, which tells it from a stray. Then somebody else
// ended the entry meanwhile (another report, a CheckOut, a cancellation), and the history row that this
// report may have to join is not seen yet: it has been overtaken, and runs again.
//
// History is asked only for those without an entry: a command is in one of the two.
//
// One text for one report and for many, of as many enrolments: what they differ in is where the
// report's own values come from. Many are taken in key order, as all do that lock several entries.

interface Source {
  /** The enrolment, the report's command, and what else goes through the statement by row. */
  readonly enrollments: string;
  readonly uuid: string;
  readonly status: string;
  readonly result: string;
  readonly at: string;
  readonly traceId: string;
  readonly firstSentAt: string;
  /** Further columns of `e` to hand on. */
  readonly carried: string;
  readonly nextColumns: string;
}

/** One report: its values are the statement's parameters. */
export const reportText = textOf({
  enrollments: `
  select 1 as n, e.key, e.tenant_id, e.enabled, c.key as command_key, c.request_type
  from enrollment e left join command c on c.uuid = $3 and c.tenant_id = e.tenant_id
  where e.id = $1 and e.cert_hash = $2`,
  uuid: '$3',
  status: '$4',
  // The last one, as it goes out in pieces.
  result: '$8',
  at: '$5',
  traceId: '$6',
  firstSentAt: '$7',
  carried: '',
  nextColumns: nextCommandColumns,
});

/** Many reports: each parameter is an array with a value for each. */
export const reportTextOfMany = textOf({
  enrollments: `
  select r.n::int as n, e.key, e.tenant_id, e.enabled, c.key as command_key, c.request_type,
    r.uuid, r.status, r.result, r.at, r.trace_id, r.sent_at
  from unnest($1::text[], $2::bytea[], $3::text[], $4::text[], $5::bytea[], $6::timestamptz[], $7::text[],
    $8::timestamptz[])
    with ordinality as r (id, certificate, uuid, status, result, at, trace_id, sent_at, n)
  join enrollment e on e.id = r.id and e.cert_hash = r.certificate
  left join command c on c.uuid = r.uuid and c.tenant_id = e.tenant_id
  order by e.key`,
  uuid: 'e.uuid',
  status: 'e.status',
  result: 'e.result',
  at: 'e.at',
  traceId: 'e.trace_id',
  firstSentAt: 'e.sent_at',
  carried: ', e.uuid, e.status, e.result, e.at, e.trace_id, e.sent_at',
  nextColumns: nextCommandColumnsOfMany,
});

function textOf({
  enrollments,
  uuid,
  status,
  result,
  at,
  traceId,
  firstSentAt,
  carried,
  nextColumns,
}: Source): string {
  const told = {
    status: shortTextSql(`${status}::text`),
    uuid: shortTextSql(`${uuid}::text`),
    requestType: shortTextSql('e.request_type'),
  };
  return `
with e as materialized (${enrollments}
), target as materialized (
  select e.n from e join queue_entry q on q.command_key = e.command_key and q.enrollment_key = e.key
), done as (
  delete from queue_entry q using e
  where q.command_key = e.command_key and q.enrollment_key = e.key
  returning q.enrollment_key, q.command_key, q.not_now_at, q.not_now_tally, q.first_sent_at, q.queued_at,
    e.n, e.tenant_id, e.request_type ${carried}
), answered as (
  insert into command_result (enrollment_key, command_key, ended, status, result, not_now_at,
    not_now_tally, first_sent_at, queued_at, ended_at, answered_at)
  select e.enrollment_key, e.command_key, 'ANSWERED', ${status}, ${result}, e.not_now_at,
    e.not_now_tally, coalesce(e.first_sent_at, ${firstSentAt}), e.queued_at, ${at}, ${at}
  from done e
), late as (
  update command_result h set status = ${status}, result = ${result}, answered_at = ${at},
    first_sent_at = coalesce(h.first_sent_at, ${firstSentAt})
  from e
  where h.enrollment_key = e.key and h.command_key = e.command_key and h.answered_at is null
    and e.n <> all (array(select n from target))
  returning h.enrollment_key, h.command_key, h.not_now_tally, h.ended,
    e.n, e.tenant_id, e.request_type ${carried}
), stray as (
  insert into stray_report (enrollment_key, command_uuid, status, result, received_at)
  select e.key, ${uuid}, ${status}, ${result}, ${at} from e
  where case when e.n = any (array(select n from target)) then false else not exists (
    select 1 from command_result h where h.enrollment_key = e.key and h.command_key = e.command_key) end
  on conflict do nothing
  returning enrollment_key
), strayed as (
  select e.n, e.tenant_id, e.key ${carried} from stray join e on e.key = stray.enrollment_key
), events as (
  insert into event (type, tenant_id, at, trace_id, enrollment_key, command_key, data)
  select 'CommandAnswered', e.tenant_id, ${at}, ${traceId}, e.enrollment_key, e.command_key,
    jsonb_build_object('status', ${told.status}, 'requestType', ${told.requestType},
      'notNowTally', e.not_now_tally)
  from done e
  union all
  select 'CommandAnswered', e.tenant_id, ${at}, ${traceId}, e.enrollment_key, e.command_key,
    jsonb_build_object('status', ${told.status}, 'requestType', ${told.requestType},
      'notNowTally', e.not_now_tally, 'late', true, 'ended', e.ended)
  from late e
  union all
  select 'StrayReportReceived', e.tenant_id, ${at}, ${traceId}, e.key, null,
    jsonb_build_object('status', ${told.status}, 'commandUuid', ${told.uuid})
  from strayed e
)
select e.n, e.key, e.enabled,
  e.n = any (array(
    select n from done union all select n from late union all select n from strayed)) as changed,
  e.n = any (array(select n from target)) and e.n <> all (array(select n from done)) as overtaken,
  ${nextColumns}
from e
${nextCommandSql('e', 'e.enabled', 'and q.command_key is distinct from e.command_key')}`;
}

import type { PoolClient } from 'pg';
import type { Targets } from '../../model/targets.ts';
import type { TenantId } from '../../model/viewer.ts';
import type { EnrollmentRow } from '../migration/enrollments.ts';
import { compileEnrollmentFilter, type SqlCondition } from '../read/enrollment-filter.ts';
import { countTargets, type TargetCount } from '../read/target-count.ts';

type Db = Pick<PoolClient, 'query'>;

/** Whose enrolments are exported. */
export interface ExportSelection {
  readonly targets: Targets;
  readonly tenant: TenantId | null;
}

function selected({ targets, tenant }: ExportSelection, firstParam: number): SqlCondition {
  const filter =
    'ids' in targets ? { ids: targets.ids } : 'filter' in targets ? targets.filter : {};
  const channels = 'ids' in targets ? 'ALL' : targets.channels;
  return compileEnrollmentFilter(filter, { tenant, channels }, firstParam);
}

/** An enrolment as it is exported. Secrets are sealed. */
export interface ExportedEnrollment extends EnrollmentRow {
  readonly key: string;
  /** The id of its device; null for a device. */
  readonly deviceId: string | null;
  readonly lastSeenAt: Date | null;
}

/** Counts the enrolments that are meant. */
export async function countExported(db: Db, selection: ExportSelection): Promise<TargetCount> {
  const condition = selected(selection, 1);
  return countTargets(db, condition);
}

/** The next enrolments that are meant, in the order of their keys. */
export async function exportedEnrollments(
  db: Db,
  selection: ExportSelection,
  after: string,
  limit: number,
): Promise<readonly ExportedEnrollment[]> {
  const condition = selected(selection, 3);
  const { rows } = await db.query<ExportedEnrollment>(
    `
select e.key, e.id, e.tenant_id as "tenantId", e.kind, e.user_id as "userId",
  e.user_short_name as "userShortName", e.user_long_name as "userLongName",
  e.serial_number as "serialNumber", e.device_name as "deviceName", e.model,
  e.model_name as "modelName", e.product_name as "productName", e.os_version as "osVersion",
  e.build_version as "buildVersion", e.imei, e.meid, e.topic, e.push_token as "pushToken",
  e.push_magic as "pushMagic", e.unlock_token as "unlockToken",
  e.bootstrap_token as "bootstrapToken", e.enabled, e.disabled_reason as "disabledReason",
  e.awaiting_configuration as "awaitingConfiguration",
  e.token_update_tally as "tokenUpdateTally", e.cert_hash as "certHash",
  e.authenticated_at as "authenticatedAt", e.token_updated_at as "tokenUpdatedAt",
  e.enrolled_at as "enrolledAt", e.checked_out_at as "checkedOutAt", e.created_at as "createdAt",
  d.id as "deviceId", s.last_seen_at as "lastSeenAt"
from enrollment e
left join enrollment d on d.key = e.device_key
left join enrollment_seen s on s.enrollment_key = e.key
where e.key > $1 and (${condition.sql})
order by e.key limit $2`,
    [after, limit, ...condition.values],
  );
  return rows;
}

/** A message as it was sent, sealed. */
export interface KeptMessage {
  readonly enrollmentKey: string;
  readonly id: string;
  readonly messageType: string;
  readonly raw: Buffer;
  readonly receivedAt: Date;
}

/** The last Authenticate and TokenUpdate of each enrolment, and the last two UserAuthenticates. */
export async function lastMessages(
  db: Db,
  enrollmentKeys: readonly string[],
): Promise<readonly KeptMessage[]> {
  const { rows } = await db.query<KeptMessage>(
    `
select m.enrollment_key as "enrollmentKey", m.id, m.message_type as "messageType", m.raw,
  m.received_at as "receivedAt"
from unnest($1::bigint[]) as wanted (key)
cross join (values ('Authenticate', 1), ('TokenUpdate', 1), ('UserAuthenticate', 2))
  as kind (message_type, most)
cross join lateral (
  select * from check_in c
  where c.enrollment_key = wanted.key and c.message_type = kind.message_type
  order by c.received_at desc, c.id limit kind.most
) m
order by m.enrollment_key, m.received_at, m.id`,
    [enrollmentKeys],
  );
  return rows;
}

/** A certificate that a device may come with. */
export interface ExportedCertificate {
  readonly deviceKey: string;
  readonly sha256: Buffer;
  readonly der: Buffer | null;
  readonly boundAt: Date;
}

/** The certificates of devices that are not retired. */
export async function exportedCertificates(
  db: Db,
  deviceKeys: readonly string[],
): Promise<readonly ExportedCertificate[]> {
  const { rows } = await db.query<ExportedCertificate>(
    `
select device_key as "deviceKey", sha256, der, bound_at as "boundAt" from device_certificate
where device_key = any($1::bigint[]) and retired_at is null
order by device_key, bound_at, sha256`,
    [deviceKeys],
  );
  return rows;
}

/** An entry of a queue. */
export interface ExportedEntry {
  readonly enrollmentKey: string;
  readonly commandUuid: string;
  readonly urgency: number;
  readonly notBefore: Date | null;
  readonly expiresAt: Date | null;
  readonly notNowAt: Date | null;
  readonly notNowTally: number;
  readonly firstSentAt: Date | null;
  readonly queuedAt: Date;
}

/** What waits for enrolments. */
export async function exportedQueue(
  db: Db,
  enrollmentKeys: readonly string[],
): Promise<readonly ExportedEntry[]> {
  const { rows } = await db.query<ExportedEntry>(
    `
select q.enrollment_key as "enrollmentKey", c.uuid as "commandUuid", q.urgency,
  q.not_before as "notBefore", q.expires_at as "expiresAt", q.not_now_at as "notNowAt",
  q.not_now_tally as "notNowTally", q.first_sent_at as "firstSentAt", q.queued_at as "queuedAt"
from queue_entry q join command c on c.key = q.command_key
where q.enrollment_key = any($1::bigint[])
order by q.enrollment_key, q.urgency, q.command_key`,
    [enrollmentKeys],
  );
  return rows;
}

/** A command; its body is sealed if it has to be. */
export interface ExportedCommand {
  readonly key: string;
  readonly uuid: string;
  readonly tenantId: number;
  readonly requestType: string;
  readonly body: Buffer;
  readonly bodySealed: boolean;
  readonly createdAt: Date;
}

/**
 * The next commands that an enrolment which is meant waits for, or has answered; the oldest first. At most
 * so many and so many bytes.
 */
export async function exportedCommands(
  db: Db,
  selection: ExportSelection,
  after: string,
  limit: { readonly rows: number; readonly bytes: number },
): Promise<readonly ExportedCommand[]> {
  const condition = selected(selection, 5);
  const { rows } = await db.query<ExportedCommand>(
    `
with page as materialized (
  select c.key, octet_length(c.body) as bytes
  from command c
  where c.key > $1 and ($3::int is null or c.tenant_id = $3) and (
    exists (select 1 from queue_entry q join enrollment e on e.key = q.enrollment_key
      where q.command_key = c.key and (${condition.sql}))
    or exists (select 1 from command_result r join enrollment e on e.key = r.enrollment_key
      where r.command_key = c.key and (${condition.sql})))
  order by c.key limit $2
), summed as (
  select key, sum(bytes) over (order by key) - bytes as before from page
)
select c.key, c.uuid, c.tenant_id as "tenantId", c.request_type as "requestType", c.body,
  c.body_sealed as "bodySealed", c.created_at as "createdAt"
from summed s join command c on c.key = s.key
where s.before < $4
order by c.key`,
    [after, limit.rows, selection.tenant, limit.bytes, ...condition.values],
  );
  return rows;
}

/** How a command ended for an enrolment. */
export interface ExportedResult {
  readonly enrollmentKey: string;
  readonly commandKey: string;
  readonly enrollmentId: string;
  readonly commandUuid: string;
  readonly ended: string;
  readonly status: string | null;
  /** Sealed. */
  readonly result: Buffer | null;
  readonly notNowAt: Date | null;
  readonly notNowTally: number;
  readonly firstSentAt: Date | null;
  readonly queuedAt: Date;
  readonly endedAt: Date;
  readonly answeredAt: Date | null;
}

/** The next results of enrolments that are meant, at most so many and so many bytes. */
export async function exportedResults(
  db: Db,
  selection: ExportSelection,
  after: { readonly enrollment: string; readonly command: string },
  limit: { readonly rows: number; readonly bytes: number },
): Promise<readonly ExportedResult[]> {
  const condition = selected(selection, 5);
  const { rows } = await db.query<ExportedResult>(
    `
with page as materialized (
  select r.enrollment_key, r.command_key, coalesce(octet_length(r.result), 0) as bytes
  from command_result r join enrollment e on e.key = r.enrollment_key
  where (r.enrollment_key, r.command_key) > ($1, $2) and (${condition.sql})
  order by r.enrollment_key, r.command_key limit $3
), summed as (
  select *, sum(bytes) over (order by enrollment_key, command_key) - bytes as before from page
)
select r.enrollment_key as "enrollmentKey", r.command_key as "commandKey", e.id as "enrollmentId",
  c.uuid as "commandUuid", r.ended, r.status, r.result, r.not_now_at as "notNowAt",
  r.not_now_tally as "notNowTally", r.first_sent_at as "firstSentAt", r.queued_at as "queuedAt",
  r.ended_at as "endedAt", r.answered_at as "answeredAt"
from summed s
join command_result r on r.enrollment_key = s.enrollment_key and r.command_key = s.command_key
join enrollment e on e.key = r.enrollment_key
join command c on c.key = r.command_key
where s.before < $4
order by r.enrollment_key, r.command_key`,
    [after.enrollment, after.command, limit.rows, limit.bytes, ...condition.values],
  );
  return rows;
}

/** A push certificate; its key is sealed. */
export interface ExportedPushCertificate {
  readonly topic: string;
  readonly certificate: string;
  readonly key: Buffer;
}

/** The push certificates of the topics that enrolments which are meant have. */
export async function exportedPushCertificates(
  db: Db,
  selection: ExportSelection,
): Promise<readonly ExportedPushCertificate[]> {
  const condition = selected(selection, 2);
  const { rows } = await db.query<ExportedPushCertificate>(
    `
select p.topic, p.certificate, p.key from push_certificate p
where ($1::int is null or p.tenant_id = $1)
  and exists (select 1 from enrollment e where e.topic = p.topic and (${condition.sql}))
order by p.topic`,
    [selection.tenant, ...condition.values],
  );
  return rows;
}

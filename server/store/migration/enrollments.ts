import type { PoolClient } from 'pg';
import type { EnrollmentKind } from '../../model/enrollment.ts';
import { type Column, namesOf, unnested, valuesOf } from './columns.ts';

/** What an import writes of an enrolment. Secrets are sealed. */
export interface EnrollmentRow {
  readonly id: string;
  readonly tenantId: number;
  readonly kind: EnrollmentKind;
  readonly userId: string | null;
  readonly userShortName: string | null;
  readonly userLongName: string | null;
  readonly serialNumber: string | null;
  readonly deviceName: string | null;
  readonly model: string | null;
  readonly modelName: string | null;
  readonly productName: string | null;
  readonly osVersion: string | null;
  readonly buildVersion: string | null;
  readonly imei: string | null;
  readonly meid: string | null;
  readonly topic: string | null;
  readonly pushToken: Buffer | null;
  readonly pushMagic: Buffer | null;
  readonly unlockToken: Buffer | null;
  readonly bootstrapToken: Buffer | null;
  readonly enabled: boolean;
  readonly disabledReason: string | null;
  readonly awaitingConfiguration: boolean | null;
  readonly tokenUpdateTally: number;
  readonly certHash: Buffer | null;
  readonly authenticatedAt: Date | null;
  readonly tokenUpdatedAt: Date | null;
  readonly enrolledAt: Date | null;
  readonly checkedOutAt: Date | null;
  readonly createdAt: Date;
}

/** An enrolment as it stands here. */
export interface PresentEnrollment extends EnrollmentRow {
  readonly key: string;
  readonly deviceKey: string | null;
  /** When the device itself last changed it here; null when all that is known of it was imported. */
  readonly heardAt: Date | null;
}

const columns: readonly Column<EnrollmentRow>[] = [
  { name: 'id', type: 'text', of: (row) => row.id },
  { name: 'tenant_id', type: 'int', of: (row) => row.tenantId },
  { name: 'kind', type: 'text', of: (row) => row.kind },
  { name: 'user_id', type: 'text', of: (row) => row.userId },
  { name: 'user_short_name', type: 'text', of: (row) => row.userShortName },
  { name: 'user_long_name', type: 'text', of: (row) => row.userLongName },
  { name: 'serial_number', type: 'text', of: (row) => row.serialNumber },
  { name: 'device_name', type: 'text', of: (row) => row.deviceName },
  { name: 'model', type: 'text', of: (row) => row.model },
  { name: 'model_name', type: 'text', of: (row) => row.modelName },
  { name: 'product_name', type: 'text', of: (row) => row.productName },
  { name: 'os_version', type: 'text', of: (row) => row.osVersion },
  { name: 'build_version', type: 'text', of: (row) => row.buildVersion },
  { name: 'imei', type: 'text', of: (row) => row.imei },
  { name: 'meid', type: 'text', of: (row) => row.meid },
  { name: 'topic', type: 'text', of: (row) => row.topic },
  { name: 'push_token', type: 'bytea', of: (row) => row.pushToken },
  { name: 'push_magic', type: 'bytea', of: (row) => row.pushMagic },
  { name: 'unlock_token', type: 'bytea', of: (row) => row.unlockToken },
  { name: 'bootstrap_token', type: 'bytea', of: (row) => row.bootstrapToken },
  { name: 'enabled', type: 'boolean', of: (row) => row.enabled },
  { name: 'disabled_reason', type: 'text', of: (row) => row.disabledReason },
  { name: 'awaiting_configuration', type: 'boolean', of: (row) => row.awaitingConfiguration },
  { name: 'token_update_tally', type: 'int', of: (row) => row.tokenUpdateTally },
  { name: 'cert_hash', type: 'bytea', of: (row) => row.certHash },
  { name: 'authenticated_at', type: 'timestamptz', of: (row) => row.authenticatedAt },
  { name: 'token_updated_at', type: 'timestamptz', of: (row) => row.tokenUpdatedAt },
  { name: 'enrolled_at', type: 'timestamptz', of: (row) => row.enrolledAt },
  { name: 'checked_out_at', type: 'timestamptz', of: (row) => row.checkedOutAt },
  { name: 'created_at', type: 'timestamptz', of: (row) => row.createdAt },
];

/** Reads the enrolments of these ids, of whatever tenant; they stay as they are until the transaction ends. */
export async function lockEnrollments(
  client: PoolClient,
  ids: readonly string[],
): Promise<ReadonlyMap<string, PresentEnrollment>> {
  const { rows } = await client.query<PresentEnrollment>({
    name: 'lock-migrated-enrollments',
    text: `
select key, device_key as "deviceKey", heard_at as "heardAt",
  ${columns.map(({ name }) => `${name} as "${camel(name)}"`).join(', ')}
from enrollment where id = any($1) order by id for update`,
    values: [ids],
  });
  return new Map(rows.map((row) => [row.id, row]));
}

function camel(name: string): string {
  return name.replaceAll(/_(\w)/g, (_all, letter: string) => letter.toUpperCase());
}

/** Somebody else made an enrolment, or bound a certificate, while we were about to: begin again. */
export class Overtaken extends Error {
  override readonly name = 'Overtaken';
}

/**
 * Makes enrolments; user channels take certificates and tenant from their device.
 * @param deviceKeys  for each of them: null for devices
 * @returns keys by id
 * @throws {Overtaken} one of them has come to be meanwhile
 */
export async function insertEnrollments(
  client: PoolClient,
  rows: readonly EnrollmentRow[],
  deviceKeys: readonly (string | null)[],
): Promise<ReadonlyMap<string, string>> {
  if (rows.length === 0) return new Map();
  const listed = namesOf(columns);
  const last = columns.length + 1;
  const all: readonly Column<EnrollmentRow>[] = [
    ...columns,
    { name: 'device_key', type: 'bigint', of: (row) => deviceKeys[rows.indexOf(row)] },
  ];
  const result = await client.query<{ id: string; key: string }>({
    name: 'insert-migrated-enrollments',
    text: `
insert into enrollment (${listed}, device_key, pending_cert_hash)
select ${columns.map(({ name }) => valueOfNew(name)).join(', ')}, r.device_key, d.pending_cert_hash
from ${unnested(all, 'r')} left join enrollment d on d.key = r.device_key
order by r.id
on conflict (id) do nothing
returning id, key`,
    values: [...valuesOf(columns, rows), [...deviceKeys]].slice(0, last),
  });
  if (result.rows.length < rows.length) throw new Overtaken('an enrolment was made meanwhile');
  return new Map(result.rows.map(({ id, key }) => [id, key]));
}

function valueOfNew(name: string): string {
  return name === 'cert_hash' || name === 'tenant_id'
    ? `coalesce(d.${name}, r.${name})`
    : `r.${name}`;
}

/** Writes enrolments anew that are there; the user channels of devices follow in certificate. */
export async function updateEnrollments(
  client: PoolClient,
  rows: readonly (EnrollmentRow & { readonly key: string })[],
): Promise<void> {
  if (rows.length === 0) return;
  const written = columns.filter(({ name }) => !['id', 'tenant_id', 'kind'].includes(name));
  const all: readonly Column<EnrollmentRow & { readonly key: string }>[] = [
    ...written,
    { name: 'key', type: 'bigint', of: (row) => row.key },
  ];
  const sets = written.map(({ name }) => `${name} = r.${name}`).join(', ');
  await client.query({
    name: 'update-migrated-enrollments',
    text: `update enrollment e set ${sets} from ${unnested(all, 'r')} where e.key = r.key`,
    values: valuesOf(all, rows),
  });
  await client.query({
    name: 'users-follow-certificate',
    text: `
update enrollment u set cert_hash = d.cert_hash
from enrollment d
where d.key = any($1::bigint[]) and u.device_key = d.key and u.cert_hash is distinct from d.cert_hash`,
    values: [rows.map(({ key }) => key)],
  });
}

/** Notes when enrolments were last seen, unless it is known that they were later. */
export async function noteSeen(
  client: PoolClient,
  seen: readonly { readonly key: string; readonly at: Date }[],
): Promise<void> {
  if (seen.length === 0) return;
  await client.query({
    name: 'note-migrated-seen',
    text: `
insert into enrollment_seen as s (enrollment_key, last_seen_at)
select key, at from unnest($1::bigint[], $2::timestamptz[]) as r (key, at) order by key
on conflict (enrollment_key) do update set last_seen_at = excluded.last_seen_at
  where excluded.last_seen_at > s.last_seen_at`,
    values: [seen.map(({ key }) => key), seen.map(({ at }) => at)],
  });
}

/** A message that came in with an import. */
export interface MigratedCheckIn {
  readonly id: string;
  readonly enrollmentKey: string;
  readonly messageType: string;
  /** Sealed. */
  readonly raw: Buffer;
  readonly receivedAt: Date;
}

/** Keeps messages as they were sent elsewhere. */
export async function keepCheckIns(
  client: PoolClient,
  checkIns: readonly MigratedCheckIn[],
  traceId: string,
): Promise<void> {
  if (checkIns.length === 0) return;
  await client.query({
    name: 'keep-migrated-check-ins',
    text: `
insert into check_in (id, enrollment_key, message_type, raw, trace_id, received_at)
select id, enrollment_key, message_type, raw, $6, received_at
from unnest($1::uuid[], $2::bigint[], $3::text[], $4::bytea[], $5::timestamptz[])
  as r (id, enrollment_key, message_type, raw, received_at)`,
    values: [
      checkIns.map(({ id }) => id),
      checkIns.map(({ enrollmentKey }) => enrollmentKey),
      checkIns.map(({ messageType }) => messageType),
      checkIns.map(({ raw }) => raw),
      checkIns.map(({ receivedAt }) => receivedAt),
      traceId,
    ],
  });
}

/** Tells of enrolments that an import made or changed: one event for each. */
export async function tellMigrated(
  client: PoolClient,
  told: {
    readonly actor: string;
    readonly jobId: string | null;
    readonly at: Date;
    readonly traceId: string;
    readonly enrollments: readonly { readonly key: string; readonly isNew: boolean }[];
  },
): Promise<void> {
  if (told.enrollments.length === 0) return;
  await client.query({
    name: 'tell-migrated',
    text: `
insert into event (type, tenant_id, at, trace_id, actor, enrollment_key, job_id, data)
select 'EnrollmentMigrated', e.tenant_id, $3, $4, $5, e.key, $6,
  jsonb_build_object('new', r.new, 'enabled', e.enabled)
from unnest($1::bigint[], $2::boolean[]) as r (key, new) join enrollment e on e.key = r.key
order by e.key`,
    values: [
      told.enrollments.map(({ key }) => key),
      told.enrollments.map(({ isNew }) => isNew),
      told.at,
      told.traceId,
      told.actor,
      told.jobId,
    ],
  });
}

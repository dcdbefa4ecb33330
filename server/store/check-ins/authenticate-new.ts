import type { Pool } from 'pg';
import type { EnrollmentKind } from '../../model/enrollment.ts';
import type { VerifiedCertificate } from '../../model/identity.ts';
import { byteaArray, textArray, timestampArray } from '../binary-array.ts';
import { shortTextSql } from '../events/short-text.ts';
import { isUniqueViolation } from '../violations.ts';
import type { DeviceFacts, StoredCheckIn } from './check-in-row.ts';
import { jsonb } from './jsonb.ts';

// The whole of a new device in one statement: its row, its certificate, what its profile said, the
// message, the events, the tags of its invitation. The certificate's key decides a race of two devices
// for it: the loser's statement fails as a whole. Its tenant is the one of the invitation that its
// certificate was issued on, else its topic's, else the default. A certificate that was issued to renew an
// enrolment begins none.
//
// One text for one device and for many, which are inserted in the order of their ids. By the limits in it
// each row is looked up by its key, whatever the planner thinks of a table that it never counted.
function textOf(asked: string): string {
  return `
with asked (n, id, kind, topic, serial_number, device_name, model, model_name, product_name, os_version,
    build_version, imei, meid, sha256, at, subject, issuer, serial, not_before, not_after, der, message_id,
    raw, url_params, trace_id) as materialized (
  ${asked}
), device as (
  insert into enrollment (id, tenant_id, kind, topic, serial_number, device_name, model, model_name,
    product_name, os_version, build_version, imei, meid, cert_hash, disabled_reason, authenticated_at,
    created_at, heard_at, cert_not_after)
  select id, coalesce(
      (select case when invitation_id is not null then tenant_id end
        from issued_certificate i where i.sha256 = asked.sha256),
      (select tenant_id from push_certificate p where p.topic = asked.topic),
      $1::int), kind, topic, serial_number, device_name, model, model_name, product_name, os_version,
    build_version, imei, meid, sha256, 'AWAITING_TOKEN_UPDATE', at, at, at, not_after
  from asked
  where (
    select enrollment_key from enrollment_invitation where id = (
      select invitation_id from issued_certificate i where i.sha256 = asked.sha256)) is null
  order by id
  on conflict (id) do nothing
  returning key, id, tenant_id
), fresh as materialized (
  select asked.*, device.key, device.tenant_id from device join asked on asked.id = device.id
), certificate as (
  insert into device_certificate (sha256, device_key, subject, issuer, serial, not_before, not_after,
    der, bound_at, current_at)
  select sha256, key, subject, issuer, serial, not_before, not_after, der, at, at from fresh
), profile_values as (
  insert into enrollment_profile_values (enrollment_key, profile_values_sha256, recorded_at)
  select fresh.key, issued.profile_values_sha256, fresh.at
  from fresh cross join lateral (
    select profile_values_sha256 from issued_certificate where sha256 = fresh.sha256 limit 1) issued
  where issued.profile_values_sha256 is not null
), message as (
  insert into check_in (id, enrollment_key, message_type, raw, url_params, trace_id, received_at)
  select message_id, key, 'Authenticate', raw, url_params, trace_id, at from fresh
), invitation as materialized (
  -- An event holds 1 KB: of many long tags it names the first.
  select fresh.n, v.id, v.tags, array(
      select sized.tag from (
        select tag, place, sum(octet_length(tag) + 4) over (order by place) as size
        from unnest(v.tags) with ordinality as one (tag, place)
      ) sized
      where sized.size <= 700 order by sized.tag
    ) as shown
  from fresh cross join lateral (
    select invitation_id from issued_certificate where sha256 = fresh.sha256 limit 1
  ) i cross join lateral (
    select id, tags from enrollment_invitation where id = i.invitation_id limit 1
  ) v
  where v.tags <> '{}'
), tag as (
  insert into enrollment_tag (tenant_id, tag, enrollment_id, enrollment_key)
  select fresh.tenant_id, unnest(invitation.tags), fresh.id, fresh.key
  from fresh join invitation on invitation.n = fresh.n
), event as (
  insert into event (type, tenant_id, at, trace_id, enrollment_key, check_in_id, data)
  select one.type, fresh.tenant_id, fresh.at, fresh.trace_id, fresh.key, one.check_in_id, one.data
  from fresh cross join lateral (
    select 1 as place, 'EnrollmentAuthenticated' as type, fresh.message_id as check_in_id,
      jsonb_build_object('new', true, 'topic', ${shortTextSql('fresh.topic')},
        'serialNumber', ${shortTextSql('fresh.serial_number')}, 'certificateSha256', encode(fresh.sha256, 'hex')) as data
    union all
    select 2, 'EnrollmentTagsChanged', null, jsonb_build_object('added', shown, 'addedCount',
      cardinality(tags), 'invitationId', invitation.id::text)
    from invitation where invitation.n = fresh.n
  ) one
  order by fresh.n, one.place
)
select n, key from fresh`;
}

const text =
  textOf(`select 1, $2::text, $3::text, $4::text, $5::text, $6::text, $7::text, $8::text, $9::text,
    $10::text, $11::text, $12::text, $13::text, $14::bytea, $15::timestamptz, $16::text, $17::text, $18::text,
    $19::timestamptz, $20::timestamptz, $21::bytea, $22::uuid, $23::bytea, $24::jsonb, $25::text`);

/** The same for devices that came together; the statement's parameters, but for the tenant, are arrays. */
export const authenticateTextOfMany =
  textOf(`select n::int, id, kind, topic, serial_number, device_name,
    model, model_name, product_name, os_version, build_version, imei, meid, sha256, at, subject, issuer, serial,
    not_before, not_after, der, message_id::uuid, raw, url_params::jsonb, trace_id
  from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
      $10::text[], $11::text[], $12::text[], $13::text[], $14::bytea[], $15::timestamptz[], $16::text[],
      $17::text[], $18::text[], $19::timestamptz[], $20::timestamptz[], $21::bytea[], $22::text[],
      $23::bytea[], $24::text[], $25::text[])
    with ordinality as r (id, kind, topic, serial_number, device_name, model, model_name, product_name,
      os_version, build_version, imei, meid, sha256, at, subject, issuer, serial, not_before, not_after, der,
      message_id, raw, url_params, trace_id, n)`);

export interface NewDevice {
  readonly id: string;
  /** Unless invitation or topic say another. */
  readonly defaultTenantId: number;
  readonly kind: EnrollmentKind;
  readonly topic: string | null;
  readonly facts: DeviceFacts;
  readonly certificate: VerifiedCertificate;
  readonly message: StoredCheckIn;
}

export type NewDeviceOutcome =
  | { readonly outcome: 'created'; readonly enrollmentKey: string }
  | { readonly outcome: 'known-device' }
  | { readonly outcome: 'certificate-taken' };

/** Enrols a device that was never seen. One statement; writes nothing unless it is `created`. */
export async function authenticateNewDevice(
  pool: Pool,
  device: NewDevice,
): Promise<NewDeviceOutcome> {
  const { facts, certificate, message } = device;
  try {
    const result = await pool.query<{ key: string }>({
      name: 'authenticate-new-device',
      text,
      values: [
        device.defaultTenantId,
        device.id,
        device.kind,
        device.topic,
        facts.serialNumber,
        facts.deviceName,
        facts.model,
        facts.modelName,
        facts.productName,
        facts.osVersion,
        facts.buildVersion,
        facts.imei,
        facts.meid,
        certificate.sha256,
        message.at,
        certificate.subject,
        certificate.issuer,
        certificate.serial,
        certificate.notBefore,
        certificate.notAfter,
        certificate.der,
        message.id,
        message.raw,
        jsonb(message.urlParams),
        message.traceId,
      ],
    });
    const row = result.rows[0];
    return row === undefined
      ? { outcome: 'known-device' }
      : { outcome: 'created', enrollmentKey: row.key };
  } catch (error) {
    if (isUniqueViolation(error, 'device_certificate_pkey'))
      return { outcome: 'certificate-taken' };
    throw error;
  }
}

/**
 * `authenticateNewDevice` for several devices, each at most once, in one statement and one commit.
 * @returns outcomes in the order of the devices
 * @throws one of their certificates is another device's: then nothing is written
 */
export async function authenticateTogether(
  pool: Pool,
  devices: readonly NewDevice[],
): Promise<readonly NewDeviceOutcome[]> {
  const texts = (read: (device: NewDevice) => string | null) => textArray(devices.map(read));
  const bytes = (read: (device: NewDevice) => Buffer) => byteaArray(devices.map(read));
  const times = (read: (device: NewDevice) => Date) => timestampArray(devices.map(read));
  const result = await pool.query<{ n: number; key: string }>({
    name: 'authenticate-together',
    text: authenticateTextOfMany,
    values: [
      devices[0]?.defaultTenantId ?? null,
      texts(({ id }) => id),
      texts(({ kind }) => kind),
      texts(({ topic }) => topic),
      texts(({ facts }) => facts.serialNumber),
      texts(({ facts }) => facts.deviceName),
      texts(({ facts }) => facts.model),
      texts(({ facts }) => facts.modelName),
      texts(({ facts }) => facts.productName),
      texts(({ facts }) => facts.osVersion),
      texts(({ facts }) => facts.buildVersion),
      texts(({ facts }) => facts.imei),
      texts(({ facts }) => facts.meid),
      bytes(({ certificate }) => certificate.sha256),
      times(({ message }) => message.at),
      texts(({ certificate }) => certificate.subject),
      texts(({ certificate }) => certificate.issuer),
      texts(({ certificate }) => certificate.serial),
      times(({ certificate }) => certificate.notBefore),
      times(({ certificate }) => certificate.notAfter),
      bytes(({ certificate }) => certificate.der),
      texts(({ message }) => message.id),
      bytes(({ message }) => message.raw),
      texts(({ message }) => jsonb(message.urlParams)),
      texts(({ message }) => message.traceId),
    ],
  });
  const outcomes = devices.map((): NewDeviceOutcome => ({ outcome: 'known-device' }));
  for (const { n, key } of result.rows)
    outcomes[n - 1] = { outcome: 'created', enrollmentKey: key };
  return outcomes;
}

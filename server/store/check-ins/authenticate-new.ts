import type { Pool } from 'pg';
import type { EnrollmentKind } from '../../model/enrollment.ts';
import type { VerifiedCertificate } from '../../model/identity.ts';
import { isUniqueViolation } from '../violations.ts';
import type { DeviceFacts, StoredCheckIn } from './check-in-row.ts';
import { jsonb } from './jsonb.ts';

// The whole of a new device in one statement: its row, its certificate, what its profile said, the
// message, the events, the tags of its invitation. The certificate's key decides a race of two devices for it: the loser's statement
// fails as a whole. Its tenant is the one of the invitation that its certificate was issued on, else
// its topic's, else the default. A certificate that was issued to renew an enrolment begins none.
const text = `
with device as (
  insert into enrollment (id, tenant_id, kind, topic, serial_number, device_name, model, model_name,
    product_name, os_version, build_version, imei, meid, cert_hash, disabled_reason, authenticated_at,
    created_at, heard_at, cert_not_after)
  select $1, coalesce(
      (select tenant_id from issued_certificate where sha256 = $14 and invitation_id is not null),
      (select tenant_id from push_certificate where topic = $4),
      $2), $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 'AWAITING_TOKEN_UPDATE', $15, $15, $15, $20
  where not exists (
    select 1 from issued_certificate i join enrollment_invitation v on v.id = i.invitation_id
    where i.sha256 = $14 and v.enrollment_key is not null)
  on conflict (id) do nothing
  returning key, tenant_id
), certificate as (
  insert into device_certificate (sha256, device_key, subject, issuer, serial, not_before, not_after,
    der, bound_at, current_at)
  select $14, key, $16, $17, $18, $19, $20, $21, $15, $15 from device
), profile_values as (
  insert into enrollment_profile_values (enrollment_key, profile_values_sha256, recorded_at)
  select device.key, issued.profile_values_sha256, $15
  from device, issued_certificate issued
  where issued.sha256 = $14 and issued.profile_values_sha256 is not null
), message as (
  insert into check_in (id, enrollment_key, message_type, raw, url_params, trace_id, received_at)
  select $22, key, 'Authenticate', $23, $24, $25, $15 from device
), invitation as materialized (
  -- An event holds 1 KB: of many long tags it names the first.
  select v.id, v.tags, array(
      select sized.tag from (
        select tag, place, sum(octet_length(tag) + 4) over (order by place) as size
        from unnest(v.tags) with ordinality as one (tag, place)
      ) sized
      where sized.size <= 700 order by sized.tag
    ) as shown
  from issued_certificate i join enrollment_invitation v on v.id = i.invitation_id
  where i.sha256 = $14 and v.tags <> '{}'
), tag as (
  insert into enrollment_tag (tenant_id, tag, enrollment_id, enrollment_key)
  select device.tenant_id, unnest(invitation.tags), $1, device.key from device, invitation
), event as (
  insert into event (type, tenant_id, at, trace_id, enrollment_key, check_in_id, data)
  select one.type, device.tenant_id, $15, $25, device.key, one.check_in_id, one.data
  from device, (
    select 1 as place, 'EnrollmentAuthenticated' as type, $22::uuid as check_in_id,
      jsonb_build_object('new', true, 'topic', $4::text, 'serialNumber', $5::text,
        'certificateSha256', encode($14, 'hex')) as data
    union all
    select 2, 'EnrollmentTagsChanged', null, jsonb_build_object('added', shown, 'addedCount',
      cardinality(tags), 'invitationId', id::text)
    from invitation
  ) one
  order by one.place
)
select key from device`;

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
        device.id,
        device.defaultTenantId,
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

import type { Pool, PoolClient } from 'pg';
import { shortTextSql } from '../events/short-text.ts';

/** A certificate that is about to be signed, as it is recorded. */
export interface BegunCertificate {
  /** Lower-case hexadecimal. */
  readonly serial: string;
  readonly subject: string;
  readonly issuerSha256: Buffer;
  readonly publicKeySha256: Buffer;
  readonly requesterKeySha256: Buffer;
  readonly transactionId: string;
  /** SHA-256 of what it is for: equal for repeated requests. */
  readonly purposeSha256: Buffer;
  readonly invitationId: string | null;
  readonly renewalOf: Buffer | null;
  readonly profileValuesSha256: Buffer | null;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly at: Date;
}

/**
 * Records that a certificate is going to exist. It belongs to the tenant of the invitation, or of the
 * certificate that it renews, else to the default one.
 */
export async function insertBegun(
  db: Pick<Pool, 'query'>,
  begun: BegunCertificate,
  defaultTenant: number,
): Promise<void> {
  await db.query({
    name: 'insert-begun-certificate',
    text: `
insert into issued_certificate (serial, subject, issuer_sha256, public_key_sha256,
  requester_key_sha256, transaction_id, purpose_sha256, invitation_id, renewal_of,
  profile_values_sha256, not_before, not_after, begun_at, tenant_id)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, coalesce(
  (select tenant_id from enrollment_invitation where id = $8),
  (select tenant_id from issued_certificate where sha256 = $9),
  $14))`,
    values: [
      begun.serial,
      begun.subject,
      begun.issuerSha256,
      begun.publicKeySha256,
      begun.requesterKeySha256,
      begun.transactionId,
      begun.purposeSha256,
      begun.invitationId,
      begun.renewalOf,
      begun.profileValuesSha256,
      begun.notBefore,
      begun.notAfter,
      begun.at,
      defaultTenant,
    ],
  });
}

/** DER of the certificate that a repeated request is answered with, while it is current; locked. */
export async function lockStanding(
  client: PoolClient,
  purposeSha256: Buffer,
): Promise<{
  readonly certificate: Buffer;
  readonly revoked: boolean;
  readonly notAfter: Date;
} | null> {
  const { rows } = await client.query<{
    certificate: Buffer;
    revoked: boolean;
    not_after: Date;
  }>({
    name: 'lock-standing-certificate',
    text: `
select certificate, revoked_at is not null as revoked, not_after
from issued_certificate where purpose_sha256 = $1 and standing for update`,
    values: [purposeSha256],
  });
  const row = rows[0];
  if (row === undefined) return null;
  return { certificate: row.certificate, revoked: row.revoked, notAfter: row.not_after };
}

/** Makes room for another certificate of a purpose whose one is no longer current. */
export async function endStanding(client: PoolClient, purposeSha256: Buffer): Promise<void> {
  await client.query({
    name: 'end-standing-certificate',
    text: 'update issued_certificate set standing = false where purpose_sha256 = $1 and standing',
    values: [purposeSha256],
  });
}

/**
 * Stores a signed certificate as the one that stands for its purpose, and appends the event.
 * @throws a violation of `issued_certificate_purpose_sha256_key`: another stands
 */
export async function storeSigned(
  client: PoolClient,
  signed: {
    readonly serial: string;
    readonly certificate: Buffer;
    readonly sha256: Buffer;
    readonly at: Date;
    readonly traceId: string | null;
  },
): Promise<void> {
  await client.query({
    name: 'store-signed-certificate',
    text: `
with signed as (
  update issued_certificate set certificate = $2, sha256 = $3, issued_at = $4, standing = true
  where serial = $1
  returning tenant_id, serial, sha256, subject, not_after, renewal_of, invitation_id
)
insert into event (type, tenant_id, at, trace_id, actor, data)
select 'CertificateIssued', tenant_id, $4, $5, 'system', jsonb_build_object(
  'serialNumber', serial, 'certificateSha256', encode(sha256, 'hex'), 'subject', ${shortTextSql('subject', 400)},
  'expiresAt', to_char(not_after at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
  'renewalOf', encode(renewal_of, 'hex'), 'invitationId', invitation_id)
from signed`,
    values: [signed.serial, signed.certificate, signed.sha256, signed.at, signed.traceId],
  });
}

/** The newest certificate that a transaction of a requester ended with. */
export async function issuedInTransaction(
  db: Pick<Pool, 'query'>,
  asked: {
    readonly transactionId: string;
    readonly requesterKeySha256: Buffer;
    /** Null: whatever it renews, if anything. */
    readonly renewalOf: Buffer | null;
  },
): Promise<{ readonly certificate: Buffer; readonly publicKeySha256: Buffer } | null> {
  const { rows } = await db.query<{ certificate: Buffer; public_key_sha256: Buffer }>({
    name: 'issued-in-transaction',
    text: `
select certificate, public_key_sha256 from issued_certificate
where transaction_id = $1 and requester_key_sha256 = $2 and certificate is not null
  and ($3::bytea is null or renewal_of = $3)
order by key desc limit 1`,
    values: [asked.transactionId, asked.requesterKeySha256, asked.renewalOf],
  });
  const row = rows[0];
  return row === undefined
    ? null
    : { certificate: row.certificate, publicKeySha256: row.public_key_sha256 };
}

/** Whether a certificate is one of ours and not revoked. */
export async function isIssuedAndCurrent(
  db: Pick<Pool, 'query'>,
  sha256: Buffer,
): Promise<boolean> {
  const { rows } = await db.query({
    name: 'is-issued-and-current',
    text: 'select 1 from issued_certificate where sha256 = $1 and revoked_at is null',
    values: [sha256],
  });
  return rows.length > 0;
}

/** @param serial  lower-case hexadecimal @returns DER or null */
export async function issuedBySerial(
  db: Pick<Pool, 'query'>,
  serial: string,
): Promise<Buffer | null> {
  const { rows } = await db.query<{ certificate: Buffer }>({
    name: 'issued-by-serial',
    text: 'select certificate from issued_certificate where serial = $1 and certificate is not null',
    values: [serial],
  });
  return rows[0]?.certificate ?? null;
}

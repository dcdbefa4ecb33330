import type { Viewer } from '../../model/viewer.ts';
import {
  type Page,
  type Queryable,
  type Stretch,
  pagesOf,
  params,
  stretchSql,
  visibleTo,
} from './keyset.ts';

/** How a certificate stands with its device. */
export type DeviceCertificateState = 'CURRENT' | 'PENDING' | 'RETIRED';

/** Where a certificate stands among those of its device. */
export interface DeviceCertificatePosition {
  /** Microseconds since 1970: a `Date` would round what the order is made of. */
  readonly boundMicros: bigint;
  /** Hexadecimal. */
  readonly sha256: string;
}

/** A certificate that was bound to a device; without its bytes. */
export interface DeviceCertificateRow extends DeviceCertificatePosition {
  readonly deviceKey: bigint;
  readonly subject: string | null;
  readonly issuer: string | null;
  readonly serial: string | null;
  readonly notBefore: Date | null;
  readonly notAfter: Date | null;
  readonly boundAt: Date;
  readonly currentAt: Date | null;
  readonly retiredAt: Date | null;
  readonly state: DeviceCertificateState;
}

interface Row {
  readonly sha256: string;
  readonly device_key: string;
  readonly subject: string | null;
  readonly issuer: string | null;
  readonly serial: string | null;
  readonly not_before: Date | null;
  readonly not_after: Date | null;
  readonly bound_at: Date;
  readonly bound_micros: string;
  readonly current_at: Date | null;
  readonly retired_at: Date | null;
  readonly state: DeviceCertificateState;
}

// What the device signs with stands on its own row; the table is history, and an import may have bound
// certificates that wait to be used without being the pending one.
const columns = `encode(d.sha256, 'hex') as sha256, d.device_key, d.subject, d.issuer, d.serial, d.not_before,
  d.not_after, d.bound_at, (extract(epoch from d.bound_at) * 1000000)::bigint as bound_micros,
  d.current_at, d.retired_at,
  case when d.sha256 = e.cert_hash then 'CURRENT'
    when d.sha256 = e.pending_cert_hash or d.retired_at is null then 'PENDING'
    else 'RETIRED' end as state`;

/** A page of the certificates of each of many devices, in the order in which they were bound. */
export async function deviceCertificatePages(
  db: Queryable,
  viewer: Viewer,
  deviceKeys: readonly bigint[],
  stretch: Stretch<DeviceCertificatePosition>,
): Promise<ReadonlyMap<bigint, Page<DeviceCertificateRow>>> {
  const statement = params([deviceKeys.map(String)]);
  const visible = visibleTo(viewer, 'e', statement);
  const bound = (position: DeviceCertificatePosition | null) =>
    position && [
      `(timestamptz 'epoch' + ${statement.add(String(position.boundMicros), 'bigint')} ` +
        `* interval '1 microsecond')`,
      statement.add(Buffer.from(position.sha256, 'hex'), 'bytea'),
    ];
  const bounds = { after: bound(stretch.after), before: bound(stretch.before) };
  const { where, tail } = stretchSql(['d.bound_at', 'd.sha256'], bounds, stretch);
  const direction = stretch.fromEnd ? 'desc' : '';
  const { rows } = await db.query<Row>(
    `select certificate.*
     from unnest($1::bigint[]) as device (key)
     cross join lateral (
       select ${columns}
       from device_certificate d join enrollment e on e.key = d.device_key
       where d.device_key = device.key and ${visible} ${where} ${tail}
     ) certificate
     order by certificate.device_key, certificate.bound_at ${direction},
       certificate.sha256 ${direction}`,
    statement.values,
  );
  return pagesOf(rows.map(certificateOf), ({ deviceKey }) => deviceKey, stretch);
}

/** Certificates by their hashes, hexadecimal. */
export async function deviceCertificatesByHash(
  db: Queryable,
  viewer: Viewer,
  hashes: readonly string[],
): Promise<ReadonlyMap<string, DeviceCertificateRow>> {
  const statement = params([hashes.map((hash) => Buffer.from(hash, 'hex'))]);
  const { rows } = await db.query<Row>(
    `select ${columns}
     from device_certificate d
     join enrollment e on e.key = d.device_key and ${visibleTo(viewer, 'e', statement)}
     where d.sha256 = any($1::bytea[])`,
    statement.values,
  );
  return new Map(rows.map((row) => [row.sha256, certificateOf(row)]));
}

/** The certificates themselves, DER, by their hashes; one that only its hash is known of is not there. */
export async function deviceCertificateBytes(
  db: Queryable,
  viewer: Viewer,
  hashes: readonly string[],
): Promise<ReadonlyMap<string, Buffer>> {
  const statement = params([hashes.map((hash) => Buffer.from(hash, 'hex'))]);
  const { rows } = await db.query<{ sha256: string; der: Buffer }>(
    `select encode(d.sha256, 'hex') as sha256, d.der
     from device_certificate d
     join enrollment e on e.key = d.device_key and ${visibleTo(viewer, 'e', statement)}
     where d.sha256 = any($1::bytea[]) and d.der is not null`,
    statement.values,
  );
  return new Map(rows.map(({ sha256, der }) => [sha256, der]));
}

function certificateOf(row: Row): DeviceCertificateRow {
  return {
    sha256: row.sha256,
    deviceKey: BigInt(row.device_key),
    subject: row.subject,
    issuer: row.issuer,
    serial: row.serial,
    notBefore: row.not_before,
    notAfter: row.not_after,
    boundAt: row.bound_at,
    boundMicros: BigInt(row.bound_micros),
    currentAt: row.current_at,
    retiredAt: row.retired_at,
    state: row.state,
  };
}

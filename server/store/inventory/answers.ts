import type { Pool } from 'pg';
import { eachResult } from '../each-result.ts';

/** A device's answer as it is stored, and what it answers. */
export interface StoredAnswer {
  readonly enrollmentKey: bigint;
  readonly commandKey: bigint;
  readonly enrollmentId: string;
  readonly commandUuid: string;
  /** The command's: where its body is bound to, also when the device has moved since. */
  readonly tenantId: number;
  /** Whether it is the device's own channel. */
  readonly ofDevice: boolean;
  readonly requestType: string;
  readonly answeredAt: Date;
  /** How long the report is, sealed, in bytes. */
  readonly size: number;
  /** The report, sealed; null when it is longer than was asked for. */
  readonly result: Buffer | null;
  /** The command, as stored; null unless it was asked for. */
  readonly body: Buffer | null;
  readonly bodySealed: boolean;
}

interface Row {
  readonly enrollment_key: string;
  readonly command_key: string;
  readonly enrollment_id: string;
  readonly uuid: string;
  readonly tenant_id: number;
  readonly of_device: boolean;
  readonly request_type: string;
  readonly answered_at: Date;
  readonly size: number;
  readonly result: Buffer | null;
  readonly body: Buffer | null;
  readonly body_sealed: boolean;
}

const text = `
select r.enrollment_key, r.command_key, e.id as enrollment_id, c.uuid, c.tenant_id,
  e.device_key is null as of_device, c.request_type, r.answered_at,
  octet_length(r.result) as size,
  case when octet_length(r.result) <= $3 then r.result end as result,
  case when c.request_type = any ($4) then c.body end as body, c.body_sealed
from unnest($1::bigint[], $2::bigint[]) as wanted (enrollment_key, command_key)
${eachResult}
join enrollment e on e.key = r.enrollment_key
join command c on c.key = r.command_key
where r.result is not null and r.answered_at is not null`;

/**
 * Reads answers whose bytes are still kept.
 * @param longest    bytes of a report that are read along at most; see `readResult`
 * @param withBodies request types whose commands are read too
 */
export async function readAnswers(
  pool: Pool,
  keys: readonly { readonly enrollmentKey: bigint; readonly commandKey: bigint }[],
  longest: number,
  withBodies: readonly string[],
): Promise<StoredAnswer[]> {
  const result = await pool.query<Row>({
    name: 'read-answers',
    text,
    values: [
      keys.map(({ enrollmentKey }) => enrollmentKey),
      keys.map(({ commandKey }) => commandKey),
      longest,
      withBodies,
    ],
  });
  return result.rows.map((row) => ({
    enrollmentKey: BigInt(row.enrollment_key),
    commandKey: BigInt(row.command_key),
    enrollmentId: row.enrollment_id,
    commandUuid: row.uuid,
    tenantId: row.tenant_id,
    ofDevice: row.of_device,
    requestType: row.request_type,
    answeredAt: row.answered_at,
    size: row.size,
    result: row.result,
    body: row.body,
    bodySealed: row.body_sealed,
  }));
}

/** Reads one report, sealed; null when it is no longer kept. */
export async function readResult(
  pool: Pool,
  { enrollmentKey, commandKey }: Pick<StoredAnswer, 'enrollmentKey' | 'commandKey'>,
): Promise<Buffer | null> {
  const { rows } = await pool.query<{ result: Buffer | null }>({
    name: 'read-result',
    text: 'select result from command_result where enrollment_key = $1 and command_key = $2',
    values: [enrollmentKey, commandKey],
  });
  return rows[0]?.result ?? null;
}

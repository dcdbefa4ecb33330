import type { Pool } from 'pg';
import {
  type NextCommandRow,
  type StoredCommand,
  nextCommandColumns,
  nextCommandOf,
  nextCommandSql,
} from './next-command.ts';

// Read-only, so that a polling fleet costs the database no write at all. The enrolment comes from the
// covering index, the queue from its own key, the body from the command's.
const text = `
select e.key, e.enabled, e.cert_hash = $2 as certificate_current, ${nextCommandColumns}
from enrollment e
${nextCommandSql('e', 'e.enabled and e.cert_hash = $2')}
where e.id = $1`;

interface Row extends NextCommandRow {
  readonly key: string;
  readonly enabled: boolean;
  readonly certificate_current: boolean | null;
}

export interface IdleAnswer {
  readonly enrollmentKey: string;
  readonly enabled: boolean;
  /** False: signed with the pending certificate, or with one that is not this enrolment's. */
  readonly certificateCurrent: boolean;
  readonly next: StoredCommand | null;
}

/**
 * What a device that polls gets: its next command, NotNow ones included.
 * @param certificate SHA-256 of the certificate that signed
 * @returns null when no such enrolment exists
 */
export async function idle(
  pool: Pool,
  enrollmentId: string,
  certificate: Buffer,
): Promise<IdleAnswer | null> {
  const result = await pool.query<Row>({ name: 'idle', text, values: [enrollmentId, certificate] });
  const row = result.rows[0];
  if (row === undefined) return null;
  return {
    enrollmentKey: row.key,
    enabled: row.enabled,
    certificateCurrent: row.certificate_current === true,
    next: nextCommandOf(row),
  };
}

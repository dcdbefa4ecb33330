import type { Pool } from 'pg';
import { byteaArray, textArray } from '../binary-array.ts';
import {
  type NextCommandRow,
  type StoredCommand,
  nextCommandColumns,
  nextCommandColumnsOfMany,
  nextCommandOf,
  nextCommandSql,
  nextCommandsOfMany,
} from './next-command.ts';

// Read-only, so that a polling fleet costs the database no write at all. The enrolment comes by the hash of
// its id, the queue by its own key, the body by the command's.
const text = `
select e.key, e.enabled, e.cert_hash = $2 as certificate_current, ${nextCommandColumns}
from enrollment e
${nextCommandSql('e', 'e.enabled and e.cert_hash = $2')}
where e.id = $1`;

/** The same for polls that arrived together. */
export const idleTextOfMany = `
select asked.n::int as n, e.key, e.enabled, e.cert_hash = asked.certificate as certificate_current,
  ${nextCommandColumnsOfMany}
from unnest($1::text[], $2::bytea[]) with ordinality as asked (id, certificate, n)
join enrollment e on e.id = asked.id
${nextCommandSql('e', 'e.enabled and e.cert_hash = asked.certificate')}`;

interface Row extends NextCommandRow {
  readonly key: string;
  readonly enabled: boolean;
  readonly certificate_current: boolean | null;
}

export interface Poll {
  readonly enrollmentId: string;
  /** SHA-256 of the certificate that signed. */
  readonly certificate: Buffer;
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
 * @returns null when no such enrolment exists
 */
export async function idle(pool: Pool, poll: Poll): Promise<IdleAnswer | null> {
  const values = [poll.enrollmentId, poll.certificate];
  const { rows } = await pool.query<Row>({ name: 'idle', text, values });
  const [row] = rows;
  return row === undefined ? null : answerOf(row, nextCommandOf(row));
}

/** `idle` for several enrolments in one statement; answers in the order of the polls. */
export async function idleTogether(
  pool: Pool,
  polls: readonly Poll[],
): Promise<readonly (IdleAnswer | null)[]> {
  const { rows } = await pool.query<Row & { readonly n: number }>({
    name: 'idle-together',
    text: idleTextOfMany,
    values: [
      textArray(polls.map(({ enrollmentId }) => enrollmentId)),
      byteaArray(polls.map(({ certificate }) => certificate)),
    ],
  });
  const next = await nextCommandsOfMany(pool, rows);
  const answers = polls.map((): IdleAnswer | null => null);
  for (const [at, row] of rows.entries()) answers[row.n - 1] = answerOf(row, next[at] ?? null);
  return answers;
}

function answerOf(row: Row, next: StoredCommand | null): IdleAnswer {
  return {
    enrollmentKey: row.key,
    enabled: row.enabled,
    certificateCurrent: row.certificate_current === true,
    next,
  };
}

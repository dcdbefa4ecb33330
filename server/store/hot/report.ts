import type { Pool } from 'pg';
import { release } from '../../model/release.ts';
import { byteaArray, textArray, timestampArray } from '../binary-array.ts';
import {
  type NextCommandRow,
  type StoredCommand,
  nextCommandOf,
  nextCommandsOfMany,
} from './next-command.ts';
import { queryInPieces } from './query-in-pieces.ts';
import { reportText, reportTextOfMany } from './report-sql.ts';

/** Bytes from which a report goes out in pieces. */
const longEnough = 16 * 1024;

interface Row extends NextCommandRow {
  /** Which of the reports, from 1. */
  readonly n: number;
  readonly key: string;
  readonly enabled: boolean;
  readonly changed: boolean;
  readonly overtaken: boolean;
}

export interface ReportInput {
  readonly enrollmentId: string;
  /** SHA-256 of the certificate that signed. */
  readonly certificate: Buffer;
  readonly commandUuid: string;
  /** The device's word, such as `Acknowledged` or `Error`. */
  readonly status: string;
  /** How many bytes the report has. */
  readonly size: number;
  /**
   * Seals the report as sent, in pieces. Asked for when a statement is about to go out: what waits for
   * its turn is held in memory once, not twice.
   */
  readonly seal: () => readonly Buffer[];
  readonly at: Date;
  readonly traceId: string;
  /** When the command was handed over, as far as this process knows and has not written yet. */
  readonly firstSentAt: Date | null;
}

export interface ReportAnswer {
  readonly enrollmentKey: string;
  readonly enabled: boolean;
  /** Whether anything was written (false: a repeat). */
  readonly changed: boolean;
  readonly next: StoredCommand | null;
}

/**
 * Ends a command for an enrolment by the device's own report and returns what to send next.
 * One statement, a second one only when the command was ended by somebody else at the same moment; a
 * repeated report changes nothing; one for a command that this enrolment never had is kept once, apart.
 * @returns null when the certificate is not the enrolment's current one, or no such enrolment exists
 */
export async function report(pool: Pool, input: ReportInput): Promise<ReportAnswer | null> {
  let row = await runReport(pool, input);
  if (row?.overtaken) row = await runReport(pool, input);
  return row === undefined ? null : answerOf(row, nextCommandOf(row));
}

/**
 * `report` for several enrolments, each at most once, in one statement and one commit.
 * @returns answers in the order of the reports
 */
export async function reportTogether(
  pool: Pool,
  inputs: readonly ReportInput[],
): Promise<readonly (ReportAnswer | null)[]> {
  const { rows } = await pool.query<Row>({
    name: 'report-together',
    text: reportTextOfMany,
    values: [
      textArray(inputs.map(({ enrollmentId }) => enrollmentId)),
      byteaArray(inputs.map(({ certificate }) => certificate)),
      textArray(inputs.map(({ commandUuid }) => commandUuid)),
      textArray(inputs.map(({ status }) => status)),
      byteaArray(inputs.map(({ seal }) => Buffer.concat(seal()))),
      timestampArray(inputs.map(({ at }) => at)),
      textArray(inputs.map(({ traceId }) => traceId)),
      timestampArray(inputs.map(({ firstSentAt }) => firstSentAt)),
    ],
  });
  const next = await nextCommandsOfMany(pool, rows);
  const answers = inputs.map((): ReportAnswer | null => null);
  for (const [at, row] of rows.entries()) {
    const input = inputs[row.n - 1];
    if (input === undefined) continue;
    answers[row.n - 1] = row.overtaken
      ? await report(pool, input)
      : answerOf(row, next[at] ?? null);
  }
  return answers;
}

function answerOf(row: Row, next: StoredCommand | null): ReportAnswer {
  return { enrollmentKey: row.key, enabled: row.enabled, changed: row.changed, next };
}

async function runReport(pool: Pool, input: ReportInput): Promise<Row | undefined> {
  const statement = {
    name: 'report',
    text: reportText,
    values: [
      input.enrollmentId,
      input.certificate,
      input.commandUuid,
      input.status,
      input.at,
      input.traceId,
      input.firstSentAt,
    ],
  };
  const pieces = input.seal();
  if (input.size < longEnough) {
    // Copied by `pg`: that is less than a write more.
    const values = [...statement.values, Buffer.concat(pieces)];
    const { rows } = await pool.query<Row>({ ...statement, values });
    return rows[0];
  }
  const [row] = await queryInPieces<Row>(pool, statement, pieces);
  for (const piece of pieces) release(piece);
  return row;
}

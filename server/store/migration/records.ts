import type { Pool, PoolClient } from 'pg';

type Db = Pick<PoolClient, 'query'>;

/** Where a line of a migration belongs. */
export interface NewMigrationRecord {
  readonly phase: number;
  /** Lines of one place are worked on together, places in order (byte by byte). */
  readonly place: string;
  readonly line: number;
  /** The enrolment or command that it is about. */
  readonly name: string;
  readonly bytes: number;
  /** The line itself can't be used; it stands here so that its enrolment is held back. */
  readonly bad: boolean;
}

/** A record as it is worked on. */
export interface PlacedRecord {
  readonly place: string;
  readonly line: number;
  readonly name: string;
  readonly bytes: number;
  readonly bad: boolean;
}

/** Where a phase has come to. */
export interface Position {
  readonly place: string;
  readonly line: number;
}

/** Notes where lines belong, in one statement. */
export async function placeRecords(
  db: Db,
  jobId: string,
  records: readonly NewMigrationRecord[],
): Promise<void> {
  if (records.length === 0) return;
  await db.query({
    name: 'place-migration-records',
    text: `
insert into migration_record (job_id, phase, place, line, name, bytes, bad)
select $1, phase, place, line, name, bytes, bad
from unnest($2::smallint[], $3::text[], $4::int[], $5::text[], $6::int[], $7::boolean[])
  as r (phase, place, line, name, bytes, bad)`,
    values: [
      jobId,
      records.map(({ phase }) => phase),
      records.map(({ place }) => place),
      records.map(({ line }) => line),
      records.map(({ name }) => name),
      records.map(({ bytes }) => bytes),
      records.map(({ bad }) => bad),
    ],
  });
}

/** The next records of a phase, in order. */
export async function recordsAfter(
  db: Db,
  jobId: string,
  phase: number,
  after: Position,
  limit: number,
): Promise<readonly PlacedRecord[]> {
  const { rows } = await db.query<PlacedRecord>({
    name: 'migration-records-after',
    text: `
select place, line, name, bytes, bad from migration_record
where job_id = $1 and phase = $2 and (place, line) > ($3, $4)
order by place, line limit $5`,
    values: [jobId, phase, after.place, after.line, limit],
  });
  return rows;
}

/** Of these names, those that a phase of the file brings, as far as its lines can be read. */
export async function namesInFile(
  db: Db,
  jobId: string,
  phase: number,
  names: readonly string[],
): Promise<ReadonlySet<string>> {
  if (names.length === 0) return new Set();
  const { rows } = await db.query<{ name: string }>({
    name: 'names-in-migration',
    text: `
select distinct name from migration_record
where job_id = $1 and phase = $2 and name = any($3) and not bad`,
    values: [jobId, phase, names],
  });
  return new Set(rows.map(({ name }) => name));
}

/** Deletes what was noted for jobs that have ended, or are gone, a page at a time. */
export async function deleteOldMigrationRecords(pool: Pool): Promise<number> {
  const result = await pool.query(`
with page as materialized (
  select r.job_id, r.phase, r.place, r.line from migration_record r
  where not exists (select 1 from job j where j.id = r.job_id and j.finished_at is null)
  limit 5000
)
delete from migration_record r using page p
where r.job_id = p.job_id and r.phase = p.phase and r.place = p.place and r.line = p.line`);
  return result.rowCount ?? 0;
}

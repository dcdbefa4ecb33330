import type { Pool, PoolClient } from 'pg';
import type { TenantId } from '../../model/viewer.ts';

/** `WAITING` for its file, `RECEIVING` it, `READY` to be worked on, `USED`; `FAILED` can't be used. */
export type UploadState = 'WAITING' | 'RECEIVING' | 'READY' | 'FAILED' | 'USED';

/** An upload to be made. */
export interface NewUpload {
  readonly id: string;
  readonly tenantId: TenantId | null;
  /** The token that it is for; null for callers without one. */
  readonly tokenId: string | null;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

/** An upload as it stands. */
export interface StoredUpload {
  readonly tenantId: TenantId | null;
  readonly tokenId: string | null;
  readonly createdBy: string;
  readonly state: UploadState;
  /** Lines that are not blank. */
  readonly lines: number;
  readonly problem: string | null;
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

/** Makes an upload, in the caller's transaction. */
export async function insertUpload(client: PoolClient, upload: NewUpload): Promise<void> {
  await client.query(
    `insert into upload (id, tenant_id, token_id, created_by, created_at, expires_at)
     values ($1, $2, $3, $4, $5, $6)`,
    [
      upload.id,
      upload.tenantId,
      upload.tokenId,
      upload.createdBy,
      upload.createdAt,
      upload.expiresAt,
    ],
  );
}

/** Reads an upload; with `lock`, nobody else changes it until the transaction ends. */
export async function findUpload(
  db: Pick<PoolClient, 'query'>,
  id: string,
  lock = false,
): Promise<StoredUpload | null> {
  const { rows } = await db.query<{
    tenant_id: number | null;
    token_id: string | null;
    created_by: string;
    state: UploadState;
    lines: number;
    problem: string | null;
    created_at: Date;
    expires_at: Date;
  }>(
    `select tenant_id, token_id, created_by, state, lines, problem, created_at, expires_at from upload
     where id = $1 ${lock ? 'for update' : ''}`,
    [id],
  );
  const row = rows[0];
  return row === undefined
    ? null
    : {
        tenantId: row.tenant_id,
        tokenId: row.token_id,
        createdBy: row.created_by,
        state: row.state,
        lines: row.lines,
        problem: row.problem,
        createdAt: row.created_at,
        expiresAt: row.expires_at,
      };
}

/** Takes an upload for one request to fill. @returns false when it is not waiting any more */
export async function beginUpload(pool: Pool, id: string): Promise<boolean> {
  const { rowCount } = await pool.query(
    `update upload set state = 'RECEIVING' where id = $1 and state = 'WAITING'`,
    [id],
  );
  return rowCount === 1;
}

/** A line of an upload, sealed. */
export interface UploadLine {
  readonly line: number;
  readonly content: Buffer;
}

/** Keeps a page of lines, in one statement. */
export async function storeUploadLines(
  pool: Pool,
  id: string,
  lines: readonly UploadLine[],
): Promise<void> {
  await pool.query({
    name: 'store-upload-lines',
    text: `
insert into upload_line (upload_id, line, content)
select $1, line, content from unnest($2::int[], $3::bytea[]) as l (line, content)`,
    values: [id, lines.map(({ line }) => line), lines.map(({ content }) => content)],
  });
}

/** Ends the receiving of an upload. */
export async function endUpload(
  pool: Pool,
  id: string,
  end: {
    readonly state: 'READY' | 'FAILED';
    readonly lines: number;
    readonly bytes: number;
    readonly problem: string | null;
    readonly problemLine: number | null;
  },
): Promise<void> {
  await pool.query(
    `update upload set state = $2, lines = $3, bytes = $4, problem = $5, problem_line = $6
     where id = $1 and state = 'RECEIVING'`,
    [id, end.state, end.lines, end.bytes, end.problem, end.problemLine],
  );
}

/** Gives an upload to the job that works on it, for good. */
export async function useUpload(client: PoolClient, id: string, jobId: string): Promise<void> {
  await client.query(`update upload set state = 'USED', job_id = $2 where id = $1`, [id, jobId]);
}

/** Lines of an upload after one, in order, as many as `limit`. */
export async function linesAfter(
  db: Pick<PoolClient, 'query'>,
  id: string,
  after: number,
  limit: { readonly lines: number; readonly bytes: number },
): Promise<readonly UploadLine[]> {
  const { rows } = await db.query<UploadLine>({
    name: 'upload-lines-after',
    text: `
with page as materialized (
  select line, octet_length(content) as bytes from upload_line
  where upload_id = $1 and line > $2 order by line limit $3
), summed as (
  select line, sum(bytes) over (order by line) - bytes as before from page
)
select l.line, l.content from summed s join upload_line l on l.upload_id = $1 and l.line = s.line
where s.before < $4 order by l.line`,
    values: [id, after, limit.lines, limit.bytes],
  });
  return rows;
}

/** Certain lines of an upload, in order. */
export async function theseLines(
  db: Pick<PoolClient, 'query'>,
  id: string,
  lines: readonly number[],
): Promise<readonly UploadLine[]> {
  const { rows } = await db.query<UploadLine>({
    name: 'these-upload-lines',
    text: `
select line, content from upload_line
where upload_id = $1 and line = any($2::int[]) order by line`,
    values: [id, lines],
  });
  return rows;
}

/**
 * Deletes the lines of uploads that nobody can use any more (failed, out of time, worked on to the end),
 * a page at a time, and uploads a week after their time.
 * @returns how many rows went
 */
export async function deleteOldUploads(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ gone: number }>(`
with over as materialized (
  select u.id from upload u left join job j on j.id = u.job_id
  where u.state = 'FAILED' or (u.state <> 'USED' and u.expires_at < now())
    or (u.state = 'USED' and (j.id is null or j.finished_at is not null))
), page as materialized (
  select l.upload_id, l.line from over join upload_line l on l.upload_id = over.id limit 5000
), lines as (
  delete from upload_line l using page p where l.upload_id = p.upload_id and l.line = p.line
  returning 1
), uploads as (
  delete from upload u using over
  where u.id = over.id and u.expires_at < now() - interval '7 days'
    and not exists (select 1 from upload_line l where l.upload_id = u.id)
  returning 1
)
select (select count(*) from lines)::int + (select count(*) from uploads)::int as gone`);
  return rows[0]?.gone ?? 0;
}

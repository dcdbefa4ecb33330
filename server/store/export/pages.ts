import type { Pool, PoolClient } from 'pg';
import type { TenantId } from '../../model/viewer.ts';

/** Adds a page to an export's file. */
export async function appendExportPage(
  client: PoolClient,
  jobId: string,
  page: number,
  content: Buffer,
): Promise<void> {
  await client.query('insert into export_page (job_id, page, content) values ($1, $2, $3)', [
    jobId,
    page,
    content,
  ]);
}

/** A page of an export's file, the first is 0; null: it is not there, or not any more. */
export async function exportPage(pool: Pool, jobId: string, page: number): Promise<Buffer | null> {
  const { rows } = await pool.query<{ content: Buffer }>(
    'select content from export_page where job_id = $1 and page = $2',
    [jobId, page],
  );
  return rows[0]?.content ?? null;
}

/** How many pages of an export's file are there. */
export async function countExportPages(pool: Pool, jobId: string): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(
    'select count(*)::int as count from export_page where job_id = $1',
    [jobId],
  );
  return rows[0]?.count ?? 0;
}

/** What an export's job is doing, and how many pages it has written; null: a tenant has none with this id. */
export async function exportState(
  pool: Pool,
  jobId: string,
  kind: string,
  tenant: TenantId | null,
): Promise<{ readonly state: string; readonly pages: number } | null> {
  const { rows } = await pool.query<{ state: string; pages: number }>(
    `select state, coalesce((cursor ->> 'page')::int, 0) as pages
     from job where id = $1 and kind = $2 and ($3::int is null or tenant_id = $3)`,
    [jobId, kind, tenant],
  );
  return rows[0] ?? null;
}

/** Deletes the files of exports a day after their job has ended, a page at a time. */
export async function deleteOldExports(pool: Pool): Promise<number> {
  const result = await pool.query(`
with page as materialized (
  select p.job_id, p.page from export_page p left join job j on j.id = p.job_id
  where j.id is null or j.finished_at < now() - interval '1 day'
  limit 100
)
delete from export_page e using page p where e.job_id = p.job_id and e.page = p.page`);
  return result.rowCount ?? 0;
}
